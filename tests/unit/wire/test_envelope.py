from __future__ import annotations

from typing import Any

import msgspec
import pytest

from waterclock.model.definition import Definition
from waterclock.model.events import (
    Event,
    JobCreated,
    JobDeleted,
    LogLine,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    StepLogged,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import Error
from waterclock.model.positions import Position
from waterclock.model.promise import Promise
from waterclock.model.timestamps import Stamp
from waterclock.wire import nesting, upcast
from waterclock.wire.envelope import (
    UNREADABLE,
    UnknownEvent,
    decode_document,
    encode_body,
    read_document,
    read_entry,
)

R = RunId("0123456789abcdef-1")
STEPS = StepLogged(
    run_id=R, attempt=2, fence=102, lines=(LogLine(at=Stamp("2026-03-29T01:00:00.000Z"), level="info", text="[{"),)
)
STARTED = RunStarted(run_id=R, worker="w", session="w-1", attempt=2, fence=102)
BODY_OF_STARTED = b'{"type":"run.started","worker":"w","session":"w-1"}'
FACTS = f'"runId":"{R}","attempt":2,"fence":102'.encode()
"""What a script knows of it, and puts beside its body."""


def test_what_the_script_knew_is_read_into_the_event() -> None:
    entry = read_entry(0, "1-7", {b"b": BODY_OF_STARTED, b"p": b"1-6", b"t": b"1774746000000", b"x": FACTS})

    assert entry.event == STARTED
    assert (entry.position, entry.prev, entry.at) == (Position(0, 1, 7), "1-6", 1_774_746_000_000)


def test_the_document_names_place_time_and_type_once_each() -> None:
    document = read_entry(0, "1-7", {b"b": BODY_OF_STARTED, b"p": b"1-6", b"t": b"1774746000000", b"x": FACTS}).document

    for name in (
        b'"id":"0-1-7"',
        b'"at":"2026-03-29T01:00:00.000Z"',
        b'"type":"run.started"',
        b'"runId"',
        b'"attempt"',
    ):
        assert document.count(name) == 1


def test_an_archived_document_gives_the_entry_that_the_stream_gave() -> None:
    entry = read_entry(3, "2-1", {b"b": encode_body(STARTED), b"p": b"", b"t": b"1774746000000"})

    assert read_document(entry.position, entry.prev, entry.at, entry.document) == entry


def test_a_type_from_the_future_is_parked_with_its_document() -> None:
    document = b'{"id":"0-1-1","at":"2026-03-29T01:00:00.000Z","type":"run.teleported","whither":"mars"}'

    assert decode_document(document) == UnknownEvent(type="run.teleported")


def test_a_field_from_the_future_is_skipped() -> None:
    document = b'{"type":"job.deleted","jobId":"j","version":3,"mood":"calm"}'

    assert decode_document(document) == JobDeleted(job_id=JobId("j"), version=3)


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b'{"type":"job.deleted","jobId":"j"}', "job.deleted"),
        (b'{"type":"run.died","runId":"j-1","reason":"bored","attempt":1,"fence":1}', "run.died"),
        (b'{"type":"run.started","runId":7}', "run.started"),
        (b'{"type":7}', "unreadable"),
        (b"{}", "unreadable"),
        (b"", "unreadable"),
        (b"{no JSON}", "unreadable"),
        (b'{"type":"\xff"}', "unreadable"),
    ],
)
def test_what_does_not_fit_is_parked_and_says_why(body: bytes, kind: str) -> None:
    entry = read_entry(0, "1-7", {b"b": body, b"p": b"1-6", b"t": b"1774746000000"})

    assert (entry.type, entry.prev) == (kind, "1-6")
    assert isinstance(entry.event, UnknownEvent)
    assert entry.event.flaw
    assert msgspec.json.decode(entry.document)["id"] == "0-1-7"
    assert read_document(entry.position, entry.prev, entry.at, entry.document).type == kind


def test_an_entry_that_is_none_of_ours_follows_nothing() -> None:
    assert read_entry(0, "1-7", {b"nonsense": b"1"}).prev == ""


