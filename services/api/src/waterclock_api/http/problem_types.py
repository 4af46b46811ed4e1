"""The kinds of problem documents: one row each, from which `docs/reference/problems.md` and the page at `/problems` are
made.

long: a table with the texts of all of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

PAGE = "/problems"
TYPES = f"{PAGE}#"
"""What stands before the name in a document's `type`: a reference to the page that this API serves."""


class Kind(NamedTuple):
    status: int
    name: str
    title: str
    meaning: str  # when it is answered, and whether anything was done
    remedy: str

    @property
    def type(self) -> str:
        return TYPES + self.name


_REPEAT = "Repeat it with the same `Idempotency-Key`."
_LATER = "Ask again after `Retry-After` seconds."
_ALL = (
    Kind(
        400,
        "bad-request",
        "The request cannot be read",
        "The body is not JSON or is nested too deeply, or a query parameter, header, cursor or position is unknown or "
        "invalid. `errors` names each parameter as `?name`. Nothing was stored.",
        "Correct the request. The same request will fail again.",
    ),
    Kind(
        401,
        "unauthenticated",
        "Unauthorized",
        "Credentials are missing or invalid. `detail` says why. Nothing was done.",
        "Send `Authorization: Bearer` with an API key or a token.",
    ),
    Kind(
        403,
        "forbidden",
        "Forbidden",
        "The caller lacks the scope that `detail` names, or it may run a job but not send these parameters, which "
        "`errors` names. Nothing was done.",
        "Use a key with the scope. Without the scope `edit`, a run of an executor that works at places, or that uses a "
        "secret, must have the parameters of the stored job.",
    ),
    Kind(
        403,
        "cross-site",
        "Cross-site request refused",
        "The API runs without authentication (`WATERCLOCK_KEYLESS`), and a page of another origin sent the request. "
        "`detail` shows the headers. Nothing was done.",
        "List the origin of the page in `WATERCLOCK_CORS_ORIGINS`, or create an API key.",
    ),
    Kind(
        403,
        "proxied",
        "Request through a proxy without a key",
        "The API runs without authentication (`WATERCLOCK_KEYLESS`), which is for programs on this machine, and the "
        "request came through a proxy. `detail` shows what gives it away. Nothing was done.",
        "Create an API key before you put a proxy in front.",
    ),
    Kind(
        404,
        "not-found",
        "Not found",
        "There is no such job, run, queue or route. With `asOf`, there was no such job at that time.",
        "Check the id. Names are not ids: find a job with `GET /v1/monitor/jobs?jobGroup=…&jobName=…`.",
    ),
    Kind(
        405,
        "method-not-allowed",
        "Method not allowed",
        "The route has other methods.",
        "Use one that the header `Allow` names.",
    ),
    Kind(
        408,
        "slow-body",
        "The body did not arrive in time",
        "A body must arrive within 20 seconds. Nothing was done, and the connection is closed.",
        "Send it again.",
    ),
    Kind(
        409,
        "name-taken",
        "The name is taken",
        "Another job of the group has this name.",
        "Use another name. A name is free again as soon as its job is deleted or renamed.",
    ),
    Kind(
        409,
        "older-release",
        "A part of an earlier release is at work",
        "The job has a `promise`, or notices are to be muted, and a projector or an API of an earlier release would "
        "lose that. `detail` names those. Nothing was stored.",
        "Finish the upgrade, then repeat the request. `waterclock doctor` names the parts that are left.",
    ),
    Kind(
        409,
        "run-blocked",
        "Another run of the job is not finished",
        "Runs of the job may not overlap. `runId` is the run that blocks.",
        "Wait for that run, cancel it, or repeat the request with the `overlapPolicy` `buffer_one`, `buffer_all` or "
        "`cancel_other`.",
    ),
    Kind(
        409,
        "run-ended",
        "The run has ended",
        "The request needs an unfinished run. `detail` has the status of this one.",
        "Nothing, or retry the run: `POST /v1/monitor/runs/{id}/retry`.",
    ),
    Kind(
        409,
        "run-unfinished",
        "The run has not ended",
        "Only an ended run can be run again. `detail` has the status of this one.",
        "Wait for it, or cancel it first.",
    ),
    Kind(
        409,
        "job-gone",
        "The job was deleted",
        "The job of the run was deleted, so the run cannot be retried.",
        "Run the executor without a job: `POST /v1/monitor/runs`.",
    ),
    Kind(
        410,
        "history-gone",
        "The history is no longer kept",
        "This history was deleted by the retention policy (`WATERCLOCK_KEEP_EVENTS`).",
        "Nothing: it cannot be restored.",
    ),
    Kind(
        412,
        "version-mismatch",
        "The job has another version",
        "Somebody changed the job after you read it. The header `ETag` has its version now. Nothing was stored.",
        "Read the job again, decide again, and send that.",
    ),
    Kind(
        413,
        "too-large",
        "The body is too large",
        "`detail` says how large a body may be. Nothing was stored.",
        "Send a smaller body.",
    ),
    Kind(
        415,
        "unsupported-body",
        "The body is not JSON",
        "The header `Content-Type` is not `application/json`.",
        "Send the body as `application/json`.",
    ),
    Kind(
        421,
        "misdirected",
        "Host name not allowed",
        "The API runs without authentication (`WATERCLOCK_KEYLESS`), so it answers only to names of this machine, such "
        "as `localhost` and `127.0.0.1`. `detail` has the `Host` header of the request. Nothing was done.",
        "Create an API key. Or, if the name means this machine by its hosts file, list it in "
        "`WATERCLOCK_ALLOWED_HOSTS`.",
    ),
    Kind(
        422,
        "invalid",
        "The body is not valid",
        "Something in the body is invalid, which includes parameters of the executor. `errors` names every error at "
        "once, each by a JSON pointer. Nothing was stored.",
        "Correct the members that `errors` names.",
    ),
    Kind(
        422,
        "key-reused",
        "The Idempotency-Key was used before",
        "A different request used this key within the last 24 hours. Nothing was done.",
        "Use a new key for a new request.",
    ),
    Kind(
        429,
        "too-many-streams",
        "Too many streams of one caller",
        "The caller has as many open event streams as one caller may have (`WATERCLOCK_STREAMS_PER_CLIENT`). Without "
        "authentication a caller is an address.",
        f"Close one, or use `GET /v1/monitor/events/stream`, which has the events of many jobs in one stream. {_LATER}",
    ),
    Kind(
        429,
        "too-many-requests",
        "Too many requests",
        "The caller sent more requests than its rate limit allows, or its address sent too many with missing or "
        "invalid credentials. `detail` has the limit. Nothing was done.",
        _LATER,
    ),
    Kind(
        429,
        "too-many-reads",
        "Too many slow reads of one caller",
        "As many searches, lists or audits of the caller are waiting as one caller may have. Without authentication a "
        "caller is an address.",
        f"Wait for their responses before you send more. {_LATER}",
    ),
    Kind(
        500,
        "internal",
        "Internal server error",
        "A bug in the server. `traceId` finds it in the log lines of the API. It is not known whether a change was "
        "made.",
        _REPEAT,
    ),
    Kind(
        500,
        "log-not-permitted",
        "The API's user at Redis lacks a permission",
        "Redis refused what the API needed for this request. A log line of the API names the user and the command. "
        "Nothing was done.",
        "Apply the file `deploy/valkey/users.acl` of this release to Redis.",
    ),
    Kind(
        503,
        "try-later",
        "Try again later",
        "Somebody else changes the same thing, a partition is not open, or the read models are behind. Nothing was "
        "stored.",
        _LATER,
    ),
    Kind(
        503,
        "log-full",
        "Redis is at its memory limit",
        "New runs, new jobs and changes are refused until Redis has memory again. Running runs go on. Cancel, delete, "
        "disable, pause and resume still work. Nothing was stored.",
        f"{_LATER} Operators: see the alert `WaterclockMemoryWatermark`.",
    ),
    Kind(
        503,
        "streams-full",
        "No more streams",
        "This process serves as many event streams as it may (`WATERCLOCK_STREAMS`).",
        f"{_LATER} Another replica may have room.",
    ),
    Kind(
        503,
        "crowded",
        "Too much data at once",
        "The process holds as many bytes for all callers, or for this one, as it may (`WATERCLOCK_HELD_BYTES`): "
        "request bodies, or pages of lists that were not read yet. Nothing was done.",
        f"{_LATER} Or ask for smaller pages.",
    ),
    Kind(
        503,
        "reads-busy",
        "Too many slow reads at once",
        "Other searches, lists and audits use all connections for slow reads (`WATERCLOCK_POSTGRES_CONNECTIONS`), or "
        "the caller uses its share of them. Commands, and reads of one job or run, still work.",
        _LATER,
    ),
    Kind(
        503,
        "read-too-slow",
        "The read takes too long",
        "Postgres needs longer for it than a read may take (`WATERCLOCK_READ_TIMEOUT`).",
        "Change the parameter that `detail` names. The same request will probably fail again.",
    ),
    Kind(
        503,
        "unready",
        "Not ready",
        "The process cannot do all its work. `errors` names what it cannot reach.",
        "Send the request to another replica.",
    ),
    Kind(
        503,
        "credentials-unknown",
        "Credentials cannot be checked",
        "Postgres or the token issuer has not responded for too long. Nothing was done.",
        _LATER,
    ),
    Kind(
        503,
        "log-unavailable",
        "Redis is unavailable",
        "Redis does not respond. It is not known whether a change was made. Reads still work.",
        _REPEAT,
    ),
    Kind(
        503,
        "store-unavailable",
        "Postgres is unavailable",
        "Postgres does not respond, or its schema is missing. `detail` says which. Commands still work: they are "
        "answered with 202.",
        _LATER,
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
