"""`http.request`: one request to a server outside, repeated safely, told honestly."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import importlib
import os
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from importlib.metadata import version
from typing import TYPE_CHECKING, NoReturn

import msgspec

from waterclock.executors.context import GiveUp, Retry, RunContext, Step
from waterclock.executors.definition import executor
from waterclock.executors.lifespans import lifespan
from waterclock.kit.clock import Clock, SystemClock
from waterclock.kit.http.exchange import Answer, BrokenAnswer, Heard, NoAnswer, Request
from waterclock.kit.http.guard import ALLOW, Guard, Refused
from waterclock.kit.http.retry_after import retry_after
from waterclock.kit.telemetry.propagation import outgoing
from waterclock.model.parameters.http_url import http_url
from waterclock_worker.executors.http.params import HttpParams, HttpResult, Secret
from waterclock_worker.executors.http.references import REFERENCES, http_references
from waterclock_worker.executors.reach.hosts import Host, plain
from waterclock_worker.executors.reach.references import permit, redacted, secret_of

if TYPE_CHECKING:
    from waterclock.kit.http.session import Session

_AGAIN = frozenset({408, 425, 429})  # beside 5xx
_KEPT = ("content-type", "date", "etag", "last-modified", "location", "retry-after", "x-request-id")
_HEADER_MOST = 1000  # characters
_RESULT_MOST = 40 * 1024  # bytes of JSON that the body may take
_PLAIN = frozenset({"", "identity", "chunked"})
"""Codings that leave a body as it is; `chunked` was undone."""
_SHOWN = 300  # characters of an answer in an error


@lifespan
async def session() -> AsyncIterator[Session]:
    """One for each loop; what it may reach is the worker's setting as it stood when it was opened."""
    module = await asyncio.to_thread(importlib.import_module, "waterclock.kit.http.session")
    try:
        guard = Guard(os.environ.get(ALLOW, ""))
    except ValueError as error:
        raise GiveUp(str(error)) from None
    opened: Session = module.Session(guard)
    try:
        yield opened
    finally:
        await opened.close()


class BadStatus(Exception):
    """The answer's status is not one that was expected; another attempt may get another."""


@executor("http.request", timeout=timedelta(hours=1))
async def http_request(ctx: RunContext, params: HttpParams) -> HttpResult:
    """Send an HTTP request, with the run's id as its idempotency key, and judge the answer by its status."""
    opened = await ctx.use(session)
    return await requested(ctx, params, opened, environment=os.environ, clock=SystemClock())


async def requested(
    ctx: RunContext, params: HttpParams, session: Session, *, environment: Mapping[str, str], clock: Clock
) -> HttpResult:
    """
    Raises:
        GiveUp: it may not be sent, or the answer will not change: another status than was expected.
        Retry: the server says when to come again.
        BadStatus, NoAnswer: another attempt may fare better.
    """
    request = _request(ctx, params, environment, clock)
    began, heard = clock.monotonic(), Heard()
    async with ctx.step("Request") as step:
        step.log("%s %s", request.method, request.url)
        try:
            async with asyncio.timeout(params.timeout):
                answer = await session.send(request, redirects=params.redirects, final=params.expects, heard=heard)
        except Refused as error:
            raise GiveUp(str(error)) from error
        except TimeoutError:
            answer = _part(request, params, heard, f"no complete response within {params.timeout:g} s")
        except BrokenAnswer as error:
            answer = _part(request, params, heard, str(error))
        except NoAnswer as error:
            _missing(request, heard, redacted(str(error), request.secrets))
        took = clock.monotonic() - began
        _tell(step, answer, took)
        if not params.expects(answer.status):
            _unexpected(params, answer, request.secrets, clock)
    return _result(params, answer, request.secrets, duration_ms=round(took * 1000))


def _part(request: Request, params: HttpParams, heard: Heard, why: str) -> Answer:
    """What came of an answer that did not come whole: its status judges the run, if that is not one of success.

    Raises:
        GiveUp, NoAnswer: it may have been one.
    """
    if heard.status is not None and not params.expects(heard.status):
        return heard.answer()
    status = "" if heard.status is None else f", of status {heard.status}"
    return _missing(request, heard, f"{request.method} {request.url.host}: {why}{status}")


def _missing(request: Request, heard: Heard, message: str) -> NoReturn:
    """
    Raises:
        GiveUp: the request has been answered with something, so that it must not be repeated by itself.
        NoAnswer: another attempt may fare better.
    """
    if heard.executed:
        raise GiveUp(f"{message}; a {request.method} that may have been executed is not retried")
    raise NoAnswer(message)


