"""Behind a gateway, without one: what a path prefix and the headers of a proxy change, and who is believed."""

from __future__ import annotations

import logging
from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS
from waterclock.kit.settings import SettingsError
from waterclock_api.http.gateway import RequestIds, path_prefix

PROXY = ("127.0.0.1",)
"""Where the rig's own client comes from."""


async def test_a_prefix_that_a_proxy_has_stripped_is_in_all_that_refers_to_us(rig: MakeRig) -> None:
    async with rig(proxies=PROXY, keyed=True) as api:
        await api.worker()
        headers = {"X-Forwarded-Prefix": "/scheduler"}
        created = await api.http.post(JOBS, json=JOB, headers=headers)
        assert created.headers["location"] == f"/scheduler{JOBS}/{created.json()['id']}"
        refused = await api.http.post(JOBS, json=JOB, headers=headers)
        assert refused.json()["type"] == "/scheduler/problems#name-taken"
        assert "/scheduler/nowhere" in (await api.http.get("/nowhere", headers=headers)).json()["detail"]
        assert await _servers(api.http, "", headers) == ("/scheduler", "/scheduler")
        assert await _servers(api.http, "", {}) == ("/", "/")


async def test_a_prefix_that_is_left_in_the_path_is_ours_by_setting(rig: MakeRig) -> None:
    async with rig(path_prefix="/ops/scheduler", keyed=True) as api:
        await api.worker()
        created = await api.http.post(f"/ops/scheduler{JOBS}", json=JOB)
        location: str = created.headers["location"]
        assert location == f"/ops/scheduler{JOBS}/{created.json()['id']}"
        assert (await api.http.get(location)).status_code == 200
        assert (await api.http.get(location.removeprefix("/ops/scheduler"))).status_code == 200
        assert (await api.http.get("/ops/scheduler")).headers["location"] == "/ops/scheduler/"
        assert (await api.http.get("/ops/scheduler/")).headers["content-type"].startswith("text/html")
        assert (await api.http.get(f"/ops/schedulers{JOBS}")).status_code == 404
        assert (await api.http.get(f"/scheduler{JOBS}")).json()["type"] == "/problems#not-found"
        assert await _servers(api.http, "/ops/scheduler", {}) == ("/ops/scheduler", "/ops/scheduler")


async def test_an_idempotency_key_means_the_same_by_either_way(rig: MakeRig) -> None:
    async with rig(path_prefix="/scheduler", keyed=True) as api:
        await api.worker()
        key = {"Idempotency-Key": "once"}
        direct = await api.http.post(JOBS, json=JOB, headers=key)
        fronted = await api.http.post(f"/scheduler{JOBS}", json=JOB, headers=key)
        assert (direct.status_code, fronted.status_code) == (201, 201)
        assert fronted.json()["id"] == direct.json()["id"]
        assert fronted.headers["location"] == "/scheduler" + direct.headers["location"]


@pytest.mark.parametrize(
    "headers",
    [
        [("X-Forwarded-Prefix", "//evil.example")],
        [("X-Forwarded-Prefix", "https://evil.example")],
        [("X-Forwarded-Prefix", "/a/../b")],
        [("X-Forwarded-Prefix", "/a/..")],
        [("X-Forwarded-Prefix", "/a, /b")],
        [("X-Forwarded-Prefix", "/a"), ("X-Forwarded-Prefix", "/b")],
        [("X-Forwarded-Prefix", "/" + "a/" * 17)],
        [("X-Forwarded-Prefix", "/a?b=")],
        [("X-Forwarded-Prefix", "/")],
    ],
)
async def test_a_prefix_that_is_no_path_is_not_believed(rig: MakeRig, headers: list[tuple[str, str]]) -> None:
    async with rig(proxies=PROXY, keyed=True) as api:
        assert (await api.http.get(f"{JOBS}/none", headers=headers)).json()["type"] == "/problems#not-found"


@pytest.mark.parametrize("proxies", [(), ("10.0.0.0/8",)])
async def test_nothing_is_believed_of_who_is_no_trusted_proxy(rig: MakeRig, proxies: tuple[str, ...]) -> None:
    spoofed = {
        "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Prefix": "/evil",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "Forwarded": "for=203.0.113.7;host=evil.example;proto=gopher",
        "X-Request-Id": "mine",
    }
    async with rig(proxies=proxies, keyed=True) as api:
        await api.worker()
        created = await api.http.post(JOBS, json=JOB, headers=spoofed)
        assert created.headers["location"] == f"{JOBS}/{created.json()['id']}"
        assert created.headers["x-request-id"] != "mine"
        assert not any("evil" in value for value in created.headers.values())
        await api.caught_up()
        (event,) = (await api.http.get("/v1/monitor/events?type=job.created")).json()["items"]
        assert event["actor"] == "key:rig@127.0.0.1"


async def test_a_request_goes_by_the_id_that_its_proxy_gave_it(rig: MakeRig) -> None:
    async with rig(proxies=PROXY, keyed=True) as api:
        given = {"X-Request-Id": "7f3c-9:a/b+c=.~@_"}
        refused = await api.http.get(f"{JOBS}/none", headers=given)
        assert refused.headers["x-request-id"] == refused.json()["requestId"] == given["X-Request-Id"]
        assert (await api.http.get(JOBS, headers=given)).headers["x-request-id"] == given["X-Request-Id"]


@pytest.mark.parametrize(
    "headers",
    [[], [("X-Request-Id", "a b")], [("X-Request-Id", "x" * 129)], [("X-Request-Id", "a"), ("X-Request-Id", "b")]],
)
async def test_a_request_without_a_good_id_is_given_one(rig: MakeRig, headers: list[tuple[str, str]]) -> None:
    async with rig(proxies=PROXY, keyed=True) as api:
        made = {(await api.http.get(f"{JOBS}/none", headers=headers)).json()["requestId"] for _ in range(2)}
        assert len(made) == 2
        assert all(len(one) == 20 for one in made)


async def test_a_log_line_names_the_request_it_is_about(rig: MakeRig, caplog: pytest.LogCaptureFixture) -> None:
    caplog.handler.addFilter(RequestIds())
    async with rig(proxies=PROXY, keyed=True) as api:
        await api.key("list")
        with caplog.at_level(logging.INFO, logger="waterclock_api.access.guard"):
            headers = {"X-Request-Id": "abc-1", "Authorization": "Bearer wrong"}
            assert (await api.http.get(JOBS, headers=headers)).status_code == 401
    assert [vars(record).get("request_id") for record in caplog.records if record.msg == "refused"] == ["abc-1"]


@pytest.mark.parametrize("text", ["scheduler", "//x", "/a b", "/a/../b", "https://x.example/a", "/%61"])
def test_a_prefix_that_cannot_be_stops_the_start(text: str) -> None:
    with pytest.raises(SettingsError, match="WATERCLOCK_PATH_PREFIX"):
        path_prefix(text)


def test_a_prefix_may_end_in_a_slash() -> None:
    assert [path_prefix(text) for text in (None, "", "/", "/a/b/", "/a")] == ["", "", "", "/a/b", "/a"]


async def _servers(http: httpx.AsyncClient, prefix: str, headers: dict[str, str]) -> tuple[str, str]:
    """What the documents say of where we are."""
    described: dict[str, Any] = (await http.get(f"{prefix}/schema/openapi.json", headers=headers)).json()
    told: dict[str, Any] = (await http.get(f"{prefix}/schema/asyncapi.json", headers=headers)).json()
    (server,) = described["servers"]
    return server["url"], told["servers"]["api"]["pathname"]
