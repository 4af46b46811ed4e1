"""What runs leave changed in the process of their worker: found, told in the log of the run, and put back.

    begun, ended (batches of runs) ──► look: what differs from what is kept?
        a witness saw who did it                  → that run
        none did                                  → those that ran since the last look: one of them
        a lifespan, or no run at all              → it is kept from now on
    the last of those runs ends                   → put back, told

Belongs to the worker's I/O loop. A look takes about as long as two no-op runs. Where few runs end there is one for
each; where they come by the thousand, looks may use so much of the time and no more, and one serves many of them. What
a witness has seen is looked at in any case.

It is long: one watch, whose looks share what was seen.
"""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from collections.abc import Collection, Generator, Iterable, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

from waterclock.kit.telemetry.log_lines import Throttle
from waterclock_worker.execution.isolation import watched_state
from waterclock_worker.execution.isolation.state_kinds import Family, Faults, Umask
from waterclock_worker.execution.isolation.state_members import Environment, Modules
from waterclock_worker.execution.isolation.witness import PROCESS, Witness
from waterclock_worker.reporting.capture.log_capture import LogCapture
from waterclock_worker.reporting.step_log import StepLog

SHARE = 0.006
"""Of the time, for looks that nobody gave reason for."""
CALM = 100
"""Runs that end in a second: while there are fewer, each is looked at."""
_SAVED_MOST = 0.03  # s of looks, after a quiet time
_DEEP = {"functions"}  # thousands, nearly all seen by witnesses: looked at while half of that is left
_STALE_S = 1.0  # s; what is found later may have come from before the runs that begin
_NAMED_MOST = 3  # other runs, in a line
_TOLD_MOST = 10  # changes, in a line
ADVICE = "set it at module level or in a lifespan, or declare the executor with `subprocess=True`"
UNHEARD = (
    "a timer that this run has set (signal.alarm, setitimer) has fired without effect: signals belong to "
    "the worker. Use `timeout` for a time limit, `subprocess=True` for your own signals"
)
Key = tuple[str, str]  # family, name

log = logging.getLogger(__name__)


class _Case:
    """A change that is not put back yet."""

    __slots__ = ("gone", "runs", "seen", "what")

    def __init__(self) -> None:
        self.what = ""
        self.runs: dict[StepLog, None] = {}  # that may have done it and are not told
        self.gone: list[str] = []  # the same, that had ended before it was found
        self.seen = False  # a witness knows them


class _Since:
    """What has run since the last look."""

    __slots__ = ("gone", "runs")

    def __init__(self, runs: Iterable[StepLog] = ()) -> None:
        self.runs: dict[StepLog, None] = dict.fromkeys(runs)
        self.gone: deque[str] = deque(maxlen=2 * _NAMED_MOST)  # of those that have ended

    def ended(self, runs: Iterable[StepLog]) -> None:
        for one in runs:
            if one in self.runs:
                del self.runs[one]
                self.gone.append(one.run_id)


