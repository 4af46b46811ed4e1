"""Entries of the event stream: bytes to struct and back.

    <epoch>-<seq>   b  the body, JSON, as its writer made it
                    p  the id of the entry before (`prev`)
                    t  the partition's clock, ms
                    x  what only the script knew: members of a JSON object, without its braces; absent when nothing

The *document* of an entry is one JSON object: id, at, the body, and what the script knew. It is what the archive keeps
and what clients see; the typed event is decoded from it.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from waterclock.model.events import Event, JobChanged, JobCreated, StepLogged, StoredEvent
from waterclock.model.outcomes import STATUS_OF_TAG, RunStatus
from waterclock.model.positions import Position, at_entry
from waterclock.model.promise import is_sound
from waterclock.model.timestamps import Stamp, is_stamp, stamp
from waterclock.wire.nesting import READ_MOST, shallow
from waterclock.wire.salvage import Told, told_by
from waterclock.wire.upcast import upcast

BODY, PREV, AT, FACTS = b"b", b"p", b"t", b"x"
UNREADABLE = "unreadable"
FLAW_MOST = 500
"""Characters of why an event cannot be read."""

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(StoredEvent)
_members = msgspec.json.Decoder(dict[str, msgspec.Raw])
_BESIDE_REQUEST = frozenset({"id", "at", "state", "serial", "waitingOn", "fingerprint"})
_ENTRY = re.compile(rb"[0-9]{1,15}-[0-9]{1,15}")
_WILD = re.compile(rb"[eE][+]?[0-9]{3}|[0-9]{4300}")  # numbers that may be too large, where they stand in no text
_LATEST = 253_402_300_799_999  # ms: the end of the year 9999


class _Tagged(msgspec.Struct, frozen=True):
    type: str


class _Kept(msgspec.Struct, frozen=True):
    """What is kept of an entry that is no JSON: its bytes, each a character."""

    body: str = ""
    facts: str = ""


class _FlatLine(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    at: str
    level: str
    text: str


_flat_decoder = msgspec.json.Decoder(
    msgspec.defstruct(
        "_FlatBatch",
        [
            *((name, str) for name in ("id", "at", "type")),
            *((field.encode_name, Any, None) for field in msgspec.structs.fields(StepLogged) if field.name != "lines"),
            ("lines", list[_FlatLine]),
            ("linesDigest", str, ""),
        ],
        kw_only=True,
        forbid_unknown_fields=True,
    )
)
_tag_decoder = msgspec.json.Decoder(_Tagged)
_whole_decoder = msgspec.json.Decoder()
_kept_decoder = msgspec.json.Decoder(_Kept)


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a type that this release does not know: parked as it is, never dropped.

    So too one of a known type that does not fit it, and what is no JSON at all, which is of the type `unreadable`.
    `tag`, `run_id`, `job_id` and `attempt` are what such a one tells all the same, if it does.
    """

    type: str
    flaw: str | None = None  # why it cannot be read; None: only its type is unknown
    tag: str | None = None  # where that is not its type
    run_id: str | None = None
    job_id: str | None = None
    attempt: int | None = None

    @property
    def named(self) -> str:
        """Its type, as far as anybody can tell."""
        return self.tag or self.type

    @property
    def ends(self) -> RunStatus | None:
        """How the run ended that it is about, though it cannot be read; None: it ends none that is known."""
        return None if self.flaw is None or self.run_id is None else STATUS_OF_TAG.get(self.named)


class Entry(msgspec.Struct, frozen=True, kw_only=True):
    """A stored event in its place."""

    position: Position
    prev: str  # the id of the entry before; empty for the first
    at: int  # ms
    event: StoredEvent | UnknownEvent
    document: bytes

    @property
    def before(self) -> Position | None:
        """The place of the entry before; None before the first."""
        return at_entry(self.position.partition, self.prev) if self.prev else None

    @property
    def told(self) -> bytes:
        """The document as clients get it: they need not read what is nested deeper than we do, nor what we do not."""
        if isinstance(self.event, StepLogged) and _is_flat(self.document):
            return self.document
        told = shallow(self.document, _DEEPEST)
        if (told.isascii() and not _WILD.search(told)) or _is_readable(told):
            return told
        at = stamp(self.at)
        if isinstance(self.event, UnknownEvent):
            return _kept(self.position, at, self.document, b"")
        return _document(self.position, at, encode_body(self.event), b"")

    @property
    def type(self) -> str:
        """The event's stored tag."""
        return self.event.type if isinstance(self.event, UnknownEvent) else str(self.event.__struct_config__.tag)


def encode_body(event: Event) -> bytes:
    return _encoder.encode(event)


def time_of(fields: Mapping[bytes, bytes]) -> int:
    """When an entry was appended, ms; 0 where it does not say."""
    try:
        at = int(fields.get(AT, b"0"))
    except ValueError:
        return 0
    return at if 0 <= at <= _LATEST else 0


def prev_of(fields: Mapping[bytes, bytes]) -> str:
    """The id of the entry before; empty for the first, and where it does not say."""
    prev = fields.get(PREV, b"")
    return prev.decode() if _ENTRY.fullmatch(prev) else ""


