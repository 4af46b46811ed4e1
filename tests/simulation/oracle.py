"""Looks over the store's shoulder at every script that is executed, and says when something must not be.

It reads calls, replies and events only. Laws:

    marks          only grow; each decision begins where the one before ended
    truth          each decision is what the policy says of exactly the instants in its interval (`rules`)
    in time        no instant is decided before it was due
    edits          cause no catch-up, and settle what was owed
    overlap        what stands in the way of a run is there when an event says so
    grants         (`granting`)
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tests.simulation import rules
from tests.simulation.granting import Granting
from tests.support.memory.store import Store
from tests.support.memory.values import Stream
from waterclock.log.connection.scripts import Script
from waterclock.model.cron.schedule import parse
from waterclock.model.definition import Definition
from waterclock.model.events import (
    FireCoalesced,
    FireSkipped,
    JobChanged,
    JobCreated,
    JobDeleted,
    JobDisabled,
    JobEnabled,
    RunCancelled,
    RunDied,
    RunFailed,
    RunRequested,
    RunSucceeded,
    RunTimedOut,
)
from waterclock.model.instants.misfire import digest
from waterclock.model.timestamps import millis, stamp
from waterclock.wire.envelope import Entry, read_entry
from waterclock.wire.keys import Keys

Decision = RunRequested | FireSkipped | FireCoalesced
_ENDED = (RunSucceeded, RunFailed, RunTimedOut, RunCancelled, RunDied)
_STATUS = (JobCreated, JobChanged, JobEnabled, JobDisabled, JobDeleted)
_DECIDE = Script("decide", object).source.sha
_DEFINE = {Script("define", object, relieving=relieving).source.sha for relieving in (False, True)}
_unpack = msgspec.msgpack.decode


class Broken(AssertionError):
    """A law does not hold."""


class Known(msgspec.Struct, kw_only=True):
    """A job as its events tell."""

    definition: Definition
    version: int
    mark: int
    decided_at: int = 0
    unfinished: dict[str, str] = {}  # run → the state it was requested in
    alive: bool = True


class Oracle:
    def __init__(self, store: Store, keys: Keys) -> None:
        self.entries: list[Entry] = []
        self.jobs: dict[str, Known] = {}
        self.broken: Broken | None = None
        """The first law that did not hold: who is told of it may be a process that nobody listens to."""
        self.granting = Granting(store, keys)
        self.fates = {"fired": 0, "skipped": 0, "coalesced": 0}
        self._requested: set[str] = set()
        self._events = keys.partition(0, "events").encode()
        self._marks = keys.partition(0, "marks").encode()
        self._meta = keys.partition(0, "meta").encode()
        self._store = store
        self._do = store.evaluate

    def evaluate(self, words: list[bytes]) -> Any:
        """In the place of the store's own."""
        self.granting.asked(words)
        reply = self._do(words)
        fresh = self._fresh()
        wrong = self.granting.answered(words, reply, fresh)
        self._expect(wrong is None, str(wrong))
        if words[0] == _DECIDE:
            self._decided(_unpack(words[-2]), _unpack(reply), fresh)
        elif words[0] in _DEFINE:
            self._defined(_unpack(words[-2]), _unpack(reply), fresh)
        else:
            for one in fresh:
                self._expect(not isinstance(one.event, Decision), f"{one.position} decides, and nobody has asked")
                self._follow(one)
        self._look_at_marks()
        return reply

    def clock(self) -> int:
        """The partition's clock, ms: the store's may be behind it."""
        return int((self._store.value(self._meta, dict) or {}).get(b"clock", b"0"))

    def check_settled(self, now: int, within_ms: int) -> None:
        """Every job is decided through all that was due `within_ms` ago."""
        for job_id, job in self.jobs.items():
            if job.alive and job.definition.enabled:
                owed = self._instants(job_id, job.definition, job.mark, now - within_ms)
                self._expect(not owed, f"{job_id} is owed {len(owed)} instants, the first at {owed and stamp(owed[0])}")

    def check_places(self) -> None:
        wrong = self.granting.check_places()
        self._expect(wrong is None, str(wrong))

    def check_started(self, now: int, within_ms: int, has: frozenset[str]) -> None:
        """No run that one of these executors is to run has waited for so long, but behind others."""
        for run, (record, since) in self.granting.waits_since(has).items():
            self._expect(since > now - within_ms, f"{run} has waited since {stamp(since)}: {record}")
        wrong = self.granting.check_barred()
        self._expect(wrong is None, str(wrong))

    def _fresh(self) -> list[Entry]:
        stream = self._store.value(self._events, Stream)
        if stream is None or len(stream) == len(self.entries):
            return []
        fresh: list[Entry] = []
        for entry, fields in zip(stream.ids[len(self.entries) :], stream.fields[len(self.entries) :], strict=True):
            fresh.append(read_entry(0, f"{entry[0]}-{entry[1]}", dict(zip(fields[::2], fields[1::2], strict=True))))
        for one in fresh:
            before = self.entries[-1].position.entry if self.entries else ""
            self._expect(one.prev == before, f"{one.position} says that {one.prev} stands before it, not {before}")
            self.entries.append(one)
        return fresh

    def _decided(self, call: dict[str, Any], reply: dict[str, Any], fresh: list[Entry]) -> None:
        left = fresh
        for unit, result in zip(call["units"], reply.get("results", ()), strict="results" in reply):
            mine = [one for one in left if job_of(one) == unit["job_id"]]
            left = [one for one in left if one not in mine]
            if result == "done":
                self._unit(unit, mine, None)
            else:
                self._expect(not mine, f"a unit that was {result} left events")
        self._expect(not left, "events of no unit")

    def _defined(self, call: dict[str, Any], reply: dict[str, Any], fresh: list[Entry]) -> None:
        if reply["status"] != "done":
            self._expect(not fresh, f"a change that was {reply['status']} left events")
            return
        *owed, change = fresh
        job = self.jobs.get(call["job_id"])
        if job is not None and job.alive:
            self._expect(call["expected_version"] == job.version, "the version is not what the caller saw")
            if call["through"] is None:
                self._expect(not owed, "something is settled, and the mark stays")
            else:
                self._expect(call["expected_mark"] == job.mark, "the mark is not what the caller saw")
                self._unit({"mark": job.mark} | call, owed, _reason(job.definition, call["job"]))
        else:
            self._expect(not owed, "a job is created that owes")
        self._follow(change)

    def _unit(
        self,
        unit: dict[str, Any],
        entries: list[Entry],
        reason: Literal["edited", "disabled", "deleted", "enabled"] | None,
    ) -> None:
        """One job's instants between two marks, decided by `entries`; `reason` None: by a scheduler."""
        job_id, mark, through = unit["job_id"], unit["mark"], unit["through"]
        job = self.jobs[job_id]
        self._expect(job.alive, "a job that is deleted is decided")
        self._expect(mark == job.mark, f"decided from {stamp(mark)}, and the mark is {stamp(job.mark)}")
        self._expect(through > mark or reason is not None, "the mark does not move")
        definition = job.definition
        instants = self._instants(job_id, definition, mark, through) if definition.enabled else []
        if reason is None:
            self._expect(definition.enabled, "a disabled job is decided")
            expected = rules.decided(definition, instants, through)
        elif reason == "enabled":
            expected = []
        else:
            expected = rules.settled(definition, instants, through, reason)
        told: list[rules.Owed] = []
        after = mark
        for one in entries:
            event = one.event
            if not isinstance(event, Decision):
                self._follow(one)
                continue
            assert event.after is not None
            assert event.through is not None
            self._expect(millis(event.after) == after, f"{one.position} begins at {event.after}, not {stamp(after)}")
            self._expect(one.at >= job.decided_at, f"{one.position} was decided before what stands before it")
            job.decided_at = one.at
            told += self._told(job_id, job, one, event, expected[len(told) :])
            after = millis(event.through)
        self._expect(after == through or not entries, "the last decision ends elsewhere than the unit")
        self._expect(told == expected, f"told {told[:5]}… of {len(told)}, expected {expected[:5]}… of {len(expected)}")
        job.mark = through

    def _told(
        self, job_id: str, job: Known, entry: Entry, event: Decision, expected: list[rules.Owed]
    ) -> list[rules.Owed]:
        """The fates that an event gives; it takes the place of a run where one of the job was not finished."""
        definition = job.definition
        if isinstance(event, RunRequested):
            assert event.nominal_at is not None
            instant = millis(event.nominal_at)
            self._expect(event.version == job.version, f"{event.run_id} is of version {event.version}")
            self._expect(instant <= entry.at, f"{event.nominal_at} was requested before it was due")
            self._expect(event.run_id not in self._requested, f"{event.run_id} is requested twice")
            self._requested.add(event.run_id)
            self._requested_beside(job, event)
            self.fates["fired"] += 1
            fate: rules.Fate = "caughtUp" if event.trigger == "catchup" else "fired"
            ready_at = self._unjittered(definition, event, entry, expected)
            return [rules.Owed(instant, fate, ready_at)]
        first, last = millis(event.first), millis(event.last)
        instants = self._instants(job_id, definition, first - 1, last)
        self._expect(last <= entry.at, f"{event.last} was decided before it was due")
        self._expect(len(instants) == event.count, f"{entry.position} counts {event.count}, not {len(instants)}")
        self._expect(digest(instants) == event.digest, f"{entry.position} has another digest")
        self.fates["skipped" if isinstance(event, FireSkipped) else "coalesced"] += len(instants)
        if isinstance(event, FireSkipped) and event.blocked_by is None:
            return [rules.Owed(instant, event.reason, 0) for instant in instants]  # pyright: ignore[reportArgumentType]
        if isinstance(event, FireCoalesced) and event.policy == "2":
            return [rules.Owed(instant, "folded", 0) for instant in instants]
        other = event.blocked_by if isinstance(event, FireSkipped) else event.into
        self._expect(other in job.unfinished, f"{other} stood in the way, and is not unfinished")
        self._expect(event.policy == definition.overlap, f"{event.policy} is not the job's overlap policy")
        waits = job.unfinished.get(str(other)) == "waiting"
        self._expect(isinstance(event, FireSkipped) or waits, f"{other} answers for another run, and does not wait")
        return expected[:1]

    def _unjittered(self, definition: Definition, event: RunRequested, entry: Entry, expected: list[rules.Owed]) -> int:
        """When the run was to be ready, if it is late by no more than the job's jitter."""
        wanted = expected[0].ready_at if expected else 0
        ready_at = entry.at if event.ready_at is None else millis(event.ready_at)
        early = event.ready_at is not None and ready_at < wanted
        self._expect(not early, f"{event.run_id} is ready before {stamp(wanted)}")
        held_up = ready_at - wanted if event.ready_at is not None else 0
        self._expect(held_up <= definition.jitter * 1000, f"{event.run_id} is held up by {held_up} ms")
        return wanted

    def _requested_beside(self, job: Known, event: RunRequested) -> None:
        if event.serial:
            waits = event.state == "waiting"
            self._expect(waits == bool(job.unfinished), f"{event.run_id} is {event.state} beside {job.unfinished}")
        job.unfinished[event.run_id] = event.state

    def _follow(self, entry: Entry) -> None:
        """Learn what else has happened."""
        event = entry.event
        if isinstance(event, _ENDED) and event.job_id in self.jobs:
            unfinished = self.jobs[event.job_id].unfinished
            unfinished.pop(event.run_id, None)
            if unfinished and set(unfinished.values()) == {"waiting"}:
                unfinished[next(iter(unfinished))] = "queued"  # the first that waited goes on
        elif isinstance(event, JobCreated):
            assert event.through is not None
            mark = millis(event.through)
            self.jobs[event.job_id] = Known(definition=event.definition, version=event.version, mark=mark)
        elif isinstance(event, _STATUS):
            self._changed(self.jobs[event.job_id], event)

    def _changed(self, job: Known, event: JobChanged | JobEnabled | JobDisabled | JobDeleted) -> None:
        self._expect(event.version == job.version + 1, "a version is left out")
        job.version = event.version
        match event:
            case JobChanged(definition=definition):
                if job.definition.overlap != "allow" == definition.overlap:
                    job.unfinished = dict.fromkeys(job.unfinished, "queued")
                job.definition = definition
            case JobDeleted():
                job.alive = False
            case _:
                status = "0" if isinstance(event, JobEnabled) else "1"
                job.definition = msgspec.structs.replace(job.definition, status=status)

    def _look_at_marks(self) -> None:
        marks = self._store.value(self._marks, dict) or {}
        for job_id, job in self.jobs.items():
            if job.alive:
                mark = int(marks[job_id.encode()])
                self._expect(mark == job.mark, f"the mark of {job_id} is {mark}, and {job.mark} was decided")

    def _instants(self, job_id: str, definition: Definition, after: int, through: int) -> list[int]:
        if definition.cron_expression is None or through <= after:
            return []
        schedule = parse(
            definition.cron_expression,
            timezone=definition.timezone,
            dialect=definition.cron_dialect,
            gap=definition.dst_gap,
            fold=definition.dst_fold,
            seed=job_id,
        )
        start = 0 if definition.start_at is None else millis(definition.start_at)
        found = schedule.between(after, through)
        return [
            one for one in found if start <= one and (definition.end_at is None or one <= millis(definition.end_at))
        ]

    def _expect(self, holds: object, otherwise: str) -> None:
        if not holds:
            self.broken = self.broken or Broken(otherwise)
            raise self.broken


class _Stored(msgspec.Struct, rename="camel"):
    definition: Definition


def job_of(entry: Entry) -> str | None:
    return getattr(entry.event, "job_id", None)


def _reason(before: Definition, after: str | None) -> Literal["edited", "disabled", "deleted", "enabled"]:
    """Why what is owed is settled; it is nothing, when the job is enabled by this."""
    if not before.enabled:
        return "enabled"
    if after is None:
        return "deleted"
    return "edited" if msgspec.json.decode(after, type=_Stored).definition.enabled else "disabled"
