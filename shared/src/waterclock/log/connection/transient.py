"""What passes by itself, in one list: what a server of the log says, or that it says nothing, before all is well again.

a  *moved*: another server holds the key now. It is followed, at most `FOLLOWED_S`.
b  *no answer, or not the one to ask* (refused, silent, cut off; a replica, loading, cut off from its cluster,
   superseded): the connections are dropped, and the server is looked for anew.
c  *not now*: refused, and nothing was done. Where it lasts for lack of replicas, it is as b.
d  *no access*: refused credentials or rights. As b once this process was let in; before, a person has to mend it.

Every connection raises by this list, and every loop waits by `PASSES`.
"""

from __future__ import annotations

from redis.exceptions import RedisError

from waterclock.log.connection.errors import (
    AccessLost,
    Halted,
    LogError,
    LogFull,
    LogRefuses,
    LogUnavailable,
    NotPermitted,
    NotPrimary,
    Superseded,
)

MOVED = frozenset({"MOVED", "ASK", "TRYAGAIN"})
NOT_THE_ONE = frozenset({"UNBLOCKED", "LOADING", "MASTERDOWN", "READONLY", "CLUSTERDOWN", "SUPERSEDED"})
NOT_NOW = frozenset({"OOM", "MISCONF", "NOREPLICAS", "BUSY"})
NO_ACCESS = frozenset({"NOAUTH", "WRONGPASS", "NOPERM", "DENIED"})  # the last: without a password only from its host
NOT_INITIALISED = "NOTINITIALISED"
"""By a script, where there is no log, or none any more."""

FOLLOWED_S = 2.0  # s that a call follows a key that moves
LASTING_S = 1.0
"""s after which a server that goes on to answer `NOREPLICAS` or `HALTED` may be another's old primary: looked for."""

PASSES: tuple[type[LogError], ...] = (LogUnavailable, LogFull, Halted)
KEPT: tuple[type[Exception], ...] = (LogRefuses, LogFull, NotPermitted)
"""After these, as after any error that the caller is to see, the connection is good."""
DROPPED: tuple[type[LogError], ...] = (NotPrimary, AccessLost)
"""After these none of the connections to that server is used again."""

_IN_SCRIPT = "ACL failure in script"  # a refusal there has no code of its own
_NO_AUTH = "AUTH <password> called without any password configured"


def code_of(error: RedisError) -> str:
    """The word by which an error reply begins: the driver cuts off those that it knows."""
    said = str(error)
    if said.startswith(_IN_SCRIPT):
        return "NOPERM"
    if said.startswith(_NO_AUTH):
        return "NOAUTH"
    return error.status_code or said.partition(" ")[0]


def not_the_one(where: str, code: str, error: RedisError) -> NotPrimary:
    if code == "SUPERSEDED":
        return Superseded(f"{where} was superseded: another server replaced it.")
    said = str(error).removeprefix(code).strip()
    return NotPrimary(f"{where} is not the primary now: {code} {said}".strip())


def not_now(where: str, code: str, error: RedisError) -> LogRefuses | LogFull:
    if code == "OOM":
        return LogFull("The server is at its memory limit.")
    said = str(error).removeprefix(code).strip()
    return LogRefuses(f"{where} rejects writes: {code} {said}", lacks_replicas=code == "NOREPLICAS")
