"""What the oracle holds against claims: runs that starve, and not those that wait behind others."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import pytest_asyncio

from tests.contract.log.build import QUEUES, WORKER, ask, entries_of, grab, mop, open_all, wish
from tests.simulation import granting
from tests.simulation.granting import Granting
from tests.simulation.oracle import Broken
from tests.simulation.test_histories import play, quiet
from tests.support.memory.connection import memory_log
from tests.support.memory.store import Store
from waterclock.log.client import Log
from waterclock.log.commands import attempts
from waterclock.log.commands.aside import announced
from waterclock.log.commands.attempts import SUSPECT_FROM
from waterclock.log.connection import scripts
from waterclock.log.connection.scripts import Script
from waterclock.log.liveness.sessions import join
from waterclock.log.recovery.opening import prepare
from waterclock.wire.keys import Keys

REPORTS, BACKUPS = announced(["report"]), announced(["db.backup"])
__all__ = ["quiet"]
FAULTS = {
    "leaves what is due": (
        "others = others + take(one, 'due', most - #grants)",
        "",
        "told again and again that there is more",
    ),
    "leaves what lies aside": (
        "if some_aside then others = take_aside(one, false, most - #grants) end",
        "",
        "stands in front of one that was granted|told again and again that there is more",
    ),
    "leaves suspects": (
        "suspects = suspects + take(one, 'suspect', math.min(one.suspects - suspects, suspects_wanted))",
        "",
        "told again and again that there is more",
    ),
    "leaves suspects that lie aside": (
        "suspects = take_aside(one, true, math.min(one.suspects, suspects_wanted))",
        "",
        "told again and again that there is more",
    ),
    "leaves the last slot free": (
        "share_out(P.slots - #grants)",
        "share_out(P.slots - 1 - #grants)",
        "told again and again that there is more",
    ),
    "does not say that there is more": (
        "more = more or left_of(one) > 0 end",
        "end",
        "is left without a word",
    ),
}
"""What a claim does, by which change of its script, and what is said of it."""


class Rig(NamedTuple):
    log: Log
    granting: Granting
    clock: list[int]  # ms

    async def request(self, *targets: str) -> None:
        await ask(self.log, *(wish(number, job_id=None, target=target) for number, target in enumerate(targets)))
        self.granting.answered([b"requests"], {}, await entries_of(self.log))

    def waits_since(self) -> set[int]:
        return {since for _, since in self.granting.waits_since(frozenset({"report"})).values()}


@pytest_asyncio.fixture
async def rig() -> AsyncIterator[Rig]:
    clock = [1_778_000_000_000]
    store = Store(lambda: clock[0] * 1000)
    looks = Granting(store, Keys())

    def evaluate(words: list[bytes]) -> Any:
        looks.asked(words)
        reply = store.evaluate(words)
        assert looks.answered(words, reply, []) is None
        return reply

    store.watch(evaluate)
    log = await memory_log(store)
    await prepare(log, partitions=1, queues=QUEUES)
    await log.refresh()
    await open_all(log, epoch=1)
    yield Rig(log, looks, clock)
    store.close()


async def test_a_run_may_wait_while_others_fill_the_slots_of_each_claim(rig: Rig) -> None:
    await join(rig.log, WORKER, body=None, executors=REPORTS)
    await rig.request("report", "report", "report")
    assert rig.waits_since() == set(rig.clock)

    for number in (1, 2):
        rig.clock[0] += 60_000
        await grab(rig.log, number, slots=1)
        assert rig.waits_since() == set(rig.clock)


async def test_a_run_waits_since_it_was_queued_where_none_that_could_start_it_comes(rig: Rig) -> None:
    queued = rig.clock[0]
    await join(rig.log, "other", body=None, executors=BACKUPS)
    await rig.request("report", "db.backup")
    rig.clock[0] += 60_000

    granted = await grab(rig.log, 1, slots=1, session="other")

    assert len(granted.grants) == 1
    assert rig.waits_since() == {queued}


async def test_a_suspect_waits_for_another_that_its_session_holds(rig: Rig) -> None:
    await rig.request("report", "report")
    for losses in range(SUSPECT_FROM):
        await join(rig.log, f"lost {losses}", body=None, executors=REPORTS)
        await grab(rig.log, 1, session=f"lost {losses}")
        await mop(rig.log, 0, session=f"lost {losses}")
    rig.clock[0] += 60_000
    await join(rig.log, WORKER, body=None, executors=REPORTS)

    granted = await grab(rig.log, 1)

    assert len(granted.grants) == 1
    assert rig.waits_since() == set(rig.clock)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_claim_that_starves_runs_does_not_survive(
    fault: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    right, wrong, said = FAULTS[fault]
    faulty = _claim_with(right, wrong, tmp_path / "lua", monkeypatch)
    monkeypatch.setattr(attempts, "_CLAIM", faulty)
    monkeypatch.setattr(granting, "CLAIM", faulty.source.sha)

    with pytest.raises(Broken, match=said):
        play(range(5, 35))


def _claim_with(right: str, wrong: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Script[object]:
    """The script of claims, changed in one place."""
    shutil.copytree(str(scripts._folder), folder)  # pyright: ignore[reportPrivateUsage]
    text = (folder / "claim.lua").read_text("utf-8")
    assert text.count(right) == 1, "the script has changed: what would be wrong there now?"
    (folder / "claim.lua").write_text(text.replace(right, wrong), "utf-8")
    monkeypatch.setattr(scripts, "_folder", folder)
    return Script("claim", attempts._ClaimReply)  # pyright: ignore[reportPrivateUsage]
