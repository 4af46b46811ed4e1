"""Why a call had no success, as exceptions: what the API refused, and what never came.

ApiError ─┬─ Refused ─┬─ Invalid, NotFound, NameTaken, VersionMismatch, … one for each problem type
          │           └─ (an unknown type, of a newer API, is a plain Refused)
          ├─ Ambiguous     several jobs are meant by one `group/name`; nothing was asked for
          ├─ Unreachable   no answer; `sent` says whether the request may have been executed
          ├─ Unreadable    an answer, but not that of a Waterclock API
          └─ Closed        a stream that was open, and that its credential opens no more
"""

from __future__ import annotations

from collections.abc import Mapping

import msgspec

TYPES = "/problems#"
"""After the prefix of the gateway, where there is one."""


class FieldProblem(msgspec.Struct, frozen=True):
    """`pointer`: RFC 6901 into the body; `?name` for a query parameter."""

    pointer: str
    message: str


class Problem(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A problem document (RFC 9457)."""

    type: str = "about:blank"
    title: str
    status: int = 0
    detail: str = ""
    errors: tuple[FieldProblem, ...] = ()
    trace_id: str | None = None
    request_id: str | None = None
    run_id: str | None = None


class ApiError(Exception):
    """Any call may raise it."""


class Ambiguous(ApiError):
    """A slash can be read in several ways, and there is a job for more than one. `jobs`: group and name of each id."""

    def __init__(self, named: str, jobs: Mapping[str, tuple[str, str]]) -> None:
        told = ", ".join(f"{name!r} in the group {group!r} is {some_id}" for some_id, (group, name) in jobs.items())
        super().__init__(f"{named!r} matches several jobs: {told}. Use the id.")
        self.jobs = dict(jobs)


class Unreachable(ApiError):
    """No answer. `sent`: the request may have reached the API, so what it asks for may have been done."""

    def __init__(self, url: str, reason: str, *, sent: bool) -> None:
        super().__init__(f"no answer from {url}: {reason}")
        self.sent = sent


class Unreadable(ApiError):
    """Whoever answered is not this API, or not of a version that we understand."""


class Closed(ApiError):
    """What was followed goes on, and we are told of it no more: `reason` is the API's word, such as `keyRevoked`."""

    def __init__(self, reason: str) -> None:
        super().__init__(f"the API closed the stream: {_CLOSED.get(reason, reason)}")
        self.reason = reason


_CLOSED = {
    "keyRevoked": "the key was revoked",
    "keyRotated": "the key has ended after its rotation",
    "keyRemoved": "the key does not exist any more",
    "expired": "the key or token has expired",
    "narrowed": "the caller has lost the scope",
    "signingKeyRemoved": "the token's key is no longer in the issuer's key set (JWKS)",
    "credentialsRequired": "authentication has been turned on",
}


class Refused(ApiError):
    """The API said no; its problem document says why. `errors` name the fields."""

    def __init__(self, problem: Problem, *, status: int, headers: Mapping[str, str]) -> None:
        flaws = "; ".join(f"{flaw.pointer} {flaw.message}" for flaw in problem.errors)
        super().__init__(flaws or problem.detail or problem.title)
        self.problem = problem
        self.status = status
        self.retry_after = _seconds(headers.get("retry-after"))
        self.version = _version(headers.get("etag"))

    @property
    def errors(self) -> tuple[FieldProblem, ...]:
        return self.problem.errors


class BadRequest(Refused):
    """The request cannot be read: a query parameter or a header is unknown or wrong."""


class Unauthenticated(Refused):
    """Credentials are missing or invalid."""


class Forbidden(Refused):
    """The caller lacks a scope."""


class NotFound(Refused):
    pass


class NameTaken(Refused):
    """Another job of the group has the name."""


class RunBlocked(Refused):
    """The job may not overlap, and another run of it is not finished."""

    @property
    def run_id(self) -> str | None:
        """Id of the run that blocks; None from an API that does not say it."""
        return self.problem.run_id


class RunEnded(Refused):
    pass


class RunUnfinished(Refused):
    pass


class JobGone(Refused):
    pass


class HistoryGone(Refused):
    """The archive does not reach back to what is asked."""


class VersionMismatch(Refused):
    """Somebody changed the job since it was read; `version` is what it has now."""


class TooLarge(Refused):
    pass


class Invalid(Refused):
    """The body is not valid; `errors` name every flaw."""


class KeyReused(Refused):
    """The Idempotency-Key stands for another command."""


class TryLater(Refused):
    """Not done, and it may go well later: after `retry_after` seconds."""


class TooSlow(Refused):
    """The read takes longer than the API lets it; `str` says which parameter makes it cheaper."""


class LogFull(TryLater):
    """The log is at its memory limit: nothing new for now."""


class Uncertain(Refused):
    """The log, the read models, or for a gateway the API are unreachable; whether a change was made is not known."""


_KINDS: Mapping[str, type[Refused]] = {
    "bad-request": BadRequest,
    "unauthenticated": Unauthenticated,
    "forbidden": Forbidden,
    "not-found": NotFound,
    "name-taken": NameTaken,
    "run-blocked": RunBlocked,
    "run-ended": RunEnded,
    "run-unfinished": RunUnfinished,
    "job-gone": JobGone,
    "history-gone": HistoryGone,
    "version-mismatch": VersionMismatch,
    "too-large": TooLarge,
    "invalid": Invalid,
    "key-reused": KeyReused,
    "try-later": TryLater,
    "log-full": LogFull,
    "streams-full": TryLater,
    "slow-body": TryLater,
    "crowded": TryLater,
    "too-many-streams": TryLater,
    "too-many-requests": TryLater,
    "too-many-reads": TryLater,
    "reads-busy": TryLater,
    "read-too-slow": TooSlow,
    "credentials-unknown": TryLater,
    "log-unavailable": Uncertain,
    "store-unavailable": Uncertain,
}
_OF_A_GATEWAY = (502, 503, 504)  # where it reaches no API, and says so in words of its own


def refusal(status: int, headers: Mapping[str, str], body: bytes) -> Refused:
    """The exception for an answer that is an error; `headers` by lower-case name."""
    try:
        problem = msgspec.json.decode(body, type=Problem)
    except msgspec.MsgspecError:
        problem = Problem(title=f"the API returned {status}", status=status)
    _, ours, name = problem.type.rpartition(TYPES)
    kind = Uncertain if not ours and status in _OF_A_GATEWAY else _KINDS.get(name, Refused)
    return kind(problem, status=status, headers=headers)


def _seconds(text: str | None) -> float | None:
    return float(text) if text is not None and text.isascii() and text.isdigit() else None


def _version(etag: str | None) -> int | None:
    bare = (etag or "").strip('"')
    return int(bare) if bare.isascii() and bare.isdigit() else None
