"""Events and moments in words, as the verbs that follow show them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from waterclock.cli.options.moments import shown
from waterclock.client.sse import Event

BAR = 10  # signs
_ENDS = {
    "run.succeeded": "succeeded",
    "run.failed": "failed",
    "run.timedOut": "timed out",
    "run.cancelled": "cancelled",
    "run.died": "died",
}


def told(event: Event, *, at: str, of: str | None = None) -> Iterator[str]:
    """The lines of an event, each with its time, and `of` what it is, where that is to be said."""
    about = "" if of is None else f"{of}  "
    for line in words(event.kind, event.data):
        yield f"{at}  {about}{line}"


def words(kind: str, data: Mapping[str, Any]) -> Iterator[str]:
    """What happened, without when and to whom."""
    match kind:
        case "run.requested":
            nominal, behind, ready = shown(data.get("nominalAt")), data.get("waitingOn"), shown(data.get("readyAt"))
            what = f"fired for {nominal}" if nominal else f"requested ({data.get('trigger')})"
            why = f", to start at {ready}" if ready else ""
            yield what + (f", to wait behind run {behind}" if behind else why)
        case "run.started":
            yield f"started by {data.get('worker')}, attempt {data.get('attempt')}"
        case "run.retryScheduled":
            again = shown(data.get("readyAt"))
            outcome = _ENDS.get(f"run.{data.get('outcome')}", "failed")
            ended = f"attempt {data.get('attempt')} {outcome}, another at {again}"
            yield ended + because(data.get("error"), None)
        case "run.lost":
            yield f"attempt {data.get('attempt')} lost: {data.get('reason')}"
        case "step.started":
            yield f"▸ {data.get('name')}"
        case "step.log":
            yield from (f"    {line['text']}" for line in data.get("lines") or ())
        case "step.progress":
            yield f"    {progress(data.get('done', 0), data.get('total'))}"
        case "step.finished":
            yield f"{'✓' if data.get('status') == 'succeeded' else '✗'} step {data.get('number')} {data.get('status')}"
        case "fire.skipped":
            yield f"skipped {data.get('count')} until {shown(data.get('last'))}: {data.get('reason')}"
        case "fire.coalesced":
            yield f"merged {data.get('count')} until {shown(data.get('last'))} into {data.get('into')}"
        case "notices.muted":
            yield f"{_muted(data)} muted until {shown(data.get('until'))}: {data.get('reason')}"
        case "notices.unmuted":
            yield f"mute {data.get('muteId')} ended" + because(None, data.get("reason"))
        case "log.truncated":
            yield f"events after {data.get('endedAt') or 'the start'} are lost, through {data.get('knownThrough')}"
        case "gap":
            yield f"events are missing here: {data.get('reason')}"
        case "unreadable":
            yield "unreadable event: `waterclock doctor` says why, and what to do"
        case "end" | "closed":  # the verb says itself how it ends
            return
        case _ if kind in _ENDS:
            yield _ENDS[kind] + because(data.get("error"), data.get("reason"))
        case _:
            yield kind + because(None, data.get("reason"))


def _muted(data: Mapping[str, Any]) -> str:
    """Whose notices; of a job that is named beside it none."""
    if data.get("all"):
        return "all notices"
    group, label = data.get("group"), data.get("label")
    return f"notices of group {group}" if group else f"notices of label {label}" if label else "notices"


def because(error: Mapping[str, Any] | None, reason: str | None) -> str:
    if error is not None:
        return f": {error.get('type')}: {error.get('message')}"
    return f": {reason}" if reason else ""


def progress(done: float, total: float | None) -> str:
    """A bar; executors count what they like: bytes, rows, tables."""
    if not total:
        return f"{done:,.0f}"
    filled = min(BAR, int(BAR * done / total))
    return f"{'▰' * filled}{'▱' * (BAR - filled)} {done:,.0f} of {total:,.0f}"


def took(ms: int | None) -> str | None:
    """A duration as people say it."""
    if ms is None:
        return None
    if ms < 1000:
        return f"{ms} ms"
    seconds, minutes = ms / 1000, ms // 60_000
    if seconds < 60:
        return f"{seconds:.1f} s"
    return (
        f"{minutes // 60}:{minutes % 60:02}:{ms // 1000 % 60:02}"
        if minutes >= 60
        else f"{minutes}:{ms // 1000 % 60:02}"
    )
