"""Bytes of a stream → events, and where it goes on."""

from __future__ import annotations

from itertools import pairwise

import hypothesis
import pytest
from hypothesis import strategies as st

from waterclock.client import endpoints, sse
from waterclock.client.errors import (
    Closed,
    NotFound,
    Problem,
    Refused,
    Unreachable,
    Unreadable,
    refusal,
)
from waterclock.client.sse import Event, Follower, Frames

STREAM = (
    b"retry: 1000\n\n:\n\n"
    b'id: 0-1-7\nevent: step.log\ndata: {"runId":"r","lines":[{"text":"h\xc3\xb6he\\n"}]}\n\n'
    b":\n\n"
    b'event: gap\ndata: {"runId":"r","reason":"placeLost"}\n\n'
    b'event: end\ndata: {"runId":"r","status":"succeeded"}\n\n'
)
CUT = Unreachable("http://there", "cut", sent=True)
LOG_LINE = b'id: 0-1-7\nevent: step.log\ndata: {"runId":"r"}\n\n'


@hypothesis.given(cuts=st.lists(st.integers(0, len(STREAM)), max_size=6))
def test_events_are_the_same_however_the_bytes_are_cut(cuts: list[int]) -> None:
    frames, found, places = Frames(), list[Event](), sorted({0, *cuts, len(STREAM)})
    for start, stop in pairwise(places):
        found += [frame.event for frame in frames.feed(STREAM[start:stop]) if frame.event is not None]
    assert [(event.kind, event.position) for event in found] == [("step.log", "0-1-7"), ("gap", None), ("end", None)]
    assert found[0].data["lines"] == [{"text": "höhe\n"}]


def test_a_broken_stream_goes_on_after_the_last_event_and_without_the_half_of_one() -> None:
    follower = Follower(endpoints.run_events("r"), patience=5)
    assert "Last-Event-ID" not in follower.request().headers
    assert len(list(follower.feed(LOG_LINE + b"id: 0-1-8\nevent: st"))) == 1
    follower.broken(CUT)
    assert follower.request().headers["Last-Event-ID"] == "0-1-7"
    (ended,) = follower.feed(b'event: end\ndata: {"runId":"r","status":"failed"}\n\n')
    assert (ended.kind, follower.ended) == ("end", True)


def test_where_no_place_was_named_yet_a_break_is_told_as_a_gap() -> None:
    follower = Follower(endpoints.job_events("j"), patience=5)
    assert list(follower.feed(b":\n\n")) == []
    follower.broken(CUT)
    assert [event.kind for event in follower.feed(LOG_LINE)] == ["gap", "step.log"]
    follower.broken(CUT)
    assert [event.kind for event in follower.feed(LOG_LINE)] == ["step.log"]


def test_a_place_without_an_event_is_where_a_stream_goes_on() -> None:
    follower = Follower(endpoints.all_events(), patience=5)
    assert list(follower.feed(b"id: 0-1-7.1-1-3\n\n")) == []
    follower.broken(CUT)
    assert follower.request().headers["Last-Event-ID"] == "0-1-7.1-1-3"
    assert [event.kind for event in follower.feed(LOG_LINE)] == ["step.log"], "and there is no gap"


def test_it_is_given_up_when_nothing_comes_for_too_long() -> None:
    def given_up(error: Unreachable | None) -> float:
        """Seconds of pauses before it was."""
        follower, waited = Follower(endpoints.job_events("j"), patience=5), 0.0
        for _ in range(1000):
            waited += follower.broken(error)
        return waited

    with pytest.raises(Unreachable):
        given_up(CUT)
    with pytest.raises(Unreadable):
        given_up(None)


def test_a_gateway_that_reaches_no_replica_is_asked_again() -> None:
    away = refusal(503, {"retry-after": "1"}, b'{"type":"about:blank","title":"Away","status":503}')
    assert Follower(endpoints.job_events("j"), patience=5).broken(away) >= 1


def test_a_refusal_ends_it() -> None:
    refused = NotFound(Problem(title="Not found"), status=404, headers={})
    with pytest.raises(NotFound):
        Follower(endpoints.run_events("r"), patience=5).broken(refused)


def test_a_stream_that_is_closed_is_told_and_not_asked_for_again() -> None:
    follower = Follower(endpoints.job_events("j"), patience=5)
    seen: list[Event] = []
    with pytest.raises(Closed) as caught:
        seen.extend(follower.feed(LOG_LINE + b'event: closed\ndata: {"reason":"keyRevoked"}\n\n' + LOG_LINE))
    assert caught.value.reason == "keyRevoked"
    assert "the key was revoked" in str(caught.value)


def test_a_reason_of_a_newer_api_closes_it_too() -> None:
    with pytest.raises(Closed, match="notYetKnown"):
        list(Follower(endpoints.job_events("j"), patience=5).feed(b'event: closed\ndata: {"reason":"notYetKnown"}\n\n'))


def test_while_credentials_cannot_be_checked_it_comes_again_with_its_place() -> None:
    follower = Follower(endpoints.job_events("j"), patience=5)
    unknown = b'event: closed\ndata: {"reason":"credentialsUnknown"}\n\n'
    assert [event.kind for event in follower.feed(LOG_LINE + unknown)] == ["step.log"]
    assert not follower.ended
    follower.broken(None)
    assert follower.request().headers["Last-Event-ID"] == "0-1-7"
    away = b'{"type":"/problems#credentials-unknown","title":"Away","status":503}'
    assert follower.broken(refusal(503, {"retry-after": "1"}, away)) >= 1


@pytest.mark.parametrize(("status", "kind"), [(401, "unauthenticated"), (403, "forbidden")])
def test_who_is_let_in_no_more_as_it_comes_again_is_closed_out_and_not_refused(status: int, kind: str) -> None:
    refused = refusal(status, {}, f'{{"type":"/problems#{kind}","title":"No","status":{status}}}'.encode())
    follower = Follower(endpoints.run_events("r"), patience=5)
    with pytest.raises(Refused):
        follower.broken(refused)
    list(follower.feed(LOG_LINE))
    with pytest.raises(Closed):
        follower.broken(refused)


def test_a_line_without_an_end_is_no_stream_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sse, "_LINE_MOST", 100)
    frames = Frames()
    for _ in range(100):
        assert list(frames.feed(b"x")) == []
    with pytest.raises(Unreadable, match="a line without an end"):
        list(frames.feed(b"x"))


def test_bytes_that_are_no_text_are_shown_as_such() -> None:
    [frame] = Frames().feed(b'id: 0-1-1\nevent: step.log\nodd: x\ndata: {"text": "\xff"}\n\n')

    assert frame.event is not None
    assert frame.event.data == {"text": "\N{REPLACEMENT CHARACTER}"}
