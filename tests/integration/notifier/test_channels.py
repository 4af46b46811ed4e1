"""A channel that is dead: told on the other channels of its rules, once, and by the probe; then that it delivers."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from tests.integration.notifier.standing import PACE, SOON, lead, notices_of, reasons, watching
from tests.integration.notifier.test_notifier import Receiver, created, run, until, written
from tests.integration.stage import Stage, append, staged
from waterclock.kit.telemetry import catalog
from waterclock.kit.telemetry.catalog import exposed
from waterclock_api.notifier.delivery.channels import Channel
from waterclock_api.notifier.delivery.notice_details import ChannelTest, DigestDetails, NoticeDetails
from waterclock_api.notifier.delivery.outcome import Again, Dead, Outcome
from waterclock_api.notifier.metrics import Measured
from waterclock_api.notifier.service import Notifier

RULES = """
channels:
  ops: {webhook: "https://ops.example/hook", secret: "env:OPS_SECRET"}
  dead: {webhook: "https://dead.example/hook", secret: "env:OPS_SECRET"}
rules:
  - {name: both, on: [failed], channels: [dead, ops]}
  - {name: alone, on: [failed], channels: [dead]}
  - {name: clock, on: [clock], channels: [ops]}
"""
DEAD, OVER = ("clock", "channel dead"), ("recovered", "channel dead")


class TwoReceivers(Receiver):
    """`ops` takes all, `dead` what it is told to."""

    def __init__(self, refusal: Outcome) -> None:
        super().__init__()
        self.refusal: Outcome | None = refusal

    async def __call__(self, channel: Channel, told: NoticeDetails | DigestDetails | ChannelTest) -> Outcome:
        if channel.name == "ops":
            return await super().__call__(channel, told)
        return self.refusal or await super().__call__(msgspec.structs.replace(channel, name="ops"), told)


async def numbers(stage: Stage, work: Notifier) -> tuple[float, bool, bool]:
    """What metrics say: how far judging is behind; whether messages wait for the channel, and whether it fails."""
    exposition = exposed("notifier")
    measured = Measured(stage.log, stage.pool, look=lambda: work.watcher.look, channels=work.source.channels)
    measured.told_by(exposition)
    await exposition.look()
    waits, fails = (gauge.series["dead",] > 0 for gauge in (catalog.OUTBOX_AGE, catalog.CHANNEL_FAILING))
    return catalog.JUDGED_LAG.series["0",], waits, fails


async def is_well(stage: Stage, work: Notifier) -> bool:
    return await numbers(stage, work) == (0.0, False, False)


@pytest.mark.parametrize("refusal", [Again(said="no answer"), Dead(said="gone")])
async def test_a_dead_channel_is_told_on_the_others_and_by_the_probe_and_so_is_its_end(
    redis_url: str,
    key_prefix: str,
    migrated_postgres_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    refusal: Again | Dead,
) -> None:
    monkeypatch.setattr("waterclock_api.notifier.dispatch.fraction", lambda: 0.01)
    receiver = TwoReceivers(refusal)
    after = 0.5 if isinstance(refusal, Again) else 600.0  # what was given up is told at once
    pace = msgspec.structs.replace(PACE, dead_after=after)
    async with staged(redis_url, key_prefix, migrated_postgres_url) as stage, stage.projecting():
        await stage.ready.wait()
        await lead(stage.log)
        async with watching(stage, written(tmp_path, RULES), receiver, pace=pace) as work:
            await until(lambda: work.places.get(0) is not None, within=SOON, what="that it judges")
            assert work.dead_channels == {}
            await append(stage, [created(), *run(1, fails=True)])
            await until(lambda: len(receiver.told) == 2, within=SOON, what="that it is dead")
            assert [one for one in reasons(receiver) if one[0] == "clock"] == [DEAD]
            [told] = [one for one in notices_of(receiver) if one.kind == "clock"]
            assert (told.rule, told.explain) == ("both", refusal.said)
            await until(lambda: work.dead_channels == {"dead": refusal.said}, within=SOON, what="the probe")
            assert work.lacking is None
            assert await numbers(stage, work) == (0.0, isinstance(refusal, Again), True)

            receiver.refusal = None
            await append(stage, [*run(2, fails=False), *run(3, fails=True)])
            await until(lambda: OVER in reasons(receiver), within=SOON, what="that it delivers again")
            await until(lambda: is_well(stage, work), within=SOON, what="that the metrics say so")
            assert [kind for kind, what in reasons(receiver) if what == "channel dead"] == ["clock", "recovered"]
