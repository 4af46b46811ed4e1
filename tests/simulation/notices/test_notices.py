"""What is judged of a history is what has to be told of it, however it is cut. `WATERCLOCK_SEED=n` plays one again."""

from __future__ import annotations

import logging
import os
import secrets
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from random import Random  # noqa: TID251  a history is repeated from its seed

import pytest

from tests.simulation.history import History
from tests.simulation.notices.oracle import Oracle
from tests.simulation.notices.replay import in_batches, one_by_one, told, tripped
from tests.simulation.notices.world import BREAKER, PARTITIONS, Step, World
from waterclock.model.notices.facts import AnyFact, CatchUp, OpenRun, Silence, Trouble, catchup_key, job_key
from waterclock.model.notices.inputs import Seen
from waterclock.model.notices.kinds import KINDS
from waterclock.model.notices.rules import NoticeRules, Rule
from waterclock.wire.envelope import UnknownEvent

SEED = "WATERCLOCK_SEED"
ALL = NoticeRules(rules=(Rule(name="all", on=KINDS, remind=3_600.0, channels=("oncall",)),))
HISTORIES = 480  # some six seconds of a core; a soak plays a hundred thousand


def play(seed: int) -> Counter[str]:
    """Kinds of what was told of a history."""
    world = World(seed).play()
    return compare(world.first_rules, world.steps, Random(seed), partitions=PARTITIONS)


def compare(rules: NoticeRules, steps: Sequence[Step], chance: Random, *, partitions: int) -> Counter[str]:
    oracle = Oracle(rules, steps, BREAKER, partitions=partitions)
    judged = one_by_one(rules, steps)

    assert told(judged) == oracle.told
    assert tripped(judged) == oracle.trips
    ids = [one.id for _, one in judged.notices] + [one.id for _, one in judged.trips]
    assert len(set(ids)) == len(ids)

    again = in_batches(rules, steps, chance, partitions=partitions)
    assert [one for _, one in again.notices] == [one for _, one in judged.notices]
    assert [one for _, one in again.trips] == [one for _, one in judged.trips]
    assert sorted(again.facts, key=repr) == sorted(judged.facts, key=repr)
    assert not list(orphans(judged.facts))
    kinds = Counter(one.kind for one in oracle.told)
    return kinds + Counter("reminder" for one in oracle.told if one.reminder) + Counter("trip" for _ in oracle.trips)


def orphans(facts: Iterable[AnyFact]) -> Iterator[AnyFact]:
    """Facts that have outlived what they are about."""
    known = {fact.key for fact in facts}
    catchups = {
        catchup_key(fact.job_id, fact.catchup)
        for fact in facts
        if isinstance(fact, OpenRun) and fact.job_id is not None and fact.catchup is not None
    }
    for fact in facts:
        match fact:
            case Silence(job=job_id) | Trouble(job=job_id) if job_key(job_id) not in known:
                yield fact
            case CatchUp() if fact.key not in catchups:
                yield fact
            case _:
                continue


def play_all(seeds: Iterable[int]) -> Counter[str]:
    found: Counter[str] = Counter()
    for seed in seeds:
        try:
            found += play(seed)
        except BaseException as error:
            error.add_note(f"History {seed} is played again with {SEED}={seed}.")
            raise
    return found


def named(otherwise: Iterable[int]) -> Iterable[int]:
    """The seed that the environment names."""
    return [int(os.environ[SEED])] if SEED in os.environ else otherwise


@pytest.mark.parametrize("share", range(4))
def test_what_is_judged_is_what_has_to_be_told(share: int) -> None:
    found = play_all(named(range(share, HISTORIES, 4)))

    calm = {*KINDS, "reminder", "trip"} - set(found)
    assert SEED in os.environ or not calm, f"the histories have become too calm: no {calm}"


@pytest.fixture
def quiet() -> Iterator[None]:
    """Histories of the log are full of faults, and what is logged of them is nobody's concern."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("quiet")
def test_what_the_services_write_is_judged_as_what_has_to_be_told() -> None:
    found: Counter[str] = Counter()
    for seed in named(range(6)):
        steps = list(World(seed).watching(of_the_log(seed)))
        found += compare(ALL, steps, Random(seed), partitions=1)

    calm = {"late", "missing", "failed", "recovered"} - set(found)
    assert SEED in os.environ or not calm, f"the histories have become too calm: no {calm}"


def of_the_log(seed: int) -> list[Seen]:
    """What schedulers, workers and a client wrote into a log, under faults."""
    history = History(seed)
    history.play()
    entries = history.oracle.entries
    return [
        Seen(position=one.position, at=one.at, event=one.event)
        for one in entries
        if not isinstance(one.event, UnknownEvent)
    ]


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_what_is_judged_is_what_has_to_be_told_in_very_many_histories() -> None:
    first = secrets.randbelow(10**9)
    play_all(named(range(first, first + 100_000)))
