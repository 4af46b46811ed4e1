"""Where servers are, as a URL and a map of addresses say it."""

from __future__ import annotations

import pytest

from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.addresses import Address, deployment_of
from waterclock.log.connection.errors import LogUnfit

MAP = "10.0.0.5:6379=redis-1.example:6380, 10.0.0.6=redis-2.example,[fd00::1]:6379=127.0.0.1"


def test_several_nodes_are_seeds_and_the_first_is_the_target() -> None:
    found = deployment_of("rediss://u:p%2Cq@a:1,b,[::1]:3/0?ssl_cert_reqs=none")
    assert found.seeds == (Address("a", 1), Address("b", 6379), Address("::1", 3))
    assert found.target.address == Address("a", 1)
    assert (found.target.user, found.target.options["password"], found.target.tls) == ("u", "p,q", True)
    assert not found.sentinels


def test_sentinels_have_credentials_of_their_own() -> None:
    url = "redis+sentinel://u:p@a:1,b:2,c/mymaster/3?sentinel_username=s&sentinel_password=p%40w"
    found = deployment_of(url)
    assert [one.address for one in found.sentinels] == [Address("a", 1), Address("b", 2), Address("c", 26379)]
    assert found.master == "mymaster"
    assert {one.options["password"] for one in found.sentinels} == {"p@w"}
    assert {one.user for one in found.sentinels} == {"s"}
    assert all("db" not in one.options for one in found.sentinels)
    assert (found.target.options["password"], found.target.options["db"]) == ("p", 3)


def test_without_own_credentials_sentinels_are_told_none() -> None:
    [sentinel] = deployment_of("redis+sentinel://u:p@a/mymaster").sentinels
    assert not {"username", "password"} & sentinel.options.keys()


@pytest.mark.parametrize(("option", "tls"), [("", True), ("&sentinel_tls=no", False), ("&sentinel_tls=yes", True)])
def test_sentinels_are_asked_by_tls_as_the_servers_are_unless_told_otherwise(option: str, *, tls: bool) -> None:
    found = deployment_of(f"rediss+sentinel://a/mymaster?ssl_cert_reqs=none{option}")
    assert found.target.tls
    assert found.sentinels[0].tls is tls


@pytest.mark.parametrize(
    ("url", "same"),
    [
        ("valkey://u:p@a:1/2", "redis://u:p@a:1/2"),
        ("valkeys://a:1", "rediss://a:1"),
        ("valkey://a:1,b:2", "redis://a:1,b:2"),
        ("valkeys+sentinel://a:1/m?sentinel_tls=yes", "rediss+sentinel://a:1/m?sentinel_tls=yes"),
    ],
)
def test_the_schemes_of_valkey_say_the_same(url: str, same: str) -> None:
    assert deployment_of(url) == deployment_of(same)


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("valkey+unix://a", "not like|must specify"),
        ("valkeyx://a", "must specify"),
        ("redis+sentinel://a:26379", "master"),
        ("redis+sentinel://a:26379/", "master"),
        ("redis+sentinel://a:26379/m/x", "master"),
        ("redis+sentinel://a/m?sentinel_tls=maybe", "sentinel_tls must be yes or no"),
        ("redis+sentinel://a/m?sentinel_tls=yes", r"rediss\+sentinel"),
        ("redis+sentinel://a/m?sentinel_user=x", "unknown option sentinel_user"),
        ("unix+sentinel://a/m", "must look like"),
        ("redis://a:1,b:70000", "must look like"),
        ("redis://a:1,/0", "must look like"),
        ("redis://a,b/c,d@e", "must look like"),
    ],
)
def test_a_url_that_cannot_be_followed_is_refused(url: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        deployment_of(url)


@pytest.mark.parametrize(
    "url",
    [
        "redis://u:hush,hash/x@a:1,b:2",
        "redis://u:hush#hash@a:1,b:2",
        "redis+sentinel://u:hush/hash@a/mymaster",
        "redis+sentinel://a/mymaster?sentinel_password=hush&hash",
        "redis+sentinel://a/mymaster?sentinel_password=hush#hash",
    ],
)
async def test_a_url_that_is_refused_is_not_shown(url: str) -> None:
    with pytest.raises(LogUnfit, match="WATERCLOCK_REDIS_URL") as raised:
        await Log.reach(LogSettings(url=url), role="test")
    assert "hush" not in str(raised.value)
    assert "hash" not in str(raised.value)


@pytest.mark.parametrize(
    ("told", "reached"),
    [
        (Address("10.0.0.5", 6379), Address("redis-1.example", 6380)),
        (Address("10.0.0.5", 7000), Address("10.0.0.5", 7000)),
        (Address("10.0.0.6", 7000), Address("redis-2.example", 7000)),
        (Address("fd00::1", 6379), Address("127.0.0.1", 6379)),
    ],
)
def test_an_address_is_mapped_by_its_port_or_by_its_host_alone(told: Address, reached: Address) -> None:
    assert deployment_of("redis://a", MAP).reached(told) == reached


@pytest.mark.parametrize("text", ["10.0.0.5", "a=b=c", "=b", "a=", "a:x=b", "a:0=b"])
async def test_a_map_that_is_none_is_refused_by_its_name(text: str) -> None:
    with pytest.raises(LogUnfit, match=r"WATERCLOCK_REDIS_ADDRESS_MAP: .* is not like"):
        await Log.reach(LogSettings(url="redis://127.0.0.1:1", address_map=text), role="test")
