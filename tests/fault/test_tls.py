"""Everything by TLS, with certificates of clients; and what comes of one that ends while all is at work."""

from __future__ import annotations

import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from tests.support import waiting
from tests.support.campaign import Campaign, besieged
from tests.support.certificates import DAY, Authority
from tests.support.installation import ENDED, answered
from tests.support.terminator import Terminator, terminated
from waterclock_dev.servers.ports import LOOPBACK

SAID = 60.0  # s until all have met the certificate; they try again after pauses that grow
FLOWING = 60.0  # s until a run has succeeded
EXPIRED = "certificate has expired"
REFUSED = re.compile(f"{EXPIRED}|certificate verify failed")  # as Redis' driver says it, and as Postgres' does
SERVICES = ("api", "projector", "scheduler", "worker")


@pytest.mark.timeout(300)
async def test_all_of_it_works_by_tls_and_outlives_a_certificate(tmp_path: Path) -> None:
    papers = tmp_path / "papers"
    ca = Authority(papers)
    good, client, expired = ca.issue("server"), ca.issue("client"), ca.issue("expired", lasts=-DAY)
    before: list[Terminator] = []
    with ExitStack() as held:

        def dialled(redis: str, postgres: str) -> tuple[str, str]:
            redis_port, account, postgres_port = urlsplit(redis).port, urlsplit(postgres), urlsplit(postgres).port
            assert redis_port is not None
            assert postgres_port is not None
            before.append(held.enter_context(terminated(redis_port, good, clients=ca.file)))
            before.append(held.enter_context(terminated(postgres_port, good, clients=ca.file, postgres=True)))
            ours = f"ssl_ca_certs={ca.file}&ssl_certfile={client.certificate}&ssl_keyfile={client.key}"
            theirs = f"sslmode=verify-full&sslrootcert={ca.file}&sslcert={client.certificate}&sslkey={client.key}"
            at = f"{account.username}:{account.password}@localhost:{before[1].port}"
            return (
                f"rediss://{LOOPBACK}:{before[0].port}/0?{ours}",
                account._replace(netloc=at, query=theirs).geturl(),
            )

        async with (
            besieged(tmp_path, workers=1, schedulers=1, dialled=dialled) as campaign,
            httpx.AsyncClient(base_url=f"{campaign.api_url}/v1/monitor", timeout=30, trust_env=False) as api,
        ):
            ticking = {"jobName": "tick", "invokeTarget": "demo.noop", "cronExpression": "* * * * * *"}
            answered(await api.post("/jobs", json=ticking))
            await works(api)
            pids = campaign.pids

            for one in before:
                one.show(expired)
            await waiting.until(lambda: met(campaign), within=SAID, what="all have said what is wrong")
            for one in before:
                one.show(good)
            await campaign.well()
            await works(api)

            assert campaign.pids == pids
            assert answered(await api.get("/ledger/verify"))["ok"]
    said = campaign.output.read_text()
    assert "Traceback" not in said
    assert str(urlsplit(campaign.urls[1]).password) not in said
    assert [set(one.peers) for one in before] == [{"client"}, {"client"}]


async def works(api: httpx.AsyncClient) -> None:
    """A run by hand goes the whole way, and so does one of the schedule that was requested later."""
    run = answered(await api.post("/runs", json={"invokeTarget": "demo.steps", "params": {"steps": 1, "lines": 1}}))

    async def ended() -> Any:
        found = answered(await api.get(f"/runs/{run['runId']}"))
        return found if found["status"] in ENDED else None

    by_hand = await waiting.until(ended, within=FLOWING, what="the run has ended")
    assert by_hand["status"] == "succeeded", by_hand

    async def ticked() -> bool:
        later = {"from": by_hand["requestedAt"], "trigger": "schedule", "status": "succeeded"}
        return bool(answered(await api.get("/runs", params=later))["items"])

    await waiting.until(ticked, within=FLOWING, what="a scheduled run has succeeded")


async def met(campaign: Campaign) -> bool:
    """Whether all services say in their logs what is wrong with a store, and the api of Redis if it is asked."""
    async with httpx.AsyncClient(timeout=30, trust_env=False) as client:
        ready = (await client.get(f"{campaign.api_url}/readyz")).text
    lines = [line for line in campaign.output.read_text().splitlines() if REFUSED.search(line)]
    return EXPIRED in ready and all(any(f" {name}: " in line for line in lines) for name in SERVICES)
