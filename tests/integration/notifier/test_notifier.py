"""From archived events to messages that are sent: once, in order, whoever is stopped meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import msgspec
import pytest

from tests.contract.log import build
from tests.integration.stage import Stage, append, append_at_once, staged
from tests.support import waiting
from waterclock.client.http import AsyncClient
from waterclock.kit.clock import SystemClock
from waterclock.log.clock import server_time
from waterclock.log.commands.bodies import body_of
from waterclock.log.liveness import sessions
from waterclock.model.definition import Definition
from waterclock.model.events import (
    FireSkipped,
    JobCreated,
    RunFailed,
    RunRequested,
    RunStarted,
    RunSucceeded,
    StoredEvent,
)
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.rule_file import RuleFlaw
from waterclock.model.outcomes import Error
from waterclock.model.promise import Promise
from waterclock.model.timestamps import stamp
from waterclock.store.notices.origin import Origin
from waterclock_api.notifier.delivery.channels import Channel
from waterclock_api.notifier.delivery.notice_details import ChannelTest, DigestDetails, NoticeDetails
from waterclock_api.notifier.delivery.outcome import Again, Delivered, Outcome
from waterclock_api.notifier.dispatch import A_MINUTE
from waterclock_api.notifier.rules_source import RulesSource
from waterclock_api.notifier.service import Notifier

JOB = JobId("job-a")
HERE = Origin("https://scheduler.example", "redis.example:6379", "wc")
RULES = """
channels:
  ops: {webhook: "https://ops.example/hook", secret: "env:OPS_SECRET"}
rules:
  - {name: all, on: [failed, recovered], channels: [ops]}