def read_entry(partition: int, entry: str, fields: Mapping[bytes, bytes]) -> Entry:
    """Decode a stream entry; one that we cannot have written follows nothing, and is a break of the chain."""
    position = at_entry(partition, entry)
    at = time_of(fields)
    body, facts = fields.get(BODY, b""), fields.get(FACTS, b"")
    document = _document(position, stamp(at), body, facts)
    event = decode_document(document)
    if isinstance(event, UnknownEvent) and event.type == UNREADABLE:
        document = _kept(position, stamp(at), body, facts)
        event = decode_document(document)
    return Entry(position=position, prev=prev_of(fields), at=at, event=event, document=document)


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
        return event or _garbled(document)
    try:
        return _decoded(cut)
    except RecursionError:  # its brackets do not match
        return _garbled(document)


def unreadable(entry: Entry, flaw: str) -> Entry:
    """The same entry as one that cannot be read, for what it holds cannot be stored."""
    told = told_by(entry.document)
    event = UnknownEvent(type=entry.type, **_named(told, flaw))
    return msgspec.structs.replace(entry, event=event)


def _spelled(name: str) -> str:
    first, *rest = name.split("_")
    return first + "".join(word.title() for word in rest)


def _is_readable(document: bytes) -> bool:
    try:
        _whole_decoder.decode(document)
    except (ValueError, RecursionError):
        return False
    return True


def _is_flat(document: bytes) -> bool:
    """Whether a batch of log lines is as we write it: so told in a tenth of what looking for its depth would take."""
    try:
        _flat_decoder.decode(document)
    except (ValueError, RecursionError):
        return False
    return True


def _decoded(document: bytes) -> StoredEvent | UnknownEvent:
    try:
        if not document.isascii():
            document.decode()  # the decoder does not look into what it skips
        event = _decoder.decode(document)
    except msgspec.ValidationError as error:
        return _lifted(document) or _parked(document, str(error))
    except ValueError:  # msgspec.DecodeError, UnicodeDecodeError
        return _garbled(document)
    for name in _MOMENTS.get(type(event), ()):
        if (moment := getattr(event, name)) is not None and not is_stamp(moment):
            return _parked(document, f"no such time - at `$.{_spelled(name)}`")
    if isinstance(event, JobCreated | JobChanged):
        for moment in (event.definition.start_at, event.definition.end_at):
            if moment is not None and not is_stamp(moment):
                return _parked(document, "no such time - at `$.definition`")
        if event.definition.promise and not is_sound(event.definition.promise):
            return _parked(document, "no such promise - at `$.definition.promise`")
    return event


def _lifted(document: bytes) -> StoredEvent | None:
    """The event that an old shape stands for; None if it is none."""
    try:
        old = upcast(document)
        return None if old is None else _decoder.decode(old)
    except ValueError:  # what comes after the first flaw may be no JSON
        return None


def _parked(document: bytes, flaw: str) -> UnknownEvent:
    try:
        tag = _tag_decoder.decode(document).type
        _whole_decoder.decode(document)
    except ValueError:
        return _garbled(document)
    if tag == UNREADABLE:
        return _garbled(document)
    return UnknownEvent(type=tag, **_named(told_by(document), flaw)) if tag in _KNOWN else UnknownEvent(type=tag)


def _garbled(document: bytes) -> UnknownEvent:
    """What is no event: of its bytes, which the document keeps, as much as can be told."""
    try:
        kept = _kept_decoder.decode(document)
    except (ValueError, RecursionError):
        return UnknownEvent(type=UNREADABLE, flaw=_NO_EVENT)
    told = told_by(kept.body.encode("latin-1", "replace"), b"{" + kept.facts.encode("latin-1", "replace"))
    return UnknownEvent(type=UNREADABLE, tag=told.tag if told.tag in _KNOWN else None, **_named(told, _NO_EVENT))


def _named(told: Told, flaw: str) -> dict[str, Any]:
    flaw = flaw if len(flaw) <= FLAW_MOST else f"{flaw[:FLAW_MOST]} …"
    return {"flaw": flaw, "run_id": told.run_id, "job_id": told.job_id, "attempt": told.attempt}


def request_body(document: bytes) -> bytes:
    """The body of the RunRequested that a document was made of."""
    members = _members.decode(document)
    return _encoder.encode({name: value for name, value in members.items() if name not in _BESIDE_REQUEST})


def _document(position: Position, at: Stamp, body: bytes, facts: bytes) -> bytes:
    tail = b"," + facts if facts else b""
    return b'{"id":"%b","at":"%b",%b%b}' % (str(position).encode(), at.encode(), body[1:-1], tail)


def _kept(position: Position, at: Stamp, body: bytes, facts: bytes) -> bytes:
    """The document of what is no JSON: its bytes, and beside them whose it is, as far as they tell."""
    told = told_by(body, b"{" + facts)
    named = {"runId": told.run_id, "jobId": told.job_id, "attempt": told.attempt}
    members: dict[str, Any] = {"type": UNREADABLE} | {name: one for name, one in named.items() if one is not None}
    members |= {"body": body.decode("latin-1"), "facts": facts.decode("latin-1")}
    return _document(position, at, _encoder.encode(members), b"")


_DEEPEST = READ_MOST + 1  # the document itself is one
_NO_EVENT = "not a JSON object with a type"
_KNOWN = frozenset(kind.__struct_config__.tag for kind in StoredEvent.__args__)
_AMONG = frozenset({"after", "through", "first", "last", "folded_first", "nominal_at", "ready_at"})
_MOMENTS = {
    kind: tuple(name for name in kind.__struct_fields__ if name in _AMONG)
    for kind in StoredEvent.__args__
    if _AMONG & set(kind.__struct_fields__)
}
