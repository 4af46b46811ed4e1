"""Proxies that the environment names: for the verbs, and for who asks for them; never to this machine."""

from __future__ import annotations

import asyncio

import pytest
from click.testing import CliRunner

from tests.support.proxy import Proxy
from waterclock.cli.main import main
from waterclock.client import endpoints
from waterclock.client.errors import Unreachable
from waterclock.client.http import AsyncClient

API = "http://scheduler.invalid"
QUEUES = b'{"items": []}'
VARIABLES = ("HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy")


def network() -> Proxy:
    return Proxy({f"{API}/v1/monitor/queues": QUEUES, "/v1/monitor/queues": QUEUES})


async def listed(**environment: str) -> int:
    """The exit code of `waterclock queue list`."""
    given = dict.fromkeys(VARIABLES) | environment
    done = await asyncio.to_thread(CliRunner().invoke, main, ["queue", "list", "--json"], env=given)
    return done.exit_code


async def test_the_verbs_use_the_proxy_but_where_the_environment_says_not() -> None:
    between = network()
    async with between.serving() as proxy:
        assert await listed(WATERCLOCK_API_URL=API, HTTP_PROXY=proxy) == 0
        assert between.asked == [f"{API}/v1/monitor/queues"]
        assert await listed(WATERCLOCK_API_URL=API, HTTP_PROXY=proxy, NO_PROXY="scheduler.invalid") == 2
        assert await listed(WATERCLOCK_API_URL=API) == 2
    assert len(between.asked) == 1


async def test_no_proxy_stands_between_the_verbs_and_this_machine() -> None:
    here, between = network(), network()
    async with here.serving() as url, between.serving() as proxy:
        assert await listed(WATERCLOCK_API_URL=url, HTTP_PROXY=proxy) == 0
    assert (len(here.asked), len(between.asked)) == (1, 0)


async def test_the_client_uses_a_proxy_only_if_it_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
    async with network().serving() as proxy:
        monkeypatch.setenv("HTTP_PROXY", proxy)
        async with AsyncClient(API, patience=0, proxies=True) as client:
            assert await client.fetch(endpoints.list_queues()) == QUEUES
        async with AsyncClient(API, patience=0) as client:
            with pytest.raises(Unreachable):
                await client.fetch(endpoints.list_queues())