class StateWatch:
    """Of one process."""

    def __init__(self, logs: LogCapture) -> None:
        self._umask, self._faults = Umask(), Faults()
        self._calls = watched_state.calls()
        self._logs = logs
        self._families: dict[str, Family] = {}
        self._witness = Witness(logs, self._umask, self._faults, self._calls)
        self._running: dict[StepLog, None] = {}
        self._since, self._since_deep = _Since(), _Since()
        self._owners: dict[Key, dict[StepLog, None]] = {}  # of changes, by witness
        self._cases: dict[Key, _Case] = {}
        self._adopted: deque[tuple[Key, Any]] = deque()  # by lifespans, from any thread
        self._credit = _SAVED_MOST
        self._asked_at = self._looked_at = self._ended_at = 0.0
        self._ending = 0.0  # runs that have ended within about a second
        self._throttle = Throttle(10)
        self._looking = threading.RLock()

    @contextmanager
    def in_place(self) -> Generator[None]:
        """While it lasts, the process is watched. What runs have not put back by then is."""
        with ExitStack() as spare:
            self._umask.learn()
            settings = watched_state.settings(self._umask, self._faults, spare)
            spare.enter_context(self._witness.in_place())
            families: list[Family] = [
                Environment(), settings, watched_state.objects(), watched_state.functions(), Modules(), self._calls,
                self._logs.state,
            ]  # fmt: skip
            self._families = {family.title: family for family in families}
            for family in families[:-1]:
                family.keep()
            try:
                yield
            finally:
                self._look(self._families)
                for key in [*self._cases]:
                    self._put_back(key)

    def begun(self, runs: Sequence[StepLog]) -> None:
        """These begin now."""
        if time.perf_counter() - self._looked_at > _STALE_S and self._may_look():
            self._look(self._affordable())
        self._running.update(dict.fromkeys(runs))
        self._since.runs.update(dict.fromkeys(runs))
        self._since_deep.runs.update(dict.fromkeys(runs))

    def ended(self, runs: Sequence[StepLog]) -> None:
        """These have ended, and their endings are not sent yet: tell them what they have changed."""
        for one in runs:
            self._running.pop(one, None)
        now = time.perf_counter()
        self._ending = self._ending * math.exp(self._ended_at - now) + len(runs)
        self._ended_at = now
        noted = {family for family, _, _ in [*self._witness.notes]}
        if self._cases or self._owners:
            noted |= {family for family, _ in self._cases.keys() | self._owners.keys()}
        if self._may_look():
            self._look(self._affordable() | noted)
        elif self._witness.notes or self._concerns(runs):
            self._look(noted)
        self._since.ended(runs)
        self._since_deep.ended(runs)
        if self._cases:
            self._settle(runs)
        for one in {*self._witness.rung} & {*runs}:
            self._witness.rung.discard(one)
            one.add(UNHEARD)
        if self._witness.timers:
            for number, setter in [*self._witness.timers.items()]:
                if setter not in self._running:
                    self._witness.timers.pop(number, None)

    def rang(self, number: int) -> None:
        """A timer has rung by this signal: its run is told at its end. In a handler of signals: it takes no lock."""
        setter = self._witness.timers.pop(number, None)
        if setter is not None and setter in self._running:
            self._witness.rung.add(setter)

    def _settle(self, ended: Sequence[StepLog]) -> None:
        """Tell these what they have changed, and put back what nobody uses any more who may have set it."""
        told: dict[StepLog, dict[str, list[str]]] = {}  # run → what became of it → what
        order = [*self._families]  # the time zone comes after the variable that says it
        for key, case in sorted(self._cases.items(), key=lambda one: order.index(one[0][0])):
            over = not any(one in self._running for one in case.runs)
            why = self._put_back(key) if over else None
            for one in ended:
                if one in case.runs:
                    told.setdefault(one, {}).setdefault(_became(case, one, over=over, why=why), []).append(case.what)
                    case.gone.append(one.run_id)
                    del case.runs[one]
            if over and self._throttle.may(time.monotonic()):
                log.warning(
                    "run changed its worker's process",
                    extra={"what": case.what, "runs": case.gone[-_NAMED_MOST:], "error": why},
                )
        for one, became in told.items():
            for text, changed in became.items():
                more = f" and {len(changed) - _TOLD_MOST} more" if len(changed) > _TOLD_MOST else ""
                one.add(text.format(", ".join(changed[:_TOLD_MOST]) + more))

    @contextmanager
    def opening(self) -> Generator[None]:
        """Around what a lifespan does: what it changes is kept. From any thread."""
        before = self._differences()
        try:
            yield
        finally:
            for key, now in self._differences().items():
                if key not in before or not _same(before[key], now):
                    self._adopted.append((key, now))

    def _concerns(self, runs: Sequence[StepLog]) -> bool:
        """Whether something is known of one of these."""
        if not self._cases and not self._owners:
            return False
        known = [case.runs for case in self._cases.values()] + [*self._owners.values()]
        return any(one in found for found in known for one in runs)

    def _affordable(self) -> set[str]:
        return {*self._families} if self._credit > _SAVED_MOST / 2 else self._families.keys() - _DEEP

    def _may_look(self) -> bool:
        now = time.perf_counter()
        self._credit = min(_SAVED_MOST, self._credit + (now - self._asked_at) * SHARE)
        self._asked_at = now
        return self._credit > 0 or self._ending < CALM

    def _look(self, titles: Collection[str]) -> None:
        """At these families."""
        with self._looking:
            began = time.thread_time()
            self._adopt_told()
            self._read_notes()
            families = [family for title, family in self._families.items() if title in titles]
            found: set[Key] = set()
            for family in families:
                family.take_in()
                for name, (kept, now) in family.changes().items():
                    found.add((family.title, name))
                    self._judge(family, name, kept, now)
            looked_at = {family.title for family in families}
            for key in [*self._cases]:  # put back by who had changed it
                if key[0] in looked_at and key not in found:
                    del self._cases[key]
            for key, owners in [*self._owners.items()]:
                if key not in self._cases and not any(one in self._running for one in owners):
                    del self._owners[key]
            if looked_at >= self._families.keys() - _DEEP:
                self._since, self._looked_at = _Since(self._running), self._asked_at
            if looked_at >= _DEEP:
                self._since_deep = _Since(self._running)
            if self._ending >= CALM:
                self._credit -= time.thread_time() - began

    def _read_notes(self) -> None:
        while self._witness.notes:
            family, name, owner = self._witness.notes.popleft()
            owners = self._owners.setdefault((family, name), {})
            owners.pop(owner, None)
            owners[owner] = None  # the last is last

    def _judge(self, family: Family, name: str, kept: Any, now: Any) -> None:
        key = family.title, name
        owners, case = self._owners.get(key, {}), self._cases.get(key)
        since = self._since_deep if family.title in _DEEP else self._since
        runs, gone = {one: None for one in owners if one is not PROCESS}, []
        if not owners and case is None:
            runs, gone = since.runs, [*since.gone]
        if (owners and next(reversed(owners)) is PROCESS) or (case is None and not runs and not gone):
            family.adopt(name, now)
            self._cases.pop(key, None)
            return
        if case is None:
            case = self._cases[key] = _Case()
            case.gone = gone
        case.what, case.seen = family.say(name, kept, now), bool(owners)
        case.runs.update(runs)

    def _adopt_told(self) -> None:
        while self._adopted:
            (title, name), now = self._adopted.popleft()
            self._families[title].adopt(name, now)

    def _differences(self) -> dict[Key, Any]:
        families = self._families.values()
        with self._looking:
            return {(one.title, name): now for one in families for name, (_, now) in one.changes().items()}

    def _put_back(self, key: Key) -> str | None:
        """Why it cannot be; then it stays."""
        family, name = self._families[key[0]], key[1]
        self._cases.pop(key, None)
        self._owners.pop(key, None)
        self._witness.quiet = True
        try:
            family.put_back(name)
        except Exception as error:  # noqa: BLE001 - what runs have done to the process may forbid it
            changed = family.changes().get(name)
            if changed is not None:
                family.adopt(name, changed[1])
            return f"{type(error).__name__}: {error}"
        finally:
            self._witness.quiet = False
        return None


def _same(one: Any, other: Any) -> bool:
    """Of what others have made only whether it is the very same: it may compare as it likes."""
    return one is other or (type(one) is type(other) and type(one) in {str, int, float, tuple} and one == other)


def _became(case: _Case, run: StepLog, *, over: bool, why: str | None) -> str:
    """A line about a change, with a place for what was changed."""
    others = case.gone + [one.run_id for one in case.runs if one is not run]
    if case.seen or not others:
        said = "this run changed {}, which affects the whole worker process"
    else:
        named = ", ".join(others[:_NAMED_MOST]) + (" …" if len(others) > _NAMED_MOST else "")
        said = f"this run, or another one in the worker ({named}), changed {{}}, which affects the whole worker process"
    if why is not None:
        return f"{said}. It could not be restored ({_braceless(why)}): {ADVICE}"
    done = "It was restored" if over else "It will be restored when the other runs that may have changed it have ended"
    return f"{said}. {done}: {ADVICE}"


def _braceless(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
