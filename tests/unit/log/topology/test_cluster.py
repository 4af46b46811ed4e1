"""Who holds what, out of what nodes of a cluster say that do not all know the same."""

from __future__ import annotations

from typing import Any

from redis.exceptions import ResponseError

from waterclock.log.connection.addresses import Address
from waterclock.log.topology.cluster import SLOTS, View, owners_of, strangers, view_of

A, B, C = (Address(f"10.0.0.{number}", 6379) for number in (1, 2, 3))
HALF = SLOTS // 2
OK, CUT_OFF = b"cluster_state:ok\r\ncluster_current_epoch:9\r\n", b"cluster_state:fail\r\n"
REFUSED = ResponseError("NOPERM this user has no permissions")


def nodes(*lines: tuple[str, Address, str, int, str]) -> bytes:
    """As `CLUSTER NODES`: id, place, flags, config epoch, slots."""
    return "".join(
        f"{name} {place.host}:{place.port}@1{place.port},{name}.example {flags} - 0 0 {epoch} connected{slots}\n"
        for name, place, flags, epoch, slots in lines
    ).encode()


def view(asked: Address, told: bytes, info: bytes = OK) -> View:
    return view_of(asked, tls=False, info=info, nodes=told, shards=REFUSED, slots=None)


BEFORE = nodes(
    ("a", A, "master", 1, f" 0-{HALF - 1}"), ("b", B, "master", 2, f" {HALF}-16383"), ("c", C, "slave", 1, "")
)
AFTER = nodes(
    ("a", A, "master,fail", 1, ""), ("b", B, "master", 2, f" {HALF}-16383"), ("c", C, "master", 3, f" 0-{HALF - 1}")
)


def test_of_two_owners_the_one_with_the_later_config_epoch_counts() -> None:
    for views in ([view(A, BEFORE), view(B, AFTER)], [view(B, AFTER), view(A, BEFORE)]):
        owners = owners_of(views)
        assert set(owners[:HALF]) == {C}
        assert set(owners[HALF:]) == {B}


def test_who_is_cut_off_from_its_cluster_has_no_say() -> None:
    later = nodes(("a", A, "myself,master", 9, " 0-16383"))
    owners = owners_of([view(A, later, CUT_OFF), view(B, AFTER)])
    assert owners[0] == C
    assert not view(A, later, CUT_OFF).well


def test_single_slots_count_and_slots_on_their_way_do_not() -> None:
    told = nodes(("a", A, "myself,master", 1, " 5 7-8 [9->-b] [10-<-c]"))
    owners = owners_of([view(A, told)])
    assert [slot for slot, owner in enumerate(owners) if owner == A] == [5, 7, 8]
    assert owners[9] is None


def test_a_node_that_does_not_know_its_address_is_where_it_was_asked() -> None:
    told = b"a :6379@16379 myself,master - 0 0 1 connected 0-16383\n"
    assert owners_of([view(A, told)])[0] == A


def test_shards_say_by_which_name_and_port_nodes_are_reached() -> None:
    def shard(endpoint: bytes) -> list[object]:
        node = [b"id", b"a", b"port", 6379, b"tls-port", 6390, b"ip", b"10.0.0.1", b"endpoint", endpoint]
        return [b"slots", [], b"nodes", [node]]

    for tls, port in ((False, 6379), (True, 6390)):
        seen = view_of(B, tls=tls, info=OK, nodes=BEFORE, shards=[shard(b"one.example")], slots=None)
        assert seen.places["a"] == Address("one.example", port)
    nameless = view_of(B, tls=False, info=OK, nodes=BEFORE, shards=[shard(b"?")], slots=None)
    assert nameless.places["a"] == B


def test_slots_alone_say_enough_and_the_later_state_counts() -> None:
    def slots(first: Address, epoch: int, name: bytes) -> View:
        rows: list[Any] = [[0, 16383, [first.host.encode(), first.port, name, []], [b"10.0.0.9", 6379, b"r", []]]]
        info = b"cluster_state:ok\r\ncluster_current_epoch:%d\r\n" % epoch
        return view_of(first, tls=False, info=info, nodes=REFUSED, shards=REFUSED, slots=rows)

    assert owners_of([slots(A, 4, b"a"), slots(B, 5, b"b")])[0] == B
    assert Address("10.0.0.9", 6379) in slots(A, 4, b"a").places.values()


def test_who_may_tell_nothing_of_slots_has_no_say() -> None:
    assert not view_of(A, tls=False, info=OK, nodes=REFUSED, shards=REFUSED, slots=None).well


def test_nodes_of_two_clusters_are_found_out() -> None:
    other = nodes(("x", C, "myself,master", 1, " 0-16383"))
    assert strangers([view(A, BEFORE), view(B, BEFORE), view(C, other)]) == (A, C)
    assert strangers([view(A, BEFORE), view(B, AFTER)]) is None
