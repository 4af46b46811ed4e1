"""The client's side of HTTP without I/O: generators that yield what to do and are sent what came of it.

    talk ──Request──► shell ──HTTP──► API        the shell (`Client`, `AsyncClient`) sends, and knows nothing else
         ◄──Reply───       ◄────────
         ──Pause────► shell sleeps

So retries, keys, names and pages are written once for both clients.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping
from typing import Any, TypeAlias, TypeVar, cast
from urllib.parse import quote, urlencode

import msgspec

from waterclock.client.errors import (
    Ambiguous,
    NotFound,
    Problem,
    Refused,
    TryLater,
    Uncertain,
    Unreachable,
    Unreadable,
    refusal,
)
from waterclock.client.models import Condition, Job, Jobs
from waterclock.client.request import Call, Named
from waterclock.kit.addresses import http_url
from waterclock.kit.randomness import fraction, token
from waterclock.model.names import LONGEST, common, normal

T = TypeVar("T")

FIRST_PAUSE, LONGEST_PAUSE = 0.1, 5.0  # s
_PREFIX = "/v1/monitor"
_TOLD = 5  # readings of a name that are told


class Request(msgspec.Struct, frozen=True, kw_only=True):
    method: str
    target: str  # path and query
    headers: Mapping[str, str]
    content: bytes | None = None


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """`headers` by lower-case name."""

    status: int
    headers: Mapping[str, str]
    body: bytes


class Pause(msgspec.Struct, frozen=True):
    seconds: float


Reply: TypeAlias = "Response | Unreachable | None"
Talk: TypeAlias = "Generator[Request | Pause, Reply, T]"


def api_root(url: str) -> str:
    """The root of an API, as it is asked.

    Raises:
        ValueError: it is no such URL; the message goes on from a name for it.
    """
    root = http_url(url)
    if root.endswith(_PREFIX):
        raise ValueError(f"ends with {_PREFIX}, which the client adds: leave it out, as in http://127.0.0.1:8080")
    return root


def ask(call: Call[Any], *, patience: float) -> Talk[bytes]:
    """The body of the answer. What can be repeated without harm is, for up to `patience` seconds of pauses.

    Raises:
        ApiError: it was refused, or no answer came.
    """
    request = request_of((yield from named_by_id(call, patience=patience)))
    waited, tries = 0.0, 0
    while True:
        reply = yield request
        if isinstance(reply, Response) and reply.status < 400:
            return reply.body
        assert reply is not None
        error = reply if isinstance(reply, Unreachable) else refusal(reply.status, reply.headers, reply.body)
        tries += 1
        seconds = back_off(tries, error.retry_after if isinstance(error, Refused) else None)
        if not _may_go_well(call, error) or waited + seconds > patience:
            raise error
        yield Pause(seconds)
        waited += seconds


def condition() -> Talk[Condition]:
    """What the API says of itself, asked once.

    Raises:
        ApiError: it is not ready, or no answer came.
    """
    reply = yield Request(method="GET", target="/readyz", headers={"Accept": "application/json"})
    if isinstance(reply, Response) and reply.status < 400:
        return decode(reply.body, Condition)
    assert reply is not None
    raise reply if isinstance(reply, Unreachable) else refusal(reply.status, reply.headers, reply.body)


def named_by_id(call: Call[T], *, patience: float) -> Talk[Call[T]]:
    """The call with the id in place of each `group/name`."""
    found: dict[str, str] = {}
    for named in _names(call):
        if "/" in named and named not in found:
            found[named] = yield from job_id(named, patience=patience)

    def put(value: Any) -> Any:
        if isinstance(value, list):
            return [put(each) for each in cast("list[Any]", value)]
        return found.get(value, str(value)) if isinstance(value, Named) else value

    return msgspec.structs.replace(
        call,
        path=tuple(put(part) for part in call.path),
        query={name: put(value) for name, value in call.query.items()},
        body=None if call.body is None else {name: put(value) for name, value in call.body.items()},
    )


def job_id(named: str, *, patience: float) -> Talk[str]:
    """The job that is meant by `group/name`, in whatever way that can be read.

    A name may hold a slash, and so may a group of an earlier release. What is written so goes before what looks so.

    Raises:
        NotFound: there is no such job now; what was deleted is named by its id.
        Ambiguous: there are several.
    """
    readings = _readings(named)
    found: dict[str, Job] = {}
    for texts in dict.fromkeys([readings, tuple((normal(group), normal(name)) for group, name in readings)]):
        if not found and texts:
            found = yield from _jobs_like(texts, patience=patience)
    exact = [job for job in found.values() if (job.job_group, job.job_name) in readings]
    jobs = exact or list(found.values())
    if len(jobs) > 1:
        raise Ambiguous(named, {job.id: (job.job_group, job.job_name) for job in jobs})
    if not jobs:
        said = " or ".join(f"{name!r} in the group {group!r}" for group, name in readings[:_TOLD]) or repr(named)
        raise NotFound(Problem(title="Not found", detail=f"No job {said}."), status=404, headers={})
    return jobs[0].id


def _readings(named: str) -> tuple[tuple[str, str], ...]:
    """Groups and names that it can be read as."""
    parts = named.split("/")
    read = (("/".join(parts[:cut]), "/".join(parts[cut:])) for cut in range(1, len(parts)))
    return tuple((group, name) for group, name in read if 0 < len(group) <= LONGEST and 0 < len(name) <= LONGEST)


def _jobs_like(readings: tuple[tuple[str, str], ...], *, patience: float) -> Talk[dict[str, Job]]:
    """Jobs that one of these may mean, by id."""
    wanted = {(common(group), common(name)) for group, name in readings}
    shortest = min((name for _, name in readings), key=len)  # which is the end of all of them
    query = {"jobGroup": [group for group, _ in readings], "jobName": shortest, "limit": 1000}
    call = Call(path=("jobs",), kind=Jobs, query=query)
    found: dict[str, Job] = {}
    while True:
        page = decode((yield from ask(call, patience=patience)), Jobs)
        found |= {job.id: job for job in page.items if (common(job.job_group), common(job.job_name)) in wanted}
        sure = len(readings) == 1 and any((job.job_group, job.job_name) in readings for job in page.items)
        if page.next_cursor is None or sure:
            return found
        call = following(call, page.next_cursor)


def following(call: Call[T], cursor: str) -> Call[T]:
    query = {name: value for name, value in call.query.items() if name != "around"}  # which says where pages begin
    return msgspec.structs.replace(call, query={**query, "cursor": cursor})


def request_of(call: Call[Any]) -> Request:
    headers = {"Accept": "application/json"}
    content = None
    if call.body is not None:
        headers["Content-Type"] = "application/json"
        content = msgspec.json.encode({name: value for name, value in call.body.items() if value is not None})
    if call.keyed:
        headers["Idempotency-Key"] = call.key or token(24)
    if call.version is not None:
        headers["If-Match"] = f'"{call.version}"'
    if call.wait is not None:
        headers["Prefer"] = f"wait={round(call.wait)}"
    return Request(method=call.method, target=target_of(call.path, call.query), headers=headers, content=content)


def target_of(path: tuple[str, ...], query: Mapping[str, Any]) -> str:
    asked = urlencode({name: value for name, value in query.items() if value is not None}, doseq=True)
    return "/".join((_PREFIX, *(quote(part, safe="") for part in path))) + (f"?{asked}" if asked else "")


def decode(body: bytes, kind: type[T]) -> T:
    """
    Raises:
        Unreadable: it is something else.
    """
    if kind is type(None):
        return None  # pyright: ignore[reportReturnType] - T is None
    try:
        return msgspec.json.decode(body, type=kind)
    except (ValueError, RecursionError) as error:
        raise Unreadable(f"the response is not from a Waterclock API: {error}") from None


def back_off(tries: int, at_least: float | None = None) -> float:
    """Seconds before another try: doubled each time, and jittered so that clients do not come in step."""
    bound = min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** min(tries, 10))
    return max(at_least or 0.0, bound * (0.5 + fraction() / 2))


def _may_go_well(call: Call[Any], error: Refused | Unreachable) -> bool:
    match error:
        case TryLater():
            return True
        case Uncertain():
            return call.repeatable
        case Unreachable():
            return call.repeatable or not error.sent
        case _:
            return False


def _names(call: Call[Any]) -> list[Named]:
    values: list[Any] = [*call.path, *call.query.values(), *(call.body or {}).values()]
    flat = (each for value in values for each in (cast("list[Any]", value) if isinstance(value, list) else [value]))
    return [each for each in flat if isinstance(each, Named)]
