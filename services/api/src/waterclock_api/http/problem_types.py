"""The kinds of problem documents: one row each; `docs/reference/problems.md` and the page at `/problems` repeat it."""

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
    meaning: str  # when it is answered, and what to do

    @property
    def type(self) -> str:
        return TYPES + self.name


_ALL = (
    Kind(
        400,
        "bad-request",
        "The request cannot be read",
        "The body is not JSON or nested too deeply, or a query parameter, header, cursor or position is unknown or "
        "wrong. `errors` names each parameter as `?name`. Nothing was stored; the same request will not go better.",
    ),
    Kind(
        401,
        "unauthenticated",
        "Unauthorized",
        "Credentials are missing or invalid: `detail` says why. Send `Authorization: Bearer` and an API key or a "
        "token. Nothing was done.",
    ),
    Kind(
        403,
        "forbidden",
        "Not allowed",
        "The caller lacks the scope that `detail` names. Nothing was done. Where it may run a job, but not send what "
        "it sends, `errors` names that: of an executor that works at places, and beside a reference to a secret, who "
        "may not `edit` sends what the stored job says.",
    ),
    Kind(
        403,
        "cross-site",
        "Cross-site request refused",
        "Nobody is asked for credentials here, so only pages of this API's own may ask through a browser: `detail` has "
        "the headers that tell of another. List its origin in `WATERCLOCK_CORS_ORIGINS`, or make a key. Nothing was "
        "done.",
    ),
    Kind(
        403,
        "proxied",
        "Request through a proxy without a key",
        "Nobody is asked for credentials here (`WATERCLOCK_KEYLESS`), which is for programs on this machine alone, and "
        "the request says that it came through a proxy: `detail` has what tells. Make a key before anything stands in "
        "front. Nothing was done.",
    ),
    Kind(
        404,
        "not-found",
        "Not found",
        "There is no such job, run, queue or route; or, of a job at a time (`asOf`), there was none then.",
    ),
    Kind(405, "method-not-allowed", "Method not allowed", "The route has other methods: `Allow` names them."),
    Kind(
        408,
        "slow-body",
        "The body did not come in time",
        "A body has 20 s to come whole, and this one had not. Nothing was done, and the connection is closed. Send it "
        "again.",
    ),
    Kind(
        409,
        "name-taken",
        "The name is taken",
        "Another job of the group has the name. Names are free again as soon as their job is deleted or renamed.",
    ),
    Kind(
        409,
        "run-blocked",
        "Another run of the job is not finished",
        "The job may not overlap, and `detail` names the run that blocks. Wait for it, cancel it, or ask again with an "
        "`overlapPolicy` of `buffer_one`, `buffer_all` or `cancel_other`.",
    ),
    Kind(409, "run-ended", "The run has ended", "What is asked needs an unfinished run; `detail` has its status."),
    Kind(
        409,
        "run-unfinished",
        "The run has not ended",
        "Only a run that has ended can be run again; `detail` has its status. Cancel it first, or wait.",
    ),
    Kind(
        409,
        "job-gone",
        "The job was deleted",
        "The run's job is no more, so it cannot be run again as one of it. `POST /v1/monitor/runs` runs the executor "
        "without a job.",
    ),
    Kind(
        410,
        "history-gone",
        "The history is no longer kept",
        "This history has been deleted by the retention policy (`WATERCLOCK_KEEP_EVENTS`). It cannot be restored.",
    ),
    Kind(
        412,
        "version-mismatch",
        "The job has another version",
        "Somebody changed the job since it was read: `ETag` has its version now. Read it, decide again, and send that.",
    ),
    Kind(413, "too-large", "The body is too large", "`detail` says how much is taken. Nothing was stored."),
    Kind(415, "unsupported-body", "The body is not JSON", "Send it as `application/json`."),
    Kind(
        421,
        "misdirected",
        "Host name not allowed",
        "Nobody is asked for credentials here, so the API answers only to names that mean this machine everywhere, "
        "such as `localhost` and `127.0.0.1`: any other may be a page's. `detail` has the `Host` that was sent. Make "
        "a key, or, if the name means this machine by its hosts file, list it in `WATERCLOCK_ALLOWED_HOSTS`. Nothing "
        "was done.",
    ),
    Kind(
        422,
        "invalid",
        "The body is not valid",
        "Something in the body is wrong, parameters of the executor included: `errors` names every flaw at once, each "
        "by a JSON pointer. Nothing was stored.",
    ),
    Kind(
        422,
        "key-reused",
        "The Idempotency-Key was used before",
        "The key stands for another request of the last 24 hours. A new request wants a new key.",
    ),
    Kind(
        429,
        "too-many-streams",
        "Too many streams of one caller",
        "The caller, or where nobody is asked who it is the address, has as many streams open as one may have "
        "(`WATERCLOCK_STREAMS_PER_CLIENT`). Close one, or ask again after `Retry-After` seconds; "
        "`GET /v1/monitor/events/stream` tells of many jobs in one stream.",
    ),
    Kind(
        429,
        "too-many-requests",
        "Too many requests",
        "The caller asks more often than it may, or too many requests with no credentials, or wrong ones, come from "
        "its address: `detail` says how often. Nothing was done. Ask again after `Retry-After` seconds.",
    ),
    Kind(
        429,
        "too-many-reads",
        "Too many slow reads of one caller",
        "As many searches, lists or proofs of the caller, or where nobody is asked who it is of the address, wait for "
        "a place as may. Wait for their answers before asking for more, or ask again after `Retry-After` seconds.",
    ),
    Kind(
        500,
        "internal",
        "Internal server error",
        "A fault of the server. `traceId` finds it in its log. Whether a change was made is not known: repeat it with "
        "the same `Idempotency-Key`.",
    ),
    Kind(
        500,
        "log-not-permitted",
        "The API's user at Redis may not do it",
        "Redis refuses what the API asked for this request: its user lacks a right. Lay `deploy/valkey/users.acl` of "
        "this release out anew; the log of the API names the user and the command. Nothing was done.",
    ),
    Kind(
        503,
        "try-later",
        "Try again later",
        "Nothing was stored: others change the same thing, the log is not open, or the read models are "
        "behind. Ask again after `Retry-After` seconds.",
    ),
    Kind(
        503,
        "log-full",
        "Redis is at its memory limit",
        "No new runs, jobs or changes until there is room in Redis. What runs, ends, and cancel, delete, disable, "
        "pause and resume go on. Nothing was stored. Ask again after `Retry-After` seconds.",
    ),
    Kind(
        503,
        "streams-full",
        "No more streams",
        "The process serves as many streams as it may (`WATERCLOCK_STREAMS`). Ask again after `Retry-After` seconds: "
        "another replica may have room.",
    ),
    Kind(
        503,
        "crowded",
        "Too much at once",
        "The process holds as many bytes for its callers, or for this one, as it may (`WATERCLOCK_HELD_BYTES`): "
        "bodies, or pages that nobody has taken. Nothing was done. Ask again after `Retry-After` seconds, or for "
        "smaller pages.",
    ),
    Kind(
        503,
        "reads-busy",
        "Too many slow reads at once",
        "Other searches, lists and proofs take all connections that there are for them "
        "(`WATERCLOCK_POSTGRES_CONNECTIONS`), or the caller's own take its share. Commands, and reads of one job or "
        "run, go on. Ask again after `Retry-After` seconds.",
    ),
    Kind(
        503,
        "read-too-slow",
        "The read takes too long",
        "Postgres needs longer for it than a read may take (`WATERCLOCK_READ_TIMEOUT`). `detail` says which parameter "
        "makes it cheaper: the same request will hardly go better.",
    ),
    Kind(503, "unready", "Not ready", "The process cannot do all its work: `errors` names what is out of reach."),
    Kind(
        503,
        "credentials-unknown",
        "Credentials cannot be checked",
        "Postgres or the issuer of tokens has not answered for too long. Nothing was done.",
    ),
    Kind(
        503,
        "log-unavailable",
        "Redis is unavailable",
        "Redis does not answer. Whether a change was made is not known: repeat it with the same `Idempotency-Key`. "
        "Reads go on.",
    ),
    Kind(
        503,
        "store-unavailable",
        "Postgres is unavailable",
        "Postgres does not answer, or its schema is missing: `detail` says which. Reads wait for it; commands are "
        "still accepted, with 202.",
    ),
)
KINDS: Mapping[str, Kind] = {kind.name: kind for kind in _ALL}
