"""Entries of the event stream: bytes to struct and back.

    <epoch>-<seq>   b  the body, JSON, as its writer made it
                    p  the id of the entry before (`prev`)
                    t  the partition's clock, ms
                    x  what only the script knew: members of a JSON object, without its braces; absent when nothing

The *document* of an entry is one JSON object: id, at, the body, and what the script knew. It is what the archive keeps
and what clients see; the typed event is decoded from it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from waterclock.model.events import Event, StoredEvent
from waterclock.model.instants import Stamp, stamp
from waterclock.model.positions import Position, at_entry
from waterclock.wire.upcast import upcast

BODY, PREV, AT, FACTS = b"b", b"p", b"t", b"x"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(StoredEvent)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BESIDE_REQUEST = frozenset({"id", "at", "state", "serial", "waitingOn", "fingerprint"})


class _Tagged(msgspec.Struct, frozen=True):
    type: str


_tag_decoder = msgspec.json.Decoder(_Tagged)


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a type that this release does not know: parked as it is, never dropped."""

    type: str


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event in its place."""

    position: Position
    prev: str  # the id of the entry before; empty for the first
    at: int  # ms
    event: StoredEvent | UnknownEvent
    document: bytes

    @property
    def type(self) -> str:
        """The event's stored tag."""
        return self.event.type if isinstance(self.event, UnknownEvent) else str(self.event.__struct_config__.tag)


def encode_body(event: Event) -> bytes:
    return _encoder.encode(event)


def encode_template(event: Event, *from_script: str) -> bytes:
    """Encode a body without the members (named as on the wire) that the script will put beside it."""
    members: dict[str, Any] = msgspec.to_builtins(event)
    return _encoder.encode({name: value for name, value in members.items() if name not in from_script})


def read_entry(partition: int, entry: str, fields: Mapping[bytes, bytes]) -> Entry:
    """Decode a stream entry.

    Raises:
        msgspec.ValidationError: a known type whose body does not fit it.
    """
    position = at_entry(partition, entry)
    at = int(fields[AT])
    document = _document(position, stamp(at), fields[BODY], fields.get(FACTS, b""))
    return Entry(
        position=position, prev=fields[PREV].decode(), at=at, event=decode_document(document), document=document
    )


def read_document(position: Position, prev: str, at: int, document: bytes) -> Entry:
    """The same entry as `read_entry` gave, from what the archive keeps of it."""
    return Entry(position=position, prev=prev, at=at, event=decode_document(document), document=document)


def decode_document(document: bytes) -> StoredEvent | UnknownEvent:
    try:
        return _decoder.decode(document)
    except msgspec.ValidationError:
        old = upcast(document)
        if old is not None:
            return _decoder.decode(old)
        tag = _tag_decoder.decode(document).type
        if tag in _KNOWN:
            raise
        return UnknownEvent(type=tag)


def request_body(document: bytes) -> bytes:
    """The body of the RunRequested that a document was made of."""
    members = _members.decode(document)
    return _encoder.encode({name: value for name, value in members.items() if name not in _BESIDE_REQUEST})


def _document(position: Position, at: Stamp, body: bytes, facts: bytes) -> bytes:
    tail = b"," + facts if facts else b""
    return b'{"id":"%b","at":"%b",%b%b}' % (str(position).encode(), at.encode(), body[1:-1], tail)


_KNOWN = frozenset(kind.__struct_config__.tag for kind in StoredEvent.__args__)
