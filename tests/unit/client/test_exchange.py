"""What the clients do about each answer, without any I/O."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec
import pytest

from waterclock.client import endpoints
from waterclock.client.errors import (
    Ambiguous,
    Invalid,
    NotFound,
    Refused,
    TryLater,
    Uncertain,
    Unreachable,
    Unreadable,
    VersionMismatch,
    refusal,
)
from waterclock.client.exchange import Pause, Reply, Request, Response, ask, decode
from waterclock.client.request import Call, Named

DONE = Response(status=202, headers={}, body=b'{"runId": "r"}')
LOST = Unreachable("http://there", "cut", sent=True)
UNSENT = Unreachable("http://there", "refused", sent=False)
TRIGGER, DELETE = endpoints.trigger_job("j"), endpoints.delete_job("j")
EDIT = endpoints.replace_job("j", {}, version=3)


def problem(status: int, name: str, **headers: str) -> Response:
    body = {"type": f"/problems#{name}", "title": "No", "status": status, "detail": "Because."}
    return Response(status=status, headers=headers, body=msgspec.json.encode(body))


# What nginx and Traefik say while they reach no replica.
GATEWAY = Response(status=503, headers={"retry-after": "1"}, body=b'{"type":"about:blank","title":"Away","status":503}')
PLAIN = Response(status=502, headers={}, body=b"Bad Gateway")


def told(call: Call[Any], replies: Iterable[Reply], *, patience: float = 5.0) -> tuple[bytes, list[Request]]:
    """The answer, and the requests that were sent for it, each answered by the next of `replies`."""
    talk, given, sent = ask(call, patience=patience), iter(replies), list[Request]()
    reply: Reply = None
    while True:
        try:
            step = talk.send(reply)
        except StopIteration as stop:
            return stop.value, sent
        if isinstance(step, Request):
            sent.append(step)
            reply = next(given)
        else:
            reply = None


@pytest.mark.parametrize(
    "trouble", [LOST, UNSENT, problem(503, "try-later"), problem(503, "log-unavailable"), GATEWAY, PLAIN]
)
def test_a_command_is_repeated_with_the_same_key(trouble: Reply) -> None:
    answer, sent = told(TRIGGER, [trouble, trouble, DONE])
    assert answer == DONE.body
    assert len({request.headers["Idempotency-Key"] for request in sent}) == 1
    assert len(sent) == 3


def test_each_command_has_a_key_of_its_own_or_the_one_given() -> None:
    keys = {told(TRIGGER, [DONE])[1][0].headers["Idempotency-Key"] for _ in range(2)}
    assert len(keys) == 2
    assert told(endpoints.trigger_job("j", key="mine"), [DONE])[1][0].headers["Idempotency-Key"] == "mine"


@pytest.mark.parametrize("call", [DELETE, EDIT], ids=["delete", "edit of a version"])
def test_what_twice_is_not_once_is_repeated_only_if_it_was_surely_not_done(call: Call[Any]) -> None:
    for surely_not in (UNSENT, problem(503, "try-later")):
        assert told(call, [surely_not, DONE])[0] == DONE.body
    for who_knows, kind in ((LOST, Unreachable), (problem(503, "log-unavailable"), Uncertain), (GATEWAY, Uncertain)):
        with pytest.raises(kind):
            told(call, [who_knows])


def test_patience_ends_with_the_last_error() -> None:
    with pytest.raises(TryLater) as raised:
        told(TRIGGER, [problem(503, "try-later", **{"retry-after": "2"})] * 3, patience=5.0)
    assert raised.value.retry_after == 2


def test_a_pause_is_at_least_what_the_answer_asks_for() -> None:
    talk = ask(TRIGGER, patience=5.0)
    next(talk)
    step = talk.send(problem(503, "try-later", **{"retry-after": "3"}))
    assert isinstance(step, Pause)
    assert step.seconds >= 3


def test_a_refusal_names_the_fields_and_is_not_repeated() -> None:
    body = {"type": "/problems#invalid", "title": "No", "errors": [{"pointer": "/queue", "message": "is"}]}
    with pytest.raises(Invalid) as raised:
        told(TRIGGER, [Response(status=422, headers={}, body=msgspec.json.encode(body))])
    assert [flaw.pointer for flaw in raised.value.errors] == ["/queue"]
    assert str(raised.value) == "/queue is"


def test_a_mismatch_tells_the_present_version() -> None:
    error = refusal(412, {"etag": '"7"'}, problem(412, "version-mismatch").body)
    assert isinstance(error, VersionMismatch)
    assert error.version == 7


@pytest.mark.parametrize("body", [b"<html>", b'{"type": "/problems#brand-new", "title": "New"}'])
def test_an_error_that_is_not_known_is_a_plain_refusal(body: bytes) -> None:
    error = refusal(418, {}, body)
    assert type(error) is Refused
    assert error.status == 418


def test_a_problem_of_ours_that_is_not_known_is_no_gateways() -> None:
    assert type(refusal(503, {}, problem(503, "brand-new").body)) is Refused


def test_a_name_is_looked_up_wherever_it_stands_page_by_page() -> None:
    pages = [
        b'{"items": [%b], "nextCursor": "c"}' % job("other", "1"),
        b'{"items": [%b], "nextCursor": null}' % job("tide", "22"),
    ]
    found = [Response(status=200, headers={}, body=page) for page in pages]
    _, sent = told(endpoints.verify(jobs=["demo/tide", "other-id"]), [*found, DONE])
    assert sent[0].target == "/v1/monitor/jobs?jobGroup=demo&jobName=tide&limit=1000"
    assert sent[1].target.endswith("&cursor=c")
    assert sent[2].target == "/v1/monitor/ledger/verify?jobId=22&jobId=other-id"
    _, sent = told(endpoints.preview("H * * * *", job="demo/tide"), [*found, DONE])
    assert msgspec.json.decode(sent[2].content or b"")["jobId"] == "22"
    with pytest.raises(NotFound, match="No job 'tide' in the group 'demo'"):
        told(endpoints.get_job("demo/tide"), [Response(status=200, headers={}, body=b'{"items": []}')])


def test_a_slash_is_read_in_every_way_and_several_jobs_are_said() -> None:
    both = [job("b/c", "1", "a"), job("c", "2", "a/b")]
    for name in ("a//", "/a/b", "a/b/", "a/b/c/d", "x/c"):
        with pytest.raises(NotFound, match="No job"):
            told(endpoints.get_job(name), [listed(*both)])
    with pytest.raises(NotFound, match="No job 'b/c' in the group 'a' or 'c' in the group 'a/b'"):
        told(endpoints.get_job("a/b/c"), [listed()])
    with pytest.raises(Ambiguous, match="'b/c' in the group 'a' is 1, 'c' in the group 'a/b' is 2") as several:
        told(endpoints.delete_job("a/b/c"), [listed(*both)])
    assert several.value.jobs == {"1": ("a", "b/c"), "2": ("a/b", "c")}
    for each, some_id in zip(both, "12", strict=True):
        _, sent = told(endpoints.get_job("a/b/c"), [listed(each), DONE])
        assert sent[0].target == "/v1/monitor/jobs?jobGroup=a&jobGroup=a%2Fb&jobName=c&limit=1000"
        assert sent[1].target == f"/v1/monitor/jobs/{some_id}"


def test_a_name_is_found_in_whatever_form_its_letters_are_written() -> None:
    composed, decomposed = job("caf\u00e9", "1"), job("cafe\u0301", "2")
    _, sent = told(endpoints.get_job("demo/cafe\u0301"), [listed(), listed(composed), DONE])
    assert [one.target.partition("jobName=")[2] for one in sent[:2]] == [
        "cafe%CC%81&limit=1000",
        "caf%C3%A9&limit=1000",
    ]
    assert sent[2].target.endswith("/jobs/1")
    _, sent = told(endpoints.get_job("demo/cafe\u0301"), [listed(composed, decomposed), DONE])
    assert sent[1].target.endswith("/jobs/2"), "what is written so goes before what looks so"
    odd = [job("twi\u200bn", "1"), job("twin\u200b", "2")]
    with pytest.raises(Ambiguous):
        told(endpoints.get_job("demo/twin"), [listed(*odd)])
    _, sent = told(endpoints.get_job("demo/twin"), [listed(*odd, job("twin", "3")), DONE])
    assert sent[1].target.endswith("/jobs/3")


@pytest.mark.parametrize("given", [[], (), iter(())])
def test_an_empty_list_is_not_everything(given: Any) -> None:
    for call in (endpoints.list_jobs, endpoints.list_events, endpoints.all_events):
        with pytest.raises(ValueError, match="selects nothing"):
            call(**{"group" if call is endpoints.list_jobs else "kind": given})
    with pytest.raises(ValueError, match="selects nothing"):
        endpoints.list_runs(job=given)
    with pytest.raises(ValueError, match="selects nothing"):
        endpoints.verify(jobs=given)
    assert endpoints.list_runs(job=None).query["jobId"] is None


def test_an_id_is_quoted_and_what_is_none_is_left_out() -> None:
    _, (sent,) = told(endpoints.get_job("a b?c", as_of=None), [DONE])
    assert sent.target == "/v1/monitor/jobs/a%20b%3Fc"


def test_another_answer_than_ours_is_said_to_be_one() -> None:
    with pytest.raises(Unreadable):
        decode(b"<html>", dict[str, Any])


def listed(*jobs: bytes) -> Response:
    return Response(status=200, headers={}, body=b'{"items": [%b]}' % b",".join(jobs))


def job(name: str, job_id: str, group: str = "demo") -> bytes:
    moment = "2026-11-23T10:00:00.000Z"
    known = {"id": job_id, "version": 1, "createdAt": moment, "updatedAt": moment}
    return msgspec.json.encode({"jobName": name, "jobGroup": group, "invokeTarget": "demo.noop"} | known)


BY_ID = (
    endpoints.preview("0 9 * * *", job="abc"),
    endpoints.cancel_runs(dry_run=True, jobId=[Named("abc")]),
    endpoints.retry_runs(jobId=[Named("abc")], status=["failed"]),
    endpoints.list_runs(job="abc"),
    endpoints.list_events(job="abc"),
    endpoints.verify(jobs=["abc"]),
    endpoints.trigger_job("abc"),
    endpoints.backfill("abc", from_="a", to="b"),
)


@pytest.mark.parametrize("call", BY_ID, ids=lambda call: "/".join(call.path))
def test_a_job_that_is_named_by_its_id_is_asked_for_as_it_is(call: Call[Any]) -> None:
    request = next(ask(call, patience=0))
    assert isinstance(request, Request)
    assert "abc" in request.target + (request.content or b"").decode()


@pytest.mark.parametrize("call", BY_ID[:3], ids=lambda call: "/".join(call.path))
def test_a_job_that_is_named_by_its_name_in_a_body_is_asked_for_by_its_id(call: Call[Any]) -> None:
    named = msgspec.structs.replace(call, body={"jobId": Named("sea/tide"), "more": [Named("sea/tide"), Named("abc")]})
    talk = ask(named, patience=0)
    looked = next(talk)
    assert isinstance(looked, Request)
    job = {
        "id": "found",
        "version": 1,
        "jobName": "tide",
        "jobGroup": "sea",
        "invokeTarget": "t",
        "createdAt": "",
        "updatedAt": "",
    }
    page = {"items": [job], "nextCursor": None}
    request = talk.send(Response(status=200, headers={}, body=msgspec.json.encode(page)))
    assert isinstance(request, Request)
    assert msgspec.json.decode(request.content or b"") == {"jobId": "found", "more": ["found", "abc"]}
