"""What happened to the installation in its ninety days, beside what its schedules say.

Moments are told from the end: `day(12, 1, 10)` is 01:10 UTC twelve days before the last midnight.
"""

from __future__ import annotations

from functools import partial

from msgspec.structs import replace

from waterclock.model.definition import Definition
from waterclock.model.events import RunRequested
from waterclock.model.ids import RunId
from waterclock_dev.sample import catalog
from waterclock_dev.sample.catalog import ANNA, BEN, CHIOMA, DEPLOYER, JOBS, PAST_DAYS
from waterclock_dev.sample.chance import Chance
from waterclock_dev.sample.clockwork import DAY, HOUR, MINUTE, SECOND, Clockwork
from waterclock_dev.sample.desk import Desk
from waterclock_dev.sample.fleet import LOSSES_MOST, Fleet
from waterclock_dev.sample.plays import Mood
from waterclock_dev.sample.scripts import DOWN
from waterclock_dev.sample.workers import Worker

SLOTS = 6
STREAK = 7 * HOUR + 20 * MINUTE
"""For how long the warehouse's replica has not answered at the end."""
OUTAGE_DAYS, FIRST_OUTAGE_DAYS, LOST_DAYS, DIED_DAYS = 12, 45, 5, 19
_TALK_DAYS, _ENDLESS_DAYS = 3, 2