def _request(ctx: RunContext, params: HttpParams, environment: Mapping[str, str], clock: Clock) -> Request:
    try:
        url = http_url(params.url)
    except ValueError as error:
        raise GiveUp(f"url: {error}") from None
    asked, entries = Host(plain(url.host), url.port), http_references(environment)
    body = params.body()
    headers = {
        "Idempotency-Key": ctx.run_id,
        "User-Agent": f"waterclock/{version('waterclock-worker')}",
        "Accept": "*/*",
        "Accept-Encoding": "identity",
        "Waterclock-Run": ctx.run_id,
        "Waterclock-Attempt": str(ctx.attempt),
        "Waterclock-Fence": str(ctx.fence),
    }
    if body is not None:
        headers["Content-Type"] = "text/plain; charset=utf-8" if params.text is not None else "application/json"
    headers |= outgoing(ctx.traceparent, ctx.tracestate)
    secrets: list[str] = []
    private: set[str] = set()

    def read(field: str, reference: str) -> str:
        permit(field, reference, entries, asked, setting=REFERENCES)
        secret = secret_of(field, reference, environment)
        secrets.append(secret)
        ctx.conceal(secret)
        return secret

    for name, value in params.headers.items():
        for other in [one for one in headers if one.lower() == name.lower()]:
            del headers[other]
        if isinstance(value, Secret):
            headers[name] = value.prefix + _header_value(name, read(f"headers.{name}", value.from_))
            private.add(name.lower())
        else:
            headers[name] = value
    if params.sign is not None:
        key = read("sign.key", params.sign.key)
        for other in [one for one in headers if one.lower() == params.sign.header.lower()]:
            del headers[other]
        headers[params.sign.header] = signature(key, body or b"", at=clock.now_ms() // 1000)
        private.add(params.sign.header.lower())
    return Request(
        method=params.method, url=url, headers=headers, body=body, private=frozenset(private), secrets=tuple(secrets)
    )


def signature(key: str, body: bytes, *, at: int) -> str:
    """What the signing header holds; `at` is in seconds since 1970."""
    told = hmac.new(key.encode(), b"%d." % at + body, hashlib.sha256).hexdigest()
    return f"t={at},v1={told}"


def _header_value(name: str, secret: str) -> str:
    if any(not " " <= sign <= "~" for sign in secret):
        raise GiveUp(f"headers.{name}: what the reference holds cannot stand in a header")
    return secret


def _tell(step: Step, answer: Answer, seconds: float) -> None:
    size = f"more than {len(answer.body)}" if answer.cut else str(len(answer.body))
    step.log("%d, %s bytes, in %d ms", answer.status, size, round(seconds * 1000))


def _unexpected(params: HttpParams, answer: Answer, secrets: tuple[str, ...], clock: Clock) -> None:
    """
    Raises:
        GiveUp, Retry, BadStatus: always one of them.
    """
    text = _text(answer)
    shown = "" if not text else f": {redacted(text, secrets)[:_SHOWN]}"
    message = f"{params.method} {answer.url.host} answered {answer.status}{shown}"
    if answer.status < 500 and answer.status not in _AGAIN:
        raise GiveUp(message)
    after = retry_after(answer.headers.get("retry-after"), clock.now_ms())
    if after is not None:
        raise Retry(after, message)
    raise BadStatus(message)


def _text(answer: Answer) -> str | None:
    """The body, if it is text and stands there as it is."""
    if any(_codings(answer, name) - _PLAIN for name in ("content-encoding", "transfer-encoding")):
        return None
    try:
        return answer.body.decode()
    except UnicodeDecodeError as error:
        if answer.cut and error.start > len(answer.body) - 4:  # cut within a character
            return answer.body[: error.start].decode()
        return None


def _codings(answer: Answer, header: str) -> set[str]:
    """The codings that a header names, in small letters."""
    return {part.strip().lower() for part in answer.headers.get(header, "").split(",")}


def _result(params: HttpParams, answer: Answer, secrets: tuple[str, ...], *, duration_ms: int) -> HttpResult:
    wanted = (*_KEPT, *(name.lower() for name in params.keep_headers))
    headers = {name: answer.headers[name] for name in wanted if name in answer.headers}
    text = _text(answer)
    return HttpResult(
        status=answer.status,
        url=str(answer.url),
        headers={name: redacted(value, secrets)[:_HEADER_MOST] for name, value in headers.items()},
        size=len(answer.body),
        cut=answer.cut,
        body=None if text is None else _fitting(redacted(text, secrets), params.keep_body),
        duration_ms=duration_ms,
    )


def _fitting(text: str, most: int) -> str:
    """The beginning of a text, of at most `most` bytes, that does not burst a result: escapes make it longer."""
    text = text.encode()[:most].decode(errors="ignore")
    while (size := len(msgspec.json.encode(text))) > _RESULT_MOST:
        text = text[: len(text) * _RESULT_MOST // size]
    return text
