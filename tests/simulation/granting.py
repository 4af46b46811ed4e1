"""Looks at what claims grant. Laws, of a partition in which all live sessions say what they can run:

    able           no run is granted to a session that lacks its executor
    none starves   a claim that answers that there is no more leaves no run that its session could start
    in order       of a queue no run is granted before one that stands in front of it, and that the session could start

and of any:

    goes on        claims do not answer again and again that there is more, and grant nothing
    not hidden     beside a live session that does not say what it can run, no claim and no sweeper leaves any aside
    left alone     where all say so, a sweeper returns nothing
    once           a run that runs is not started
    in one place   a run that is queued stands in its stream or lies aside, once; and only such runs do

A session could start a run if it has its executor and, where the run was lost often, holds no other such run. How long
runs wait depends on what else is queued: one may wait for as long as each claim that could start it fills all slots.
"""

from __future__ import annotations

from typing import Any, NamedTuple, cast

import msgspec

from tests.support.memory.store import Store
from tests.support.memory.values import SortedSet, Stream, entry_id
from tests.support.previous import unannounced
from waterclock.log.commands.aside import names_in
from waterclock.log.commands.attempts import SUSPECT_FROM, Grant
from waterclock.log.connection.scripts import Script
from waterclock.log.records import Record, record_of
from waterclock.model.events import (
    RunCancelled,
    RunDied,
    RunFailed,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    RunSucceeded,
    RunTimedOut,
)
from waterclock.wire.envelope import Entry
from waterclock.wire.keys import STREAMS, Keys

CLAIM, JOIN, RETURN = (Script(name, object).source.sha for name in ("claim", "join", "return_aside"))
JOIN_BEFORE, LEAVE, SWEEP = (unannounced(name).source.sha for name in ("join", "leave", "sweep"))
_STOPPED = (RunLost, RunRetryScheduled, RunSucceeded, RunFailed, RunTimedOut, RunCancelled, RunDied)
_LOSSES, _WAITED = (Grant.__struct_fields__.index(name) for name in ("losses", "waited"))
_CLASSES = "suspect", "again", "due"
LOOK_MS = 1000
"""How long a claim may go by what it saw of the sessions, where their number is the same."""
IN_VAIN_MOST = 50
"""Claims in a row that may grant nothing though there is more: each sets aside or ends many."""
_unpack = msgspec.msgpack.decode


class Standing(NamedTuple):
    """Where a queued run stands: what goes before what, within a queue and an executor."""

    streamed: bool  # what lies aside goes before
    place: int  # of `_CLASSES`
    ms: int
    number: int


