"""Calls to a running API, with what every Python brings."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from http.client import HTTPException
from typing import Annotated, Any, TypeVar
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import OpenerDirector, ProxyHandler, Request, build_opener

import click
import msgspec

from waterclock.kit.settings import PREFIX, SettingsError, read

T = TypeVar("T")

SILENCE = 300.0  # s; the proof of a month takes its time


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    api_url: Annotated[str, msgspec.Meta(pattern=r"^https?://[^/?#]+(/[^?#]*)?\Z")] = "http://127.0.0.1:8080"


class NoAnswer(click.ClickException):
    """The API refused, or is out of reach: one line that says why. Exit code 2, so that 1 is left to the answers."""

    exit_code = 2


class _FieldProblem(msgspec.Struct, frozen=True):
    pointer: str
    message: str


class _Problem(msgspec.Struct, frozen=True):
    title: str
    detail: str = ""
    errors: tuple[_FieldProblem, ...] = ()


class Api:
    """Routes under /v1/monitor. Parameters that are None are left out; a tuple is repeated."""

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/")
        self._opener: OpenerDirector = build_opener(ProxyHandler({}))

    def get(self, path: str, **query: Any) -> bytes:
        """The JSON that a route answers.

        Raises:
            NoAnswer: it refuses, or the API is out of reach.
        """
        given = {name.rstrip("_"): value for name, value in query.items() if value is not None}
        asked = f"?{urlencode(given, doseq=True)}" if given else ""
        return self._answered(self._request(path + asked))

    def post(self, path: str, body: Mapping[str, Any], *, key: str | None = None) -> bytes:
        """As `get`; members that are None are left out. `key`: the Idempotency-Key."""
        given = {name.rstrip("_"): value for name, value in body.items() if value is not None}
        request = self._request(path, data=msgspec.json.encode(given), method="POST")
        request.add_header("Content-Type", "application/json")
        if key is not None:
            request.add_header("Idempotency-Key", key)
        return self._answered(request)

    def _request(self, path: str, **more: Any) -> Request:
        return Request(f"{self._url}/v1/monitor{path}", headers={"Accept": "application/json"}, **more)  # noqa: S310 - the setting names http or https

    def _answered(self, request: Request) -> bytes:
        """
        Raises:
            NoAnswer: the API refuses, or is out of reach.
        """
        try:
            with self._opener.open(request, timeout=SILENCE) as response:
                found: bytes = response.read()
                return found
        except HTTPError as error:
            with error:
                raise NoAnswer(_said(error.code, error.read())) from None
        except (OSError, HTTPException) as error:
            reason = getattr(error, "reason", error)
            raise NoAnswer(f"no answer from {self._url} ({PREFIX}API_URL): {reason}") from None

    def job_id(self, named: str) -> str:
        """The id of a job that is named by its group and name, `group/name`; any other text is an id.

        Raises:
            NoAnswer: there is no such job now; what was deleted is named by its id.
        """
        group, slash, name = named.partition("/")
        if not slash:
            return named
        cursor: str | None = None
        while True:
            answer = self.get("/jobs", jobGroup=group, jobName=name, limit=1000, cursor=cursor)
            page = read_answer(answer, _Jobs)
            for job in page.items:
                if job.job_name == name:
                    return job.id
            cursor = page.next_cursor
            if cursor is None:
                raise NoAnswer(f"there is no job {name!r} in the group {group!r}")


class _Job(msgspec.Struct, frozen=True, rename="camel"):
    id: str
    job_name: str


class _Jobs(msgspec.Struct, frozen=True, rename="camel"):
    items: tuple[_Job, ...]
    next_cursor: str | None = None


def connect(environment: Mapping[str, str] | None = None) -> Api:
    """The API that the environment names.

    Raises:
        NoAnswer: the setting is wrong.
    """
    try:
        return Api(read(ClientSettings, os.environ if environment is None else environment).api_url)
    except SettingsError as error:
        raise NoAnswer(str(error)) from None


def read_answer(answer: bytes, kind: type[T]) -> T:
    """
    Raises:
        NoAnswer: it is something else; whoever answered is not this API.
    """
    try:
        return msgspec.json.decode(answer, type=kind)
    except msgspec.MsgspecError as error:
        raise NoAnswer(f"the answer is not that of a Waterclock API ({PREFIX}API_URL): {error}") from None


def show(answer: bytes, kind: type[T], told: Callable[[T], Iterable[str]], *, as_json: bool) -> None:
    """Print an answer as it is, or in the lines that tell it.

    Raises:
        NoAnswer: it is something else; as `read_answer`.
    """
    if as_json:
        click.echo(answer)
        return
    for line in told(read_answer(answer, kind)):
        click.echo(line)


def job_path(job_id: str, route: str) -> str:
    return f"/jobs/{quote(job_id, safe='')}/{route}"


def _said(status: int, body: bytes) -> str:
    """A problem document in one line."""
    try:
        problem = msgspec.json.decode(body, type=_Problem)
    except msgspec.MsgspecError:
        return f"the API answered {status}"
    flaws = "; ".join(f"{flaw.pointer} {flaw.message}" for flaw in problem.errors)
    return flaws or problem.detail or problem.title
