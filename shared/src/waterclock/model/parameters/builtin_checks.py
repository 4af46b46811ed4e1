"""What parameters of the executors that come with the worker must be, beyond their JSON Schema.

    API, when they are written ──┐
                                 ├─► a check: parameters as JSON ─► flaws, by pointers into them
    worker, before it runs them ─┘

A check is pure: what depends on a worker's configuration, on files, names or servers, it leaves to the worker. The API
uses one where the schema that was announced is the built-in executor's own: somebody else's may bear its name.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Protocol, cast
from urllib.parse import urlsplit

import msgspec

from waterclock.model.errors import Flaw
from waterclock.model.events import ExecutorSpec
from waterclock.model.ids import digest
from waterclock.model.parameters.http_url import http_url

OF_CONNECTION = frozenset({
    "connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization", "proxy-connection", "te",
    "trailer", "traceparent", "transfer-encoding", "upgrade", "waterclock-attempt", "waterclock-fence",
    "waterclock-run",
})  # fmt: skip
"""Headers of a request, in small letters, that are Waterclock's or the connection's."""
SIGNATURE = "Waterclock-Signature"
"""The header of a signature, where a job names no other."""
_TELLING = frozenset({"title", "description", "examples", "deprecated"})
"""Keywords that describe, and demand nothing."""
_SHOWN = 100  # characters of a header's name or a range in a message


class Check(Protocol):
    def __call__(self, params: Mapping[str, Any], *, stored: bool = False) -> Iterator[Flaw]:
        """The flaws of parameters that fit the schema; of others it may pass some over.

        `stored`: as of a job that was written before: only what stops its runs is a flaw.
        """
        ...


def http_flaws(params: Mapping[str, Any], *, stored: bool = False) -> Iterator[Flaw]:
    """Of `http.request`."""
    url = params.get("url")
    if isinstance(url, str):
        try:
            http_url(url)
        except ValueError as error:
            yield Flaw("/url", str(error))
    if "json" in params and params.get("text") is not None:
        yield Flaw("/text", "cannot be combined with json: a request has one body")
    seen: dict[str, str] = {}
    for name in _members(params.get("headers")):
        yield from _header(name, _pointer("headers", name))
        other = seen.setdefault(name.lower(), name)
        if other != name:
            yield Flaw(_pointer("headers", name), f"is {_shown(other)} again: one header, given twice")
    sign = params.get("sign")
    if isinstance(sign, Mapping):
        named = cast("Mapping[str, Any]", sign).get("header", SIGNATURE)
        if isinstance(named, str):
            yield from _header(named, "/sign/header")
            if not stored and named.lower() in seen:
                yield Flaw("/sign/header", f"is among `headers`, too, as {_shown(seen[named.lower()])}")
    if not stored:
        yield from _ranges(params.get("expect"))


def backup_flaws(params: Mapping[str, Any], *, stored: bool = False) -> Iterator[Flaw]:
    """Of `db.backup`."""
    if params.get("uploadToS3") is False:
        yield Flaw("/uploadToS3", "is false: without an upload there is no backup; leave it out")
    yield from store_flaws(params, stored=stored)


def store_flaws(params: Mapping[str, Any], *, stored: bool = False) -> Iterator[Flaw]:
    """Of `db.restore-drill`, and of what else reads a place's backups."""
    del stored
    if params.get("database") in (".", ".."):
        yield Flaw("/database", "cannot be '.' or '..': its backups are stored in a folder of that name")
    endpoint = params.get("endpoint")
    if isinstance(endpoint, str) and not _is_endpoint(endpoint):
        yield Flaw("/endpoint", "is not a URL like https://s3.example.com:9000")


CHECKS: Mapping[str, Check] = {
    "http.request": http_flaws,
    "db.backup": backup_flaws,
    "db.restore-drill": store_flaws,
}
SCHEMAS: Mapping[str, frozenset[str]] = {
    "http.request": frozenset({"cvrskp407n013558nga2m1qh744t0nos"}),
    "db.backup": frozenset({"5cseio5cfqtumlvfs4h824jq5ti2vl5h"}),
    "db.restore-drill": frozenset({"978kbj30asvkpr37od5e16jaf3s9prmo"}),
}
"""Digests (`schema_digest`) of the schemas that releases with these checks, and the one before, announce."""


def check_of(spec: ExecutorSpec) -> Check | None:
    """The check of an executor as it was announced; None where it is none of ours."""
    known = SCHEMAS.get(spec.key)
    return CHECKS[spec.key] if known is not None and schema_digest(spec.params_schema) in known else None


def schema_digest(schema: Mapping[str, Any]) -> str:
    """Of what a schema demands, however it describes it."""
    return digest(msgspec.json.encode(_demands(schema), order="deterministic").decode(), 32)


def new_flaws(check: Check, params: Mapping[str, Any], before: Mapping[str, Any] | None) -> list[Flaw]:
    """Without those that the job has already, where it stays as it is."""
    found = list(check(params))
    if not found or before is None:
        return found
    had = set(check(before))
    return [flaw for flaw in found if flaw not in had or _at(params, flaw.pointer) != _at(before, flaw.pointer)]


def refuse(flaws: Iterable[Flaw]) -> None:
    """
    Raises:
        ValueError: there are some; it names each.
    """
    told = [f"{flaw.pointer} {flaw.message}" for flaw in flaws]
    if told:
        raise ValueError("; ".join(told))


def _header(name: str, pointer: str) -> Iterator[Flaw]:
    if name.lower() in OF_CONNECTION:
        yield Flaw(pointer, f"{_shown(name)} cannot be set by a job: the HTTP client or Waterclock sets it")


def _ranges(expect: Any) -> Iterator[Flaw]:
    if not isinstance(expect, list | tuple):
        return
    for place, one in enumerate(cast("list[Any]", expect)):
        low, _, high = one.partition("-") if isinstance(one, str) else ("", "", "")
        if low.isdecimal() and high.isdecimal() and len(low) == len(high) and low > high:
            yield Flaw(_pointer("expect", place), f"{_shown(one)} contains no status: write {high}-{low}")


def _is_endpoint(text: str) -> bool:
    try:
        parts = urlsplit(text)
        return bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _demands(schema: Any) -> Any:
    if isinstance(schema, Mapping):
        members = cast("Mapping[str, Any]", schema).items()
        return {
            name: _demands(one)
            for name, one in members
            if name not in _TELLING or isinstance(one, Mapping)  # a member may bear the name
        }
    if isinstance(schema, list | tuple):
        return [_demands(one) for one in cast("list[Any]", schema)]
    return schema


def _members(value: Any) -> Iterable[str]:
    return cast("Mapping[str, Any]", value) if isinstance(value, Mapping) else ()


def _at(value: Any, pointer: str) -> Any:
    """What a pointer leads to; None where there is nothing."""
    for part in pointer[1:].split("/"):
        name = part.replace("~1", "/").replace("~0", "~")
        if isinstance(value, Mapping):
            value = cast("Mapping[str, Any]", value).get(name)
        elif isinstance(value, list | tuple) and name.isdecimal() and int(name) < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[int(name)]
        else:
            return None
    return value


def _pointer(*parts: str | int) -> str:
    return "".join("/" + str(part).replace("~", "~0").replace("/", "~1") for part in parts)


def _shown(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}…"
