"""The log lines of services, found where the code writes them; what each means is said here.

long: a table of all lines, each with its services and its meaning.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[3]
SOURCES = (
    *("services/api/src/waterclock_api", "services/scheduler/src/waterclock_scheduler"),
    *("services/worker/src/waterclock_worker", "shared/src/waterclock"),
)
LEVELS = ("info", "warning", "error", "critical")
GROUPS = ("all", "api", "projector", "scheduler", "worker", "notifier", "publisher")
TITLES = {
    "all": "Every service",
    "api": "API",
    "projector": "Projector",
    "scheduler": "Scheduler",
    "worker": "Worker",
    "notifier": "Notifier",
    "publisher": "Publisher",
}
MEANING: Mapping[str, Mapping[str, str]] = {
    "all": {
        "ready": "The service has started",
        "redis refuses access": "The user of Redis lacks a permission. The error names user and command",
        "redis primary unknown": "No Redis server can be found that is the primary",
        "redis primary known again": "The primary was found",
        "sentinels do not agree": "Sentinels name different primaries",
        "sentinels agree again": "They name the same one",
        "sentinels name another primary": "Sentinels name a new primary: a failover",
        "cluster changed": "Slots of the Redis cluster have moved to other nodes",
        "earlier epoch accepted writes: halted": "An old Redis server accepted writes after another had "
        "taken over. It was closed",
        "known events lost": "Redis lost events that this process knew",
        "loss reported": "The loss was recorded in the event log",
        "loss not reported": "Another process had recorded the loss, or it was none",
        "started without postgres": "The service has started although Postgres does not respond",
        "postgres reached": "Postgres responds for the first time",
        "postgres does not respond": "A connection to Postgres is silent",
        "postgres reachable again": "Postgres responds again",
        "spans dropped": "The collector does not accept spans",
        "spans sent again": "The collector accepts spans again",
        "spans not sent": "Sending spans failed by an error in this process",
        "metrics not collected in time": "A store took too long: some metrics are absent",
        "propagator not installed": "`OTEL_PROPAGATORS` names a propagator that is not installed",
        "process failed": "The process ends by an unexpected error",
        "thread failed": "A thread ended by an unexpected error",
        "log lines lost": "Standard error was not read fast enough",
        "partition taken": "This process judges or publishes the events of a partition from now on",
        "partition handed over": "Another process does so now",
    },
    "api": {
        "authentication is off": "Started with `WATERCLOCK_KEYLESS`: requests are not authenticated",
        "refused": "A request was refused with 401, 403 or 429",
        "request failed": "A request ended with status 500, with the traceback",
        "log unreadable": "A request met an event that cannot be read",
        "redis unreachable": "Redis does not respond: commands are answered with 503",
        "redis reachable again": "Redis responds again",
        "redis rejects writes": "Redis refuses writes",
        "redis accepts writes again": "Redis accepts writes again",
        "partitions not open": "Partitions are halted until a projector opens them",
        "partitions open again": "A projector has opened them",
        "postgres unreachable": "Postgres does not respond: reads are answered with 503",
        "API keys not loaded": "API keys cannot be read from Postgres. Known keys are good for `good_for_s` seconds",
        "JWKS not loaded": "The key set (JWKS) of the token issuer cannot be read",
        "schedules stalled": "Scheduled times of a partition are not decided",
        "schedules resumed": "They are decided again",
        "live events stopped": "Event streams get no events of a partition",
        "live events resumed": "They get events again",
        "live events missing": "A stream in Redis has a gap: clients are disconnected, and reconnect",
        "live events lost": "Redis lost events that streams had sent. Streams send `gap`",
        "stream aborted": "An event stream ended by an error. Its client reconnects",
        "streams closed": "Streams were closed because their credentials ended",
        "client connections not checked": "Client connections cannot be inspected",
        "client connections checked again": "They can be inspected again",
        "listening for projections failed": "`Prefer: wait` cannot be told when read models are current",
        "listening for projections resumed": "It can be told again",
        "executors not loaded": "The list of executors cannot be read. The known one is used",
        "executors loaded again": "It was read again",
        "look-alike names not checked": "The user of Redis lacks a permission for the check of names",
        "drain requested": "Somebody asked a worker to drain",
    },
    "projector": {
        "projecting": "The projector follows a partition",
        "handed over": "Another projector follows it now",
        "level of all projectors": "Whether all running projectors know the events of this release has changed",
        "projection stopped": "Events of a partition are not projected. `reason` says why",
        "projection resumed": "They are projected again",
        "stream trimmed": "Archived events were removed from Redis",
        "events parked": "Events of a later release were archived as they are: `waterclock rebuild` of that release "
        "reads them",
        "event unreadable": "An event cannot be read, and was put into quarantine",
        "stalled projector ended": "A projector that hung was cut off from Postgres",
        "no partitions assigned": "This process cannot get a share of the partitions",
        "partitions assigned again": "It gets a share again",
        "archive tables not created": "The role of Postgres may not create tables for new months",
        "retention failed": "Retention could not delete anything in this hour",
        "installation unknown": "It cannot be checked that Redis and Postgres belong together",
        "installation known again": "They belong together",
        "partition opened": "A partition was opened on the Redis server in use",
        "partition not opened": "It could not be opened now. It is tried again",
        "job names not opened": "The names of jobs could not be opened now. It is tried again",
        "empty redis prepared": "Redis had no data of the partition: it was prepared again",
        "partition restored from the archive": "An empty partition was restored from the archive",
        "event log repaired from the archive": "Redis had lost its last events, and "
        "they were put back. `lost` is the number of events that only Redis knew",
        "event dropped": "An event that only Redis knew was dropped, and set aside",
        "attempts lost with redis": "Runs that were running when Redis lost data are queued again",
        "unknown runs ended": "Runs that only the archive knew were ended or queued again",
        "redis has an earlier epoch than was opened": "An old Redis server is in "
        "use. It is checked twice before the repair",
        "reachability not recorded": "It cannot be recorded which Redis servers are reached",
        "reachability recorded again": "It is recorded again",
        "stored jobs invalid": "Parameters of stored jobs do not match the schema of their executor",
        "stored jobs valid again": "They match again",
        "stored jobs not checked": "Stored jobs cannot be checked",
        "stored jobs checked again": "They are checked again",
        "stored job not checked": "The check of a stored job ended by an error",
    },
    "scheduler": {
        "leading": "This scheduler leads a partition",
        "leadership released": "It does not lead it any more",
        "waiting for leadership": "It cannot become the leader. `error` says why",
        "jobs loaded": "It has read the jobs of a partition",
        "decisions stopped": "Scheduled times are not decided. `error` says why",
        "decisions resumed": "They are decided again",
        "schedule decision late": "A decision came 5 s or more after its scheduled time",
        "schedule refused": "A schedule of a job cannot be computed",
        "job unreadable": "A job cannot be read",
        "no such queue": "A job names a queue that does not exist",
        "pauses copied": "Pauses of queues were copied to a partition",
        "queue pauses not copied": "They could not be copied. It is tried again",
        "session swept": "A dead worker was found, and its runs were taken back",
        "runs returned to queues": "Runs that waited for an executor were returned to their queues",
    },
    "worker": {
        "run ended": "A run ended: it failed (error), or it succeeded or was cancelled (info)",
        "attempt failed": "An attempt failed, and the run is tried again at `next_attempt_at`",
        "started late": "A run started 5 s or more after it could",
        "session opened": "The worker has a new session in a partition",
        "session lost": "The worker counted as dead, and goes on with a new session",
        "lease not renewed": "The lease of a session could not be renewed",
        "lease renewed again": "It was renewed again",
        "lease connection lost": "The connection that renews leases cannot be opened",
        "lease connection restored": "It is open again",
        "attempt stopped: lease not renewed": "An attempt was stopped, because its lease could not be renewed",
        "lease lost and attempt does not stop: process exits": "An attempt ignored its stop",
        "other runs not handed back": "Before that, other runs could not be returned",
        "run lost to another worker": "Another worker has the run. This attempt is stopped",
        "unknown run handed back": "A run that this worker did not know was returned",
        "end refused": "The result of an attempt was refused, because another worker had the run",
        "attempt does not stop": "An attempt keeps running after it was asked to stop. `mend` says what to do",
        "overdue attempt ended": "Such an attempt ended",
        "drain requested": "Somebody asked this worker to drain",
        "draining": "The worker takes no more runs",
        "drained": "All runs have ended or were returned",
        "results not stored": "Redis did not confirm results before the end",
        "session not closed": "Redis could not be told that the worker leaves",
        "redis unavailable": "Redis does not respond. `what` is the operation",
        "redis available again": "Redis responds again",
        "run request unreadable": "The stored request of a run cannot be read",
        "module has no executors": "A module of `WATERCLOCK_EXECUTORS` has no function with `@executor`",
        "reference listed without hosts": "A reference to a secret has no `@HOST`. Only stored jobs may use it",
        "drills restore on the source server": "A place has no scratch server. Only stored jobs may drill there",
        "event loop blocked": "An executor blocks the event loop. The line names its place in the code",
        "event loop still blocked: other runs handed back": "It goes on blocking. Other runs are returned",
        "event loop of executors ended": "An executor stopped the shared event loop",
        "executor isolated in its own event loop": "It did so twice, or blocked it",
        "end of the event loop prevented": "An executor tried to stop the loop",
        "call ignored": "An executor tried to change the process, which is not allowed",
        "run changed its worker's process": "A run changed signals, the environment or the like, and did not undo it",
        "process state not checked": "The check for such changes failed",
        "timer of a run ignored": "A run set a timer signal and no handler",
        "lifespans not closed in time": "Shared resources were not closed in time",
        "lifespan not closed in time": "A shared resource was not closed in time",
        "lifespan failed": "A shared resource could not be opened or closed",
        "stored job invalid": "Parameters of a stored job do not match the executor that this worker announces",
        "stored job check failed": "The check of a stored job ended by an error",
        "not all stored jobs checked": "There are too many stored jobs to check all at the start",
        "stored jobs not checked": "Stored jobs could not be read at the start",
    },
    "notifier": {
        "judging stopped": "Postgres does not respond, or another notifier judges the partition",
        "judging resumed": "Events are judged again",
        "events missing in the archive": "Events were lost. What they said is not told; the present is judged on",
        "message not delivered": "A channel did not take a message. It is sent again later",
        "message given up": "A message is not sent again: its channel is closed, or did not take it for three days",
        "message delivered from memory": "A notice was sent while Postgres did not respond. It is recorded later",
        "heartbeat withheld": "Not all is well, so the heartbeat is not sent; `error` says what is wrong",
        "heartbeat sent again": "All is well again: the heartbeat is sent",
        "heartbeat not delivered": "The receiver of the heartbeat did not take it. It is sent again",
        "heartbeat delivered": "The receiver takes the heartbeat again",
        "notice lost": "Postgres does not respond, and too many notices wait in memory",
        "mute over: messages sent": "A mute is over, and what it had kept back and still lasts is told",
        "messages muted": "Messages are not sent, because of a mute. They are recorded",
        "messages not sent": "Postgres does not respond: no message is sent",
        "messages sent again": "Messages are sent again",
        "job disabled": "The breaker has disabled a job, as its promise says",
        "job left enabled": "The breaker does not disable a job: it was changed, is deleted, or does not fail any more",
        "job not disabled yet": "The breaker could not disable a job, and why. It tries again",
        "jobs not disabled": "Postgres does not respond: the breaker disables no job",
        "jobs disabled again": "The breaker disables jobs again",
        "notifier muted": "The database tells for another place: nothing is sent here. See `waterclock notices resume`",
        "notices sent from here again": "Messages are sent from here again",
        "notices file read": "A changed file of rules is in force",
        "retention of notices failed": "No old notice could be deleted in this hour",
        "notices file not usable": "A changed file of rules is wrong. The last right one stays in force",
    },
    "publisher": {
        "publishing stopped": "Postgres or the server that is published to does not respond, or another publishes",
        "publishing resumed": "Events are published again",
        "publisher muted": "The database tells for another place: nothing is published here. See `notices resume`",
        "origin not known": "Postgres does not respond: whether the database is a copy is not known",
        "origin known again": "Postgres responds again",
    },
}


class Line(NamedTuple):
    """`levels` and `fields` are of all places that write it; a field that no dictionary there names is missing."""

    levels: set[str]
    fields: dict[str, None]


def text() -> str:
    """
    Raises:
        ValueError: a line has no meaning here, or is written nowhere.
    """
    found = lines()
    known = {event for events in MEANING.values() for event in events}
    if differ := (found.keys() ^ known) - {"log lines lost"}:
        raise ValueError(f"log lines and their meanings differ: {sorted(differ)}")
    return "\n".join(_table(group, found) for group in GROUPS)


def _table(group: str, found: Mapping[str, Line]) -> str:
    rows = "".join(_row(event, said, found.get(event)) for event, said in MEANING[group].items())
    return f"### {TITLES[group]}\n\n| `event` | Level | Meaning, and fields |\n|---|---|---|\n{rows}"


def _row(event: str, said: str, line: Line | None) -> str:
    levels, fields = (line.levels, line.fields) if line is not None else ({"warning"}, {"lines": None})
    shown = ", ".join(level for level in LEVELS if level in levels)
    beside = f"<br>Fields: {', '.join(f'`{name}`' for name in fields)}" if fields else ""
    return f"| `{event}` | {shown} | {said}.{beside} |\n"


def lines() -> dict[str, Line]:
    """What the code writes, but for level debug."""
    found: dict[str, Line] = {}
    for source in SOURCES:
        for file in sorted((ROOT / source).rglob("*.py")):
            if "cli" in file.parts:
                continue
            for function in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
                    continue
                for call in ast.walk(function):
                    if isinstance(call, ast.Call):
                        for level, event, fields in _written(call, function):
                            line = found.setdefault(event, Line(set(), {}))
                            line.levels.add(level)
                            line.fields.update(dict.fromkeys(fields))
    return found


def _named(function: ast.AST, line: int) -> dict[str, ast.expr]:
    """What names stand for before a line of a function."""
    named: dict[str, ast.expr] = {}
    for node in sorted(
        (one for one in ast.walk(function) if isinstance(one, ast.Assign | ast.AnnAssign | ast.AugAssign)),
        key=lambda one: one.lineno,
    ):
        target = node.targets[0] if isinstance(node, ast.Assign) else node.target
        if node.lineno < line and isinstance(target, ast.Name) and node.value is not None:
            before = named.get(target.id) if isinstance(node, ast.AugAssign) else None
            named[target.id] = node.value if before is None else ast.BinOp(before, ast.BitOr(), node.value)
    return named


def _written(call: ast.Call, function: ast.AST) -> Iterator[tuple[str, str, list[str]]]:
    name = (
        call.func.attr
        if isinstance(call.func, ast.Attribute)
        else call.func.id
        if isinstance(call.func, ast.Name)
        else ""
    )
    owner = call.func.value if isinstance(call.func, ast.Attribute) else None
    who = owner.id if isinstance(owner, ast.Name) else owner.attr if isinstance(owner, ast.Attribute) else ""
    given = {keyword.arg: keyword.value for keyword in call.keywords}
    if name == "Outage":
        about = [key for key in given if key]
        for event, level, beside in zip(call.args[1:3], ("warning", "info"), ("error", "failures"), strict=True):
            yield from ((level, said, [*about, beside]) for said in _texts(event))
    elif who == "_repeats" and name == "say":
        level = given.get("level")
        shown = level.attr.lower() if isinstance(level, ast.Attribute) else "info"
        fields = _fields(call.args[2], _named(function, call.lineno)) if len(call.args) > 2 else []
        yield from ((shown, said, fields) for said in _texts(call.args[0]))
    elif who in {"log", "_log", "log_line"} and name in {*LEVELS, "exception", "log"}:
        event = call.args[1] if name == "log" else call.args[0]
        shown = {"exception": "error", "log": "warning"}.get(name, name)
        yield from ((shown, said, _fields(given.get("extra"), _named(function, call.lineno))) for said in _texts(event))


def _texts(node: ast.expr) -> list[str]:
    if isinstance(node, ast.IfExp):
        return [*_texts(node.body), *_texts(node.orelse)]
    return [node.value] if isinstance(node, ast.Constant) and isinstance(node.value, str) else []


def _fields(node: ast.expr | None, named: Mapping[str, ast.expr]) -> list[str]:
    if isinstance(node, ast.Name):
        value = named.get(node.id)
        return [] if isinstance(value, ast.Name) else _fields(value, named)
    if isinstance(node, ast.BinOp):
        return [*_fields(node.left, named), *_fields(node.right, named)]
    if isinstance(node, ast.Dict):
        return [key.value for key in node.keys if isinstance(key, ast.Constant) and isinstance(key.value, str)]
    return []