"""


async def unchecked(*_: object) -> Sequence[RuleFlaw]:
    return ()


async def until(look: Callable[[], Awaitable[bool] | bool], *, within: float, what: str) -> None:
    async def looked() -> bool:
        found = look()
        return found if isinstance(found, bool) else await found

    await waiting.until(looked, within=within, what=what)


async def has(stage: Stage, query: str, rows: list[tuple[str, str]]) -> bool:
    return await stage.rows(query) == rows


class Receiver:
    """Takes what is sent; `broken`: nothing, and says so."""

    def __init__(self) -> None:
        self.told: list[NoticeDetails | DigestDetails | ChannelTest] = []
        self.told_at: list[int] = []  # ms
        self.broken = False
        self.refused = 0

    async def __call__(self, channel: Channel, told: NoticeDetails | DigestDetails | ChannelTest) -> Outcome:
        assert channel.name == "ops"
        if self.broken:
            self.refused += 1
            return Again(said="no answer")
        self.told.append(told)
        self.told_at.append(SystemClock().now_ms())
        return Delivered()

    @property
    def counted(self) -> int:
        """Notices, each and in digests."""
        return len(self.kinds) + sum(sum(one.counts.values()) for one in self.told if isinstance(one, DigestDetails))

    @property
    def kinds(self) -> list[str]:
        return [one.kind for one in self.told if isinstance(one, NoticeDetails)]


@asynccontextmanager
async def notifying(
    stage: Stage,
    path: Path,
    receiver: Receiver,
    *,
    here: Origin = HERE,
    api: AsyncClient | None = None,
    partition: int = 0,
) -> AsyncGenerator[Notifier]:
    """`partition`: which is waited for."""
    source = await RulesSource.begin(path, unchecked)
    work = Notifier(stage.log, stage.pool, source, receiver, SystemClock(), here=here, api=api)
    stop = asyncio.Event()
    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(work.run(stop, asyncio.Event()))
        try:
            await until(lambda: work.places.get(partition) is not None, within=15, what="that it judges")
            yield work
        finally:
            stop.set()


def created() -> JobCreated:
    definition = Definition(job_name="nightly", invoke_target="report.daily", cron_expression="0 2 * * *")
    return JobCreated(job_id=JOB, version=1, definition=definition)


def run(number: int, *, fails: bool) -> list[StoredEvent]:
    run_id, fence = RunId(f"run-{number}"), number
    asked = RunRequested(
        run_id=run_id, job_id=JOB, job_name="nightly", job_group="DEFAULT", version=1, trigger="schedule",
        invoke_target="report.daily", queue="default",
    )  # fmt: skip
    started = RunStarted(run_id=run_id, job_id=JOB, worker="w", session="s", attempt=1, fence=fence)
    error = Error(type="KeyError", message="'SHOP_DSN'", traceback=None)
    end = (
        RunFailed(run_id=run_id, job_id=JOB, attempt=1, fence=fence, outcome="failed", error=error)
        if fails
        else RunSucceeded(run_id=run_id, job_id=JOB, attempt=1, fence=fence)
    )
    return [asked, started, end]


@pytest.fixture
def rules(tmp_path: Path) -> Path:
    return written(tmp_path, RULES)


def written(folder: Path, rules: str) -> Path:
    path = folder / "notices.yaml"
    path.write_text(rules)
    return path


async def test_a_failed_run_and_its_recovery_are_told_once_each(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, rules: Path
) -> None:
    receiver = Receiver()
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await append(stage, [created(), *run(1, fails=True)])
        await stage.projected()
        async with notifying(stage, rules, receiver):
            await append(stage, run(2, fails=True))
            await until(lambda: receiver.kinds == ["failed"], within=15, what="the notice")
            await append(stage, run(3, fails=False))
            await until(lambda: receiver.kinds == ["failed", "recovered"], within=15, what="the recovery")
            first = receiver.told[0]
            assert isinstance(first, NoticeDetails)
            assert (first.run_id, first.error_type, first.executor) == ("run-2", "KeyError", "report.daily")
            told = "SELECT kind, state FROM notice_deliveries JOIN notices ON id = notice_id ORDER BY number"
            both = [("failed", "delivered"), ("recovered", "delivered")]
            await until(lambda: has(stage, told, both), within=15, what="that both are noted as delivered")


async def test_what_happens_while_nobody_judges_is_told_afterwards(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, rules: Path
) -> None:
    receiver = Receiver()
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await append(stage, [created()])
        await stage.projected()
        async with notifying(stage, rules, receiver):
            pass
        await append(stage, run(1, fails=True))
        await stage.projected()
        async with notifying(stage, rules, receiver):
            await until(lambda: receiver.kinds == ["failed"], within=15, what="the notice")


async def test_two_notifiers_tell_once(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, rules: Path
) -> None:
    receiver = Receiver()
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await append(stage, [created()])
        await stage.projected()
        async with notifying(stage, rules, receiver):
            other = Notifier(
                stage.log, stage.pool, await RulesSource.begin(rules, unchecked), receiver, SystemClock(), here=HERE
            )
            stop = asyncio.Event()
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(other.run(stop, asyncio.Event()))
                for number in range(1, 6):
                    await append(stage, run(number, fails=number % 2 == 1))
                await until(lambda: len(receiver.kinds) == 5, within=15, what="all that is to be told")
                stop.set()
        assert receiver.kinds == ["failed", "recovered"] * 2 + ["failed"]


async def test_what_is_not_delivered_is_tried_again_under_the_same_id(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, rules: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    receiver = Receiver()
    monkeypatch.setattr("waterclock_api.notifier.dispatch.fraction", lambda: 0.01)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await append(stage, [created()])
        await stage.projected()
        async with notifying(stage, rules, receiver):
            receiver.broken = True
            await append(stage, run(1, fails=True))

            async def tried() -> bool:
                return await stage.rows("SELECT FROM notice_deliveries WHERE failures >= 2") != []

            await until(tried, within=15, what="two tries")
            [(notice, said)] = await stage.rows("SELECT notice_id, said FROM notice_deliveries")
            assert said == "no answer"
            receiver.broken = False
            await until(lambda: len(receiver.told) == 1, within=15, what="the message")
            assert receiver.told[0].id == notice


async def test_a_flood_is_one_message_of_each_channel(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, rules: Path
) -> None:
    receiver, many = Receiver(), 300
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        jobs = [JobId(f"job-{number}") for number in range(many)]
        definition = Definition(job_name="a", invoke_target="report.daily", cron_expression="0 2 * * *")
        await append(stage, [JobCreated(job_id=job, version=1, definition=definition) for job in jobs])
        await stage.projected()
        async with notifying(stage, rules, receiver):
            error = Error(type="OSError", message="no route", traceback=None)
            events: list[StoredEvent] = []
            for number, job in enumerate(jobs):
                run_id = RunId(f"run-{number}")
                events += [
                    RunRequested(run_id=run_id, job_id=job, trigger="schedule", invoke_target="a", queue="default"),
                    RunStarted(run_id=run_id, job_id=job, worker="w", session="s", attempt=1, fence=number),
                    RunFailed(run_id=run_id, job_id=job, attempt=1, fence=number, outcome="failed", error=error),
                ]
            await append_at_once(stage, events)
            await until(lambda: receiver.counted == many, within=40, what="all that is to be told")
            digests = [one for one in receiver.told if isinstance(one, DigestDetails)]
            assert len(digests) == 1
            assert len(receiver.kinds) <= A_MINUTE


PROMISED = """
channels:
  ops: {webhook: "https://ops.example/hook", secret: "env:OPS_SECRET"}
rules:
  - {name: promises, on: [late, recovered], channels: [ops]}