class Story:
    """`lives_on`: real workers take over at the end, so ours hand back what they have."""

    def __init__(
        self, clock: Clockwork, desk: Desk, fleet: Fleet, chance: Chance, *, until: int, lives_on: bool
    ) -> None:
        self._clock = clock
        self._desk = desk
        self._fleet = fleet
        self._chance = chance
        self._until = until
        self._lives_on = lives_on
        self._midnight = until - until % DAY
        self._first, self._second = Worker("worker-1", SLOTS), Worker("worker-2", SLOTS)
        self._moods: dict[RunId, Mood] = {}

    def mood(self, request: RunRequested, attempt: int, at: int) -> Mood | None:
        """How the story wants an attempt to go; None: as chance says."""
        if request.invoke_target == "etl.load" and request.params.get("target") == DOWN and at >= self._until - STREAK:
            return "failing"
        mood = self._moods.get(request.run_id)
        return mood if attempt == 1 or mood in {"talkative", "failing"} else None

    def begin(self) -> None:
        """Ask for all that is to happen."""
        self._people()
        self._operations()
        self._last_hours()

    def day(self, days: int, hours: int = 0, minutes: int = 0) -> int:
        return self._midnight - days * DAY + hours * HOUR + minutes * MINUTE

    def _operations(self) -> None:
        """Workers start, are deployed and lost; schedulers are away."""
        clock, desk, fleet = self._clock, self._desk, self._fleet
        begin = clock.now
        clock.at(begin + 2 * SECOND, partial(desk.lead, "scheduler-1"))
        clock.at(begin + 3 * SECOND, partial(fleet.join, self._first))
        clock.at(begin + 4 * SECOND, partial(fleet.join, self._second))
        for days in range(PAST_DAYS - 7, 3, -14):
            clock.at(self.day(days, 13, 30), partial(fleet.drain, self._first, 30 * SECOND))
            clock.at(self.day(days, 13, 32), partial(fleet.drain, self._second, 30 * SECOND))
            clock.at(self.day(days, 13, 34), partial(desk.lead, "scheduler-2" if days % 4 else "scheduler-1"))
        clock.at(self.day(FIRST_OUTAGE_DAYS, 2, 50), partial(desk.leave, 70 * MINUTE, "scheduler-2"))
        clock.at(self.day(OUTAGE_DAYS, 1, 10), partial(desk.leave, 205 * MINUTE, "scheduler-1"))
        clock.at(self.day(LOST_DAYS, 4) + 15 * SECOND, partial(self._lose, catalog.INVOICES, 1))
        clock.at(self.day(DIED_DAYS, 6, 1), partial(self._lose, catalog.REINDEX, LOSSES_MOST))
        pause, resume = fleet.pause, fleet.resume
        clock.at(self.day(30, 21), partial(pause, "low", BEN, "migration of the search cluster", desk.command_id()))
        clock.at(self.day(29, 8, 40), partial(resume, "low", BEN, "migration done", desk.command_id()))

    def _lose(self, name: str, times: int) -> None:
        """Lose the worker of a job's run, and then those to which it is given, so many in all."""
        running = [run for run in self._fleet.unfinished(self._desk.jobs[name].job_id) if run.worker is not None]
        for run in running[:1]:
            assert run.worker is not None
            self._fleet.crash(run.worker, back_after=25 * SECOND)
            if times > 1:
                self._clock.after(75 * SECOND, partial(self._lose, name, times - 1))

    def _people(self) -> None:
        """Jobs are created, changed, switched off and on, and deleted."""
        clock, desk = self._clock, self._desk
        for place, one in enumerate(JOBS):
            moment = self._until - round(one.since * DAY) + (place * 1_370 if one.since == PAST_DAYS else 0)
            create = partial(desk.create, one.name, one.job_id, one.definition, one.actor)
            clock.at(moment, create)
        for moment, name, actor, change, reason in (
            (
                self.day(80, 9, 12),
                catalog.REVENUE,
                ANNA,
                _with(retry_attempts=5),
                "the warehouse is slow in the morning",
            ),
            (self.day(61, 14, 3), catalog.HOURLY, BEN, _with(labels={"oncall": "data"}), None),
            (
                self.day(33, 10, 41),
                catalog.NIGHTLY,
                ANNA,
                _with(cron_expression="15 2 * * *"),
                "out of the way of the month's end, see https://wiki.example.com/ops/month-end",
            ),
            (
                self.day(32, 8, 5),
                catalog.NIGHTLY,
                ANNA,
                _with(cron_expression="0 2 * * *"),
                "back: the shop opens at 3",
            ),
            (self.day(21, 11, 30), catalog.INVOICES, CHIOMA, _with(remark="Owner: billing"), "new owner"),
            (
                self.day(OUTAGE_DAYS, 2, 0),
                catalog.ORDERS,
                BEN,
                _with(cron_expression="40 * * * *"),
                "after the hourly load, not beside it",
            ),
        ):
            clock.at(moment, partial(desk.edit, name, actor, change, reason))
        clock.at(
            self.day(FIRST_OUTAGE_DAYS, 3, 40),
            partial(desk.delete, catalog.CSV, CHIOMA, "partners read the API since October"),
        )
        clock.at(self.day(20, 16, 45), partial(desk.clear_logs, catalog.RATES, CHIOMA))
        clock.at(self.day(40, 9, 0), partial(desk.disable, catalog.RETRAIN, BEN, "GPU quota used up"))
        clock.at(self.day(37, 9, 30), partial(desk.enable, catalog.RETRAIN, BEN, "new quota"))
        clock.at(
            self.day(OUTAGE_DAYS, 0, 50),
            partial(desk.trigger, catalog.FTP, CHIOMA, "once more in the afternoon", delay_ms=12 * HOUR),
        )
        clock.at(
            self.day(OUTAGE_DAYS, 2, 20),
            partial(desk.disable, catalog.FTP, CHIOMA, "the partner has switched its FTP server off; see OPS-2214"),
        )

    def _last_hours(self) -> None:
        clock, desk, until = self._clock, self._desk, self._until
        clock.at(
            self.day(26, 10, 15), partial(desk.trigger, catalog.VACUUM, CHIOMA, "after the clean-up of events_2024")
        )
        clock.at(self.day(9, 15, 2), partial(desk.trigger, catalog.VACUUM, CHIOMA, None))
        clock.at(self.day(OUTAGE_DAYS - 1, 9, 20), self._backfill_the_outage)
        clock.at(
            until - _TALK_DAYS * DAY, partial(self._by_hand, catalog.ORDERS, "talkative", "looking for order 88121")
        )
        clock.at(
            until - _ENDLESS_DAYS * DAY, partial(self._by_hand, catalog.STOCK, "endless", "with debug lines, for ERP")
        )
        clock.at(until - 27 * HOUR, partial(self._by_hand, catalog.INVOICES, "failing", None))
        clock.at(until - 26 * HOUR, self._retry_the_last_failure)
        clock.at(until - 50 * HOUR, partial(self._cancelled_by_hand, catalog.RETRAIN))
        clock.at(until - 10 * MINUTE, partial(self._by_hand, catalog.RETRAIN, "well", "new features for the ranking"))
        clock.at(until - 25 * MINUTE, partial(self._by_hand, catalog.STOCK, "hanging", "after the stock-taking"))
        clock.at(until - 6 * MINUTE, partial(self._by_hand, catalog.STOCK, "well", "once more"))
        clock.at(
            until - 70 * SECOND, partial(self._by_hand, catalog.NIGHTLY, "slow", "before the upgrade of the database")
        )
        clock.at(until - 55 * SECOND, partial(self._by_hand, catalog.DIGEST, "slow", "to the new subscribers, too"))
        clock.at(
            until - 40 * MINUTE,
            partial(self._fleet.pause, "low", ANNA, "the disk of the report host is full", desk.command_id()),
        )
        clock.at(until - 35 * MINUTE, partial(desk.trigger, catalog.TMP, ANNA, "to make room"))
        clock.at(until - 33 * MINUTE, partial(desk.trigger, catalog.VACUUM, BEN, "after the import"))
        clock.at(
            until - 30 * MINUTE,
            partial(desk.trigger, catalog.CLOSE, ANNA, "trial run for controlling", delay_ms=5 * HOUR),
        )
        clock.at(until - (2 if self._lives_on else 48) * SECOND, self._render_again)
        if self._lives_on:
            for worker in (self._first, self._second):
                clock.at(until - 4 * SECOND, partial(self._fleet.drain, worker, 3 * SECOND, then_join=False))

    def _by_hand(self, name: str, mood: Mood, reason: str | None) -> None:
        request = self._desk.trigger(name, DEPLOYER if reason is None else ANNA, reason)
        self._moods[request.run_id] = mood

    def _cancelled_by_hand(self, name: str) -> None:
        request = self._desk.trigger(name, BEN, "with the wrong parameters")
        self._clock.after(4 * MINUTE, partial(self._cancel, request.run_id))

    def _cancel(self, run_id: RunId) -> None:
        run = self._fleet.runs.get(run_id)
        if run is not None:
            self._fleet.cancel(run, "requested", actor=BEN, command_id=self._desk.command_id())

    def _retry_the_last_failure(self) -> None:
        failed = [run_id for run_id, mood in self._moods.items() if mood == "failing"]
        for _, event in reversed(self._clock.events):
            if isinstance(event, RunRequested) and event.run_id in failed:
                self._desk.retry(event, ANNA, "the ledger balances now")
                return

    def _backfill_the_outage(self) -> None:
        outage = self.day(OUTAGE_DAYS, 1, 10)
        self._desk.backfill(
            catalog.HOURLY,
            ANNA,
            "hours that the outage skipped",
            from_ms=outage,
            to_ms=outage + 205 * MINUTE,
            pace_ms=20 * SECOND,
        )

    def _render_again(self) -> None:
        last = self._until - self._until % HOUR
        reason = "new template: invoices of the last day once more"
        self._desk.backfill(catalog.PDFS, CHIOMA, reason, from_ms=last - 27 * HOUR, to_ms=last)


def _with(*, retry_attempts: int | None = None, labels: dict[str, str] | None = None, **given: object):  # noqa: ANN202
    def change(definition: Definition) -> Definition:
        if retry_attempts is not None:
            retry = replace(definition.retry, max_attempts=retry_attempts)
            definition = replace(definition, retry=retry)
        if labels is not None:
            definition = replace(definition, labels=definition.labels | labels)
        return replace(definition, **given) if given else definition

    return change
