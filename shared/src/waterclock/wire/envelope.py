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

from waterclock.model.events import Event, StepLogged, StoredEvent
from waterclock.model.instants import Stamp, stamp
from waterclock.model.positions import Position, at_entry
from waterclock.wire.nesting import READ_MOST, shallow
from waterclock.wire.upcast import upcast

BODY, PREV, AT, FACTS = b"b", b"p", b"t", b"x"
UNREADABLE = "unreadable"

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(StoredEvent)


_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BESIDE_REQUEST = frozenset({"id", "at", "state", "serial", "waitingOn", "fingerprint"})


class _Tagged(msgspec.Struct, frozen=True):
    type: str


_tag_decoder = msgspec.json.Decoder(_Tagged)


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a type that this release does not know: parked as it is, never dropped.

    So too one of a known type that does not fit it, and what is no JSON at all, which is of the type `unreadable`.
    """

    type: str
    flaw: str | None = None  # why it cannot be read; None: only its type is unknown


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event in its place."""

    position: Position
    prev: str  # the id of the entry before; empty for the first
    at: int  # ms
    event: StoredEvent | UnknownEvent
    document: bytes

    @property
    def told(self) -> bytes:
        """The document as clients get it: they need not read what is nested deeper than we do."""
        return self.document if isinstance(self.event, StepLogged) else shallow(self.document, _DEEPEST)

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
    """Decode a stream entry; one that we cannot have written follows nothing, and is a break of the chain."""
    position = at_entry(partition, entry)
    at = int(fields.get(AT, b"0"))
    body, facts, prev = fields.get(BODY, b""), fields.get(FACTS, b""), fields.get(PREV, b"").decode()
    document = _document(position, stamp(at), body, facts)
    event = decode_document(document)
    if event == _GARBLED:
        told = {"body": body.decode("latin-1"), "facts": facts.decode("latin-1")}
        document = _document(position, stamp(at), _encoder.encode({"type": UNREADABLE, **told}), b"")
    return Entry(position=position, prev=prev, at=at, event=event, document=document)


def read_document(position: Position, prev: str, at: int, document: bytes) -> Entry:
    """The same entry as `read_entry` gave, from what the archive keeps of it."""
    return Entry(position=position, prev=prev, at=at, event=decode_document(document), document=document)


def decode_document(document: bytes) -> StoredEvent | UnknownEvent:
    """The event that a document tells; of what is nested too deeply as much as is read. It never raises."""
    try:
        event = _decoded(document)
    except RecursionError:
        event = None
    if isinstance(event, StepLogged) or (cut := shallow(document, _DEEPEST)) is document:
        return event or _GARBLED
    try:
        return _decoded(cut)
    except RecursionError:  # its brackets do not match
        return _GARBLED


def _decoded(document: bytes) -> StoredEvent | UnknownEvent:
    try:
        return _decoder.decode(document)
    except msgspec.ValidationError as error:
        return _lifted(document) or _parked(document, error)
    except ValueError:  # msgspec.DecodeError, UnicodeDecodeError
        return _GARBLED


def _lifted(document: bytes) -> StoredEvent | None:
    """The event that an old shape stands for; None if it is none."""
    try:
        old = upcast(document)
        return None if old is None else _decoder.decode(old)
    except msgspec.ValidationError:
        return None


def _parked(document: bytes, error: msgspec.ValidationError) -> UnknownEvent:
    try:
        tag = _tag_decoder.decode(document).type
    except msgspec.ValidationError:
        return _GARBLED
    if tag == UNREADABLE:
        return _GARBLED
    return UnknownEvent(type=tag, flaw=str(error) if tag in _KNOWN else None)


def request_body(document: bytes) -> bytes:
    """The body of the RunRequested that a document was made of."""
    members = _members.decode(document)
    return _encoder.encode({name: value for name, value in members.items() if name not in _BESIDE_REQUEST})


def _document(position: Position, at: Stamp, body: bytes, facts: bytes) -> bytes:
    tail = b"," + facts if facts else b""
    return b'{"id":"%b","at":"%b",%b%b}' % (str(position).encode(), at.encode(), body[1:-1], tail)


_DEEPEST = READ_MOST + 1  # the document itself is one
_GARBLED = UnknownEvent(type=UNREADABLE, flaw="no JSON object that names its type")
_KNOWN = frozenset(kind.__struct_config__.tag for kind in StoredEvent.__args__)