"""


async def test_a_run_that_does_not_start_in_time_is_told_late_and_then_that_it_started(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, rules = Receiver(), written(tmp_path, PROMISED)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        await build.create(stage.log, JOB, promise=Promise(start_within=2))
        now = await server_time(stage.log, stage.log.keys.partition(0, "meta"))
        await stage.projected()
        async with notifying(stage, rules, receiver):
            wish = build.wish(1, job_id=JOB)
            asked = RunRequested(
                run_id=wish.run_id, job_id=JOB, trigger="schedule", nominal_at=stamp(now), invoke_target="demo.noop",
                queue="default",
            )  # fmt: skip
            await build.ask(stage.log, msgspec.structs.replace(wish, body=body_of(asked)))
            await until(lambda: receiver.kinds == ["late"], within=20, what="that it is late")
            [late] = receiver.told
            assert isinstance(late, NoticeDetails)
            assert (late.run_id, late.awaits, late.due_ms) == (wish.run_id, "start", now + 2000)
            await sessions.join(stage.log, "s", body=None)
            await build.grab(stage.log, 1, slots=1, session="s")
            await until(lambda: receiver.kinds == ["late", "recovered"], within=15, what="that it has started")
        [(judged,)] = await stage.rows("SELECT (extract(epoch FROM min(clock_at)) * 1000)::bigint FROM notice_readings")
        assert judged > now + 2000


async def test_a_wrong_file_never_takes_the_place_of_a_right_one(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, rules = Receiver(), written(tmp_path, RULES)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await append(stage, [created()])
        await stage.projected()
        async with notifying(stage, rules, receiver) as work:
            written(tmp_path, "rules:\n  - {name: all, on: [faild], channels: [ops]}\n")
            await until(lambda: work.source.wrong is not None, within=15, what="that the file is wrong")
            assert "rules[0].on[0]" in (work.source.wrong or "")
            await append(stage, run(1, fails=True))
            await until(lambda: receiver.kinds == ["failed"], within=15, what="the notice")
            written(tmp_path, PROMISED)
            await until(lambda: work.source.wrong is None, within=15, what="that it is right again")
            assert [rule.name for rule in work.source.rules.file.rules] == ["promises"]


async def test_what_was_old_when_it_was_judged_is_told_in_a_digest_alone(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, rules: Path
) -> None:
    receiver = Receiver()
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await append(stage, [created()])
        await stage.projected()
        async with notifying(stage, rules, receiver):
            pass
        await append(stage, run(1, fails=True))
        await stage.projected()
        await stage.rows("UPDATE events SET at = now() - interval '2 hours' WHERE run_id = 'run-1' RETURNING at")
        async with notifying(stage, rules, receiver):
            await until(lambda: receiver.told != [], within=20, what="the digest")
            [digest] = receiver.told
            assert isinstance(digest, DigestDetails)
            assert digest.counts == {"failed": 1}
            await append(stage, run(2, fails=False))
            await until(lambda: receiver.kinds == ["recovered"], within=15, what="the recovery, by itself")


async def test_a_message_under_way_is_noted_before_a_notifier_stops(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, rules: Path
) -> None:
    class Slow(Receiver):
        def __init__(self) -> None:
            super().__init__()
            self.asked, self.goes_on = asyncio.Event(), asyncio.Event()

        async def __call__(self, channel: Channel, told: NoticeDetails | DigestDetails | ChannelTest) -> Outcome:
            self.asked.set()
            await self.goes_on.wait()
            return await super().__call__(channel, told)

    receiver = Slow()
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await append(stage, [created()])
        await stage.projected()
        async with notifying(stage, rules, receiver):
            await append(stage, run(1, fails=True))
            async with asyncio.timeout(15):
                await receiver.asked.wait()
            asyncio.get_running_loop().call_later(0.2, receiver.goes_on.set)  # after the stop
        assert await stage.rows("SELECT state, failures FROM notice_deliveries") == [("delivered", 0)]


async def test_a_message_says_of_a_skipped_time_what_explain_says(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    receiver, at = Receiver(), 1_798_855_200_000  # 02:00 UTC
    path = written(tmp_path, RULES.replace("[failed, recovered]", "[skipped]"))
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        definition = Definition(
            job_name="nightly", invoke_target="report.daily", cron_expression="0 2 * * *", timezone="UTC"
        )
        await append(stage, [JobCreated(job_id=JOB, version=1, definition=definition)])
        await stage.projected()
        skipped = FireSkipped(
            job_id=JOB,
            reason="overlap",
            policy="skip",
            first=stamp(at),
            last=stamp(at),
            count=1,
            digest="d",
            after=stamp(at - 1),
            through=stamp(at),
            blocked_by=RunId("run-0"),
        )
        async with notifying(stage, path, receiver):
            await append(stage, [skipped])
            await until(lambda: receiver.kinds == ["skipped"], within=15, what="the notice")
    [told] = receiver.told
    assert isinstance(told, NoticeDetails)
    assert told.explain == (
        "Skipped: run run-0 of the job was not finished, its runs may not overlap, and overlapPolicy skip skips "
        "scheduled times in the meantime."
    )
