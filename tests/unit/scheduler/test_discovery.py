"""How many partitions a scheduler should lead."""

from __future__ import annotations

from tests.unit.log.liveness.test_store_clock import Hand
from waterclock_scheduler.discovery import FORGOTTEN_AFTER_S, Peers


def test_one_that_hears_nobody_leads_all() -> None:
    assert Peers("a", Hand()).share(5) == 5


def test_the_shares_of_all_cover_all_partitions() -> None:
    peers = Peers("a", Hand())
    for name in ("a", "b", "c"):
        peers.heard(name)

    assert peers.share(5) == 2
    assert peers.share(1) == 1


def test_one_that_leaves_or_falls_silent_counts_no_more() -> None:
    hand = Hand()
    peers = Peers("a", hand)
    peers.heard("b")
    peers.heard("c")

    peers.left("c")
    assert peers.share(6) == 3

    hand.seconds += FORGOTTEN_AFTER_S
    assert peers.share(6) == 6
