"""Short histories of a partition, each drawn from its seed; `WATERCLOCK_SEED=n` plays one of them again."""

from __future__ import annotations

import gc
import logging
import os
import secrets
from collections.abc import Iterable, Iterator

import pytest

from tests.simulation import granting
from tests.simulation.history import History
from tests.support.narrowed import narrow_claims

SEED = "WATERCLOCK_SEED"
HISTORIES = 144  # half a minute of two cores; a soak plays twenty thousand
ONCE_BROKEN = (
    800000345,  # what was granted beside a session that says nothing is told again when that is gone
    614101055,  # a worker alone with a long backlog: runs wait behind others, and do not starve
)


@pytest.fixture(autouse=True)
def quiet() -> Iterator[None]:
    """Every history is full of faults, and what is logged of them is nobody's concern."""
    logging.disable(logging.CRITICAL)
    yield
    logging.disable(logging.NOTSET)


def play(seeds: Iterable[int]) -> list[History]:
    played: list[History] = []
    for seed in seeds:
        history = History(seed)
        try:
            history.play()
        except BaseException as error:
            error.add_note(f"History {seed} is played again with {SEED}={seed}.")
            raise
        played.append(history)
    return played


def named(otherwise: Iterable[int]) -> Iterable[int]:
    """The seed that the environment names."""
    return [int(os.environ[SEED])] if SEED in os.environ else otherwise


@pytest.mark.parametrize("share", range(6))
def test_every_instant_is_decided_once_whatever_happens(share: int) -> None:
    played = play(named(range(share, HISTORIES, 6)))

    fates = {fate: sum(history.oracle.fates[fate] for history in played) for fate in ("fired", "skipped", "coalesced")}
    assert SEED in os.environ or all(fates.values()), f"the histories have become too calm: {fates}"


@pytest.mark.parametrize("seed", ONCE_BROKEN)
def test_a_history_that_once_broke_is_whole(seed: int) -> None:
    play([seed])


def test_no_run_is_stranded_or_overtaken_where_a_claim_looks_up_little(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(granting, "CLAIM", narrow_claims(monkeypatch))

    played = play(named(range(240, 260)))

    assert SEED in os.environ or any(history.oracle.granting.set_aside for history in played)


def test_a_seed_is_one_history() -> None:
    one, other = play([7, 7])

    assert [entry.document for entry in one.oracle.entries] == [entry.document for entry in other.oracle.entries]
    assert one.oracle.entries


@pytest.mark.soak
@pytest.mark.timeout(3600)
def test_every_instant_is_decided_once_in_very_many_histories() -> None:
    first = secrets.randbelow(10**9)
    for seed in named(range(first, first + 20_000)):
        play([seed])
        if seed % 50 == 0:
            gc.collect()  # few objects hold much memory of Lua's, so the collector sees no cause by itself
