"""How often callers may ask, and how many streams they may have: each for itself."""

from __future__ import annotations

import json
from pathlib import Path

import httpx

from tests.integration.api.access.test_access import WRONG, bearer
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, Rig, served
from tests.integration.api.sse import stream
from tests.unit.api.access.test_jwt import KEYS, settings, token
from waterclock_api.access.guard import Limits
from waterclock_api.access.rate_limit import SMALLEST

EVENTS = "/v1/monitor/events/stream"
SELDOM = 0.001  # a second: a bucket of so many, and no more for as long as a test may take
MANY = int(SMALLEST)


async def asked(api: Rig, secret: str | None, times: int, **headers: str) -> list[int]:
    """The statuses of that many lists of jobs."""
    more = headers | ({} if secret is None else bearer(secret))
    return [(await api.http.get(JOBS, headers=more)).status_code for _ in range(times)]


async def test_who_asks_too_often_is_told_when_to_come_again_and_others_are_served(rig: MakeRig) -> None:
    async with rig(limits=Limits(caller=SELDOM)) as api:
        hasty, other = await api.key("list", name="hasty"), await api.key("list", name="other")
        assert await asked(api, hasty, MANY) == [200] * MANY
        refused = await api.http.get(JOBS, headers=bearer(hasty))
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems#too-many-requests")
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert 900 < int(refused.headers["Retry-After"]) <= 1_000
        assert refused.headers["RateLimit-Policy"] == f'"requests";q={MANY};w=10000'
        assert refused.headers["RateLimit"] == f'"requests";r=0;t={refused.headers["Retry-After"]}'
        assert "Rate limit exceeded: key:hasty may send 0.001 requests per second" in refused.json()["detail"]
        assert await asked(api, other, MANY) == [200] * MANY
        assert (await api.http.get("/livez", headers=bearer(hasty))).status_code == 200
        assert (await api.http.get("/readyz", headers=bearer(hasty))).status_code == 200


async def test_what_a_caller_may_not_do_counts_too(rig: MakeRig) -> None:
    async with rig(limits=Limits(caller=SELDOM)) as api:
        secret = await api.key("query")
        assert await asked(api, secret, MANY + 1) == [403] * MANY + [429]


async def test_a_key_has_a_rate_of_its_own(rig: MakeRig) -> None:
    async with rig(limits=Limits(caller=1_000)) as api:
        own, common = await api.key("list", name="own", rate=SELDOM), await api.key("list", name="common")
        assert await asked(api, own, MANY + 1) == [200] * MANY + [429]
        assert await asked(api, common, MANY + 1) == [200] * (MANY + 1)


async def test_the_subjects_of_tokens_are_told_apart(rig: MakeRig, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(KEYS))
    async with rig(limits=Limits(caller=SELDOM), tokens=settings(str(file))) as api:
        bob, again, alice = token(), token("ES256"), token(sub="alice")
        assert await asked(api, bob, MANY) == [200] * MANY
        assert await asked(api, again, 1) == [429]
        assert await asked(api, alice, 1) == [200]


async def test_guessing_is_bounded_for_each_address_and_locks_nobody_out(rig: MakeRig, tmp_path: Path) -> None:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(KEYS))
    proxies = ("127.0.0.0/8",)
    async with rig(limits=Limits(address=SELDOM), proxies=proxies, tokens=settings(str(file))) as api:
        secret, known = await api.key("list"), token()
        here, there = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
        assert await asked(api, known, 1, **here) == [200]
        assert await asked(api, WRONG, MANY - 1, **here) == [401] * (MANY - 1)
        assert await asked(api, None, 2, **here) == [401, 429]
        refused = await api.http.get(JOBS, headers=bearer(WRONG) | here)
        assert (refused.status_code, refused.json()["type"]) == (429, "/problems#too-many-requests")
        assert (await api.http.get("/", headers=here)).status_code == 429
        assert await asked(api, WRONG, 1, **there) == [401]
        assert await asked(api, secret, MANY + 1, **here) == [200] * (MANY + 1)
        assert await asked(api, known, 1, **here) == [200]
        assert await asked(api, token(sub="new"), 1, **here) == [429]
        assert await asked(api, token(sub="new"), 1, **there) == [200]


async def test_where_nobody_is_asked_who_it_is_nobody_is_held_up(rig: MakeRig) -> None:
    async with rig(limits=Limits(caller=SELDOM, address=SELDOM)) as api:
        assert await asked(api, None, 3 * MANY) == [200] * 3 * MANY
        assert await asked(api, WRONG, 3 * MANY) == [200] * 3 * MANY


async def test_streams_are_counted_by_caller_and_else_by_the_address(rig: MakeRig) -> None:
    here, there = {"X-Forwarded-For": "203.0.113.7"}, {"X-Forwarded-For": "203.0.113.8"}
    async with (
        rig(proxies=("127.0.0.0/8",), streams_per_client=1) as api,
        served(api) as url,
        httpx.AsyncClient() as http,
    ):

        async def refused(headers: dict[str, str]) -> None:
            answer = await http.get(url + EVENTS, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (429, "/problems#too-many-streams")

        async with stream(url + EVENTS):
            await refused({})
        first, second = bearer(await api.key("export", name="a")), bearer(await api.key("export", name="b"))
        async with stream(url + EVENTS, headers=first | here), stream(url + EVENTS, headers=second | here):
            await refused(first | there)