class Granting:
    def __init__(self, store: Store, keys: Keys) -> None:
        self.granted = 0
        self.set_aside = 0
        self.beside_silent = 0
        """Claims beside sessions that do not say what they can run."""
        self.returned = 0
        """Runs that lay aside, by a sweeper."""
        self._store = store
        self._keys = keys
        self._executors: dict[str, str] = {}
        self._running: set[str] = set()
        self._says: dict[str, frozenset[str] | None] = {}
        self._joined_at = 0
        self._silent_at = 0
        self._before: dict[str, tuple[Record, Standing]] = {}
        self._aside_before: set[bytes] = set()
        self._filled: dict[str, int] = {}  # run → when a session that has its executor last filled its slots, ms
        self._in_vain: dict[str, int] = {}  # session → claims in a row that granted nothing, though there is more

    def asked(self, words: list[bytes]) -> None:
        """A script is about to be executed."""
        if words[0] == JOIN or words[0] == JOIN_BEFORE:
            call = _unpack(words[-2])
            said = call.get("executors")
            self._says[call["session"]] = None if said is None else names_in(said)
            self._joined_at = self._store.now_ms()
        elif words[0] == CLAIM:
            self._before = self.standing()
            self._aside_before = set(self._aside())

    def answered(self, words: list[bytes], reply: Any, fresh: list[Entry]) -> str | None:
        """A script was executed, and left these entries; what it should not have done."""
        for entry in fresh:
            event = entry.event
            if isinstance(event, RunRequested):
                self._executors[event.run_id] = event.invoke_target
            elif isinstance(event, RunStarted):
                if event.run_id in self._running:
                    return f"{event.run_id} is started, and runs"
                self._running.add(event.run_id)
            elif isinstance(event, _STOPPED):
                self._running.discard(event.run_id)
        if words[0] == LEAVE or words[0] == SWEEP:
            self._silent_at = self._store.now_ms()  # it may have been such a one
        if words[0] == CLAIM:
            return self._claimed(_unpack(words[-2]), _unpack(reply))
        if words[0] == RETURN:
            return self._returned(_unpack(reply))
        return None

    def _returned(self, reply: dict[str, Any]) -> str | None:
        self.returned += reply["returned"]
        looked = abs(self._store.now_ms() - self._joined_at) > LOOK_MS
        if self._some_are_silent():
            return f"{self._aside()} lie aside" if looked and not reply["more"] and self._aside() else None
        known = abs(self._store.now_ms() - self._silent_at) > LOOK_MS
        return (
            f"{reply['returned']} are returned, and nobody is there for them" if known and reply["returned"] else None
        )

    def _some_are_silent(self) -> bool:
        return any(self._says.get(session) is None for session in self._alive())

    def _claimed(self, call: dict[str, Any], reply: dict[str, Any]) -> str | None:
        if reply["status"] != "done":
            return None
        session, more = call["session"], reply["more"]
        able, grants = self._says[session], {grant[0] for grant in reply["grants"]}
        self.granted += len(grants)
        self._in_vain[session] = self._in_vain.get(session, 0) + 1 if more and not grants else 0
        if self._in_vain[session] > IN_VAIN_MOST:
            return f"{session} is told again and again that there is more, and granted nothing"
        after = self.standing()
        wanted = {run for run in after if able is None or self._executors[run] in able}
        left = wanted - _beside_suspects(after, call, reply)
        full = wanted if len(grants) == call["slots"] else wanted - left
        self._filled = {run: ms for run, ms in self._filled.items() if run in after}
        self._filled |= dict.fromkeys(full, self._store.now_ms())
        silent = self._some_are_silent()
        if able is None or silent or abs(self._store.now_ms() - self._silent_at) <= LOOK_MS:
            self.beside_silent += 1
            looked = abs(self._store.now_ms() - self._joined_at) > LOOK_MS
            return f"{self._aside()} lie aside" if silent and looked and self._aside() else None
        self.set_aside += len(set(self._aside()) - self._aside_before)
        for run in {grant[0] for grant in reply["grants"] if grant[_WAITED] >= 0}:  # not in an answer given again
            if self._executors[run] not in able:
                return f"{run} is granted to {session}, which lacks {self._executors[run]}"
        if left and not more:
            return f"{min(left)} is left without a word, and {session} has {self._executors[min(left)]}"
        return self._out_of_order(grants, wanted, in_a_round=bool(call.get("sought") or reply.get("sought")))

    def _out_of_order(self, grants: set[str], left: set[str], *, in_a_round: bool) -> str | None:
        """`in_a_round`: the names of the session were not all looked up, so only runs of one executor are in order."""
        last: dict[tuple[str, str], Standing] = {}

        def line(run: str, record: Record) -> tuple[str, str]:
            return record.queue, self._executors[run] if in_a_round else ""

        for run in grants & self._before.keys():
            record, standing = self._before[run]
            if record.losses < SUSPECT_FROM:
                last[line(run, record)] = max(standing, last.get(line(run, record), standing))
        for run in left & self._before.keys():
            record, standing = self._before[run]
            ahead = last.get(line(run, record))
            if record.losses < SUSPECT_FROM and ahead is not None and standing < ahead:
                return f"{run} stands in front of one that was granted"
        return None

    def waits_since(self, has: frozenset[str]) -> dict[str, tuple[Record, int]]:
        """The runs that one of these executors is to run, and since when they have not waited behind others, ms."""
        return {
            run: (record, max(standing.ms, self._filled.get(run, 0)))
            for run, (record, standing) in self.standing().items()
            if self._executors[run] in has
        }

    def standing(self) -> dict[str, tuple[Record, Standing]]:
        """The runs that are queued, and where they stand."""
        found: dict[str, tuple[Record, Standing]] = {}
        for run, record in self.records().items():
            if record.state != "queued":
                continue
            if record.aside:
                told = record.aside.split("\1")[2]
                found[run] = record, Standing(False, int(told[0]), int(told[1:16]), int(told[16:]))
            else:
                ms, number = record.entry.split("-")
                found[run] = record, Standing(True, _CLASSES.index(record.place), int(ms), int(number))
        return found

    def records(self) -> dict[str, Record]:
        packed = self._store.value(self._key("runs"), dict) or {}
        return {run.decode(): record_of(record) for run, record in packed.items()}

    def check_places(self) -> str | None:
        """Every run stands where its record says, and nothing else stands anywhere."""
        known = self.records()
        queued = {run: one for run, one in known.items() if one.state == "queued"}
        streamed: dict[str, tuple[str, str]] = {}
        for key, value in self._store.keys.items():
            kind, _, queue = key.decode().rpartition("}:")[2].partition(":")
            if kind in STREAMS and isinstance(value, Stream):
                for entry in value.between(b"-", b"+"):
                    place, (_, name) = cast("tuple[bytes, list[bytes]]", entry)
                    run = name.decode()
                    record = known.get(run)
                    if record is not None and record.entry == place.decode():
                        streamed[run] = kind, queue
        lie = {run for run, one in queued.items() if one.aside and one.aside.encode() in self._aside()}
        lost = queued.keys() - streamed.keys() - lie
        if lost:
            return f"{lost} are queued, and stand nowhere"
        if lie & streamed.keys() or streamed.keys() - queued.keys():
            return f"{lie & streamed.keys()} stand twice, {streamed.keys() - queued.keys()} are not queued"
        wrong = [
            run for run, (kind, queue) in streamed.items() if (kind, queue) != (queued[run].place, queued[run].queue)
        ]
        return f"{wrong} stand elsewhere than their records say" if wrong else None

    def check_barred(self) -> str | None:
        """No run lies aside whose job was disabled since, or is gone."""
        jobs = self._store.value(self._key("jobs"), dict) or {}
        for run, record in self.records().items():
            job = jobs.get(record.job_id.encode())
            barred = (0, 0) if job is None else entry_id(job.split(b" ")[1])
            if record.aside and (job is None or entry_id(record.requested.encode()) < barred):
                return f"{run} lies aside, and nobody may start it"
        return None

    def _key(self, name: str) -> bytes:
        return self._keys.partition(0, name).encode()

    def _aside(self) -> list[bytes]:
        found = self._store.value(self._key("aside"), SortedSet)
        return [] if found is None else list(found.scores)

    def _alive(self) -> list[str]:
        seats = self._store.value(self._key("sessions"), dict) or {}
        return [session.decode() for session, seat in seats.items() if not seat.startswith(b"-")]


def _beside_suspects(
    standing: dict[str, tuple[Record, Standing]], call: dict[str, Any], reply: dict[str, Any]
) -> set[str]:
    """The runs that were lost often, if the claim granted as many of them as its session may hold."""
    granted = sum(grant[_LOSSES] >= SUSPECT_FROM for grant in reply["grants"])
    if granted < call["suspects"]:
        return set()
    return {run for run, (record, _) in standing.items() if record.losses >= SUSPECT_FROM}