def test_an_old_shape_is_lifted_step_by_step() -> None:
    def renamed(found: dict[str, Any]) -> dict[str, Any]:
        return {**found, "version": found["revision"]}

    def explained(found: dict[str, Any]) -> dict[str, Any]:
        return {**found, "reason": "old"}

    def unexplained(found: dict[str, Any]) -> bool:
        return "reason" not in found

    def unnamed(found: dict[str, Any]) -> bool:
        return "version" not in found

    steps = (
        upcast.Upcaster("job.deleted", unnamed, renamed),
        upcast.Upcaster("job.deleted", unexplained, explained),
    )
    lifted = upcast.upcast(b'{"type":"job.deleted","jobId":"j","revision":3}', steps)

    assert lifted is not None
    assert decode_document(lifted) == JobDeleted(job_id=JobId("j"), version=3, reason="old")


@pytest.mark.parametrize("depth", [1, 32, 33, 199, 200, 201, 963, 964, 970, 985, 9_985, 9_990, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [("[", "]"), ('{"a":', "}")])
def test_a_result_is_read_however_deep_it_is_stored(depth: int, opening: str, closing: str) -> None:
    result = opening * depth + "1" + closing * depth
    document = (
        f'{{"id":"0-1-1","at":"2026-03-29T01:00:00.000Z","type":"run.succeeded","runId":"{R}","attempt":1,"fence":1,'
        f'"result":{result}}}'
    ).encode()

    entry = read_document(Position(0, 1, 1), "", 0, document)

    assert isinstance(entry.event, RunSucceeded)
    assert entry.document == document
    told = msgspec.json.decode(entry.told)["result"]
    assert told == entry.event.result
    assert (nesting.CUT in str(told)) is (depth > nesting.READ_MOST)


@pytest.mark.parametrize("kind", ["run.teleported", "run.started", "step.log", "worker.joined", "unreadable"])
def test_what_is_nested_deeply_in_any_event_stops_no_reader(kind: str) -> None:
    deep = "[" * 20_000 + "]" * 20_000
    document = f'{{"id":"0-1-1","at":"2026-03-29T01:00:00.000Z","type":"{kind}","other":{deep}}}'.encode()

    event = decode_document(document)

    assert isinstance(event, UnknownEvent)
    assert event.type == kind


@pytest.mark.parametrize("body", [b"[" * 20_000, b"{" * 20_000 + b"}" * 7, b'{"type":"run.succeeded",' + b"[" * 5_000])
def test_deep_bytes_that_are_no_json_are_unreadable(body: bytes) -> None:
    assert read_entry(0, "1-1", {b"b": body}).type == "unreadable"


TOLD = b'{"type":"run.succeeded","runId":"a-1","jobId":"a","attempt":2,"fence":7'


@pytest.mark.parametrize(
    "body",
    [
        TOLD + b',"result":{not json}',
        TOLD + b',"result":' + b"[" * 5_000,
        TOLD + b',"result":"\\ud800"}',
        TOLD + b',"result":"\xff"}',
        TOLD + b',"other":"\xff"}',
        TOLD + b',"result":1e400}',
        TOLD + b',"result":' + b"1" * 5_000 + b"}",
        TOLD + b',"cause":7}',
        TOLD + b',"fence":"x"}',
        TOLD + b',"fence":"x",garbage',
        TOLD + b',"fence":-1}',
        TOLD + b',"fence":18446744073709551616}',
        TOLD + b'},"runId":"another","x":{',
        TOLD,
        b'\n{ "type" : "run.succeeded",\n"runId": "a-1" , "jobId":\t"a", "attempt": 2}',
    ],
)
def test_of_an_end_that_cannot_be_read_its_tag_run_and_attempt_are_told(body: bytes) -> None:
    entry = read_entry(0, "1-7", {b"b": body, b"p": b"1-6", b"t": b"1774746000000"})

    event = entry.event
    assert isinstance(event, UnknownEvent)
    assert (event.named, event.run_id, event.job_id, event.attempt) == ("run.succeeded", "a-1", "a", 2)
    assert event.flaw
    assert event.ends == "succeeded"
    assert read_document(entry.position, entry.prev, entry.at, entry.document) == entry
    assert msgspec.json.decode(entry.told)["id"] == "0-1-7"


@pytest.mark.parametrize(
    "body",
    [
        b'{"type":"run.succeeded"}',
        b'{"type":"run.succeeded","runId":7}',
        b'{"type":"run.succeeded","runId":"NOT ONE","attempt":1}',
        b'{"type":"run.started","runId":"a-1"}',
        b'{"type":"run.levitated","runId":"a-1"}',
        b'{"x":{"type":"run.succeeded","runId":"a-1"}}',
        b'"type":"run.succeeded","runId":"a-1"',
    ],
)
def test_what_names_no_run_or_no_end_ends_nothing(body: bytes) -> None:
    event = read_entry(0, "1-7", {b"b": body}).event
    assert isinstance(event, UnknownEvent)
    assert event.ends is None


@pytest.mark.parametrize("attempt", [b"-1", b"2147483648", b"1" * 30, b"1.5", b"1e3", b'"1"', b"null", b"[1]"])
def test_an_attempt_that_is_none_is_not_told(attempt: bytes) -> None:
    event = read_entry(0, "1-7", {b"b": b'{"type":"run.died","runId":"a-1","attempt":' + attempt + b"}"}).event
    assert isinstance(event, UnknownEvent)
    assert (event.ends, event.attempt) == ("died", None)


@pytest.mark.parametrize("at", [b"soon", b"", b"-5", b"9" * 30, b"1.5", b"\xff"])
@pytest.mark.parametrize("prev", [b"x", b"\xff", b"1-", b"1-2-3", b"9" * 40])
def test_a_time_or_a_place_that_is_none_ends_no_reader(at: bytes, prev: bytes) -> None:
    entry = read_entry(0, "1-7", {b"b": encode_body(STARTED), b"p": prev, b"t": at})
    assert (entry.at, entry.prev, entry.event) == (0, "", STARTED)


@pytest.mark.parametrize(
    "moment", ["2027-02-29T00:00:00.000Z", "2027-13-01T00:00:00.000Z", "x" * 24, "0000-01-01T00:00:00.000Z"]
)
def test_a_moment_that_never_was_makes_its_event_unreadable(moment: str) -> None:
    scheduled = RunRetryScheduled(
        run_id=R,
        attempt=1,
        fence=1,
        outcome="failed",
        error=Error(type="E", message=""),
        ready_at=Stamp("2026-03-29T01:00:00.000Z"),
    )
    body = encode_body(scheduled)
    assert decode_document(body) == scheduled
    event = decode_document(body.replace(b"2026-03-29T01:00:00.000Z", moment.encode()))
    assert isinstance(event, UnknownEvent)
    assert event.flaw == "no such time - at `$.readyAt`"


@pytest.mark.parametrize(("member", "odd"), [(b'"06:30"', b'"24:30"'), (b"300.0", b"1e300"), (b"300.0", b"-1")])
def test_a_promise_that_nobody_can_keep_time_by_makes_its_event_unreadable(member: bytes, odd: bytes) -> None:
    promise = Promise(start_within=300.0, finish_by="06:30")
    created = JobCreated(
        job_id=JobId("j"), version=1, definition=Definition(job_name="a", invoke_target="b", promise=promise)
    )
    body = encode_body(created)
    assert decode_document(body) == created
    event = decode_document(body.replace(member, odd))
    assert isinstance(event, UnknownEvent)
    assert event.flaw == "no such promise - at `$.definition.promise`"


@pytest.mark.parametrize(
    "other", [b"1e400", b"1" * 5_000, b'"\xff"', b"[" * 300 + b"]" * 300, b'{"a":' * 1_500 + b"1" + b"}" * 1_500]
)
@pytest.mark.parametrize("event", [STARTED, STEPS], ids=["an event", "log lines"])
def test_what_is_skipped_in_an_event_is_not_told_where_clients_cannot_read_it(event: Event, other: bytes) -> None:
    entry = read_entry(
        0, "1-7", {b"b": encode_body(event)[:-1] + b',"other":' + other + b"}", b"p": b"1-6", b"t": b"0"}
    )

    told = msgspec.json.decode(entry.told)
    assert told["id"] == "0-1-7"
    assert not nesting.nested_deeper(entry.told, nesting.READ_MOST + 1)
    assert entry.event == event or entry.type == UNREADABLE
