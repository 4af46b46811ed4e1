"""Pages of other sites, over HTTP: kept out where nobody is asked for credentials, let in where they are listed."""

from __future__ import annotations

from typing import Any

import httpx

from tests.integration.api.access.test_access import WRONG, bearer
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, served
from tests.integration.api.sse import stream
from waterclock_api.access.guard import Limits
from waterclock_api.access.rate_limit import SMALLEST
from waterclock_api.app import ROUTES
from waterclock_api.documents.openapi import document
from waterclock_api.http.cors import METHODS, READ, SENT

OPS = "https://ops.example"
EVIL = {"Origin": "http://evil.example", "Sec-Fetch-Site": "cross-site"}


async def test_a_page_under_a_name_of_its_own_reads_and_writes_nothing(rig: MakeRig) -> None:
    async with rig(hosts=("wc.example",)) as api, served(api) as url, httpx.AsyncClient(base_url=url) as http:
        await api.worker()
        rebound = {"Host": "evil.example:8080", "Origin": "http://evil.example:8080", "Sec-Fetch-Site": "same-origin"}
        for method, path in (("GET", JOBS), ("POST", JOBS), ("GET", "/"), ("GET", "/metrics"), ("GET", "/readyz")):
            answer = await http.request(method, path, headers=rebound, content=b"{}" if method == "POST" else None)
            assert (answer.status_code, answer.json()["type"]) == (421, "/problems#misdirected"), path
            assert answer.headers["content-type"] == "application/problem+json"
            assert answer.json()["detail"].startswith("Host: evil.example:8080 ")
        async with http.stream("GET", "/v1/monitor/events/stream", headers=rebound) as answer:
            assert answer.status_code == 421
        port = url.rpartition(":")[2]
        for host in (f"127.0.0.1:{port}", f"localhost:{port}", "[::1]:9999", "wc.example"):
            assert (await http.get(JOBS, headers={"Host": host})).status_code == 200, host
        assert (await http.get("/", headers={"Host": f"localhost:{port}"})).status_code == 200
        assert (await http.get(JOBS)).json()["items"] == []


async def test_a_page_of_another_site_sends_nothing_and_holds_no_stream(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url, httpx.AsyncClient(base_url=url) as http:
        await api.worker()
        plain = EVIL | {"Content-Type": "text/plain"}
        refused = await http.post(JOBS, json=JOB, headers=plain)
        assert (refused.status_code, refused.json()["type"]) == (403, "/problems#cross-site")
        said = "Origin: http://evil.example; Sec-Fetch-Site: cross-site: a page of another site sent the request"
        assert refused.json()["detail"].startswith(said)
        async with http.stream("GET", "/v1/monitor/events/stream", headers=EVIL) as answer:
            assert answer.status_code == 403
        followed = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        assert (await http.get("/", headers=followed)).status_code == 200
        own = {"Origin": url, "Sec-Fetch-Site": "same-origin"}
        assert (await http.post(JOBS, json=JOB, headers=own)).status_code == 201
        assert (await http.post(JOBS, json=JOB | {"jobName": "b"}, headers={"Origin": url})).status_code == 201
        assert len((await http.get(JOBS)).json()["items"]) == 2


async def test_where_credentials_are_asked_for_a_name_is_as_good_as_another(rig: MakeRig) -> None:
    async with rig() as api:
        rebound = EVIL | {"Host": "evil.example"}
        assert (await api.http.get(JOBS, headers=rebound)).status_code == 421
        key = await api.key("list")
        assert (await api.http.get(JOBS, headers=rebound)).status_code == 401
        assert (await api.http.get(JOBS, headers=rebound | bearer(key))).status_code == 200


async def test_a_listed_page_asks_before_without_a_key_and_reads_every_answer(rig: MakeRig) -> None:
    limits = Limits(caller=0.001, address=0.001)
    async with rig(origins=(OPS,), limits=limits) as api:
        await api.worker()
        key = bearer(await api.key("add", "list"))
        asks = {"Access-Control-Request-Method": "POST", "Access-Control-Request-Headers": "authorization,content-type"}
        before = await api.http.options(JOBS, headers={"Origin": OPS} | asks)
        assert (before.status_code, _shared(before), before.content) == (204, OPS, b"")
        assert before.headers["access-control-allow-methods"].split(", ") == list(METHODS)
        assert before.headers["access-control-allow-headers"].split(", ") == list(SENT)
        assert before.headers["x-request-id"]
        assert "access-control-allow-credentials" not in before.headers
        answers = [
            await api.http.post(JOBS, json=JOB, headers={"Origin": OPS} | key),
            await api.http.post(JOBS, json=JOB, headers={"Origin": OPS} | key),
            await api.http.get("/nowhere", headers={"Origin": OPS}),
            await api.http.post("/livez", headers={"Origin": OPS}),
            await api.http.get(JOBS, headers={"Origin": OPS} | bearer(WRONG)),
        ]
        assert [answer.status_code for answer in answers] == [201, 409, 404, 405, 401]
        answers += [await api.http.get(JOBS, headers={"Origin": OPS} | key) for _ in range(int(SMALLEST))]
        assert answers[-1].status_code == 429
        for answer in answers:
            assert _shared(answer) == OPS
            assert answer.headers["access-control-expose-headers"].split(", ") == list(READ)


async def test_a_page_that_is_not_listed_is_told_nothing(rig: MakeRig) -> None:
    async with rig(origins=(OPS,)) as api:
        key = bearer(await api.key("list"))
        for origin in ("https://evil.example", f"{OPS}.evil.example", "http://ops.example", "null", "*", ""):
            asks = {"Origin": origin, "Access-Control-Request-Method": "POST"}
            before = await api.http.options(JOBS, headers=asks)
            assert (before.status_code, before.headers["allow"]) == (204, "GET, HEAD, OPTIONS, POST")
            answer = await api.http.get(JOBS, headers={"Origin": origin} | key)
            assert (answer.status_code, _shared(before), _shared(answer)) == (200, None, None)
        assert _shared(await api.http.get(JOBS, headers=key)) is None  # and still varies


async def test_without_a_list_no_answer_says_anything_of_origins(rig: MakeRig) -> None:
    async with rig() as api:
        own = {"Origin": "http://localhost", "Access-Control-Request-Method": "POST"}
        for answer in (await api.http.options(JOBS, headers=own), await api.http.get(JOBS, headers=own)):
            assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]
            assert answer.status_code in (200, 204)


async def test_a_listed_page_reads_where_nobody_is_asked_and_goes_on_with_a_stream(rig: MakeRig) -> None:
    async with rig(origins=(OPS,)) as api, served(api) as url:
        await api.worker()
        job = await api.create()
        where = f"{url}{JOBS}/{job['id']}/logs/stream"
        page = {"Origin": OPS, "Sec-Fetch-Site": "cross-site"}
        async with stream(where, after="0", headers=page) as events:
            assert _shared(events) == OPS
            first = await events.next()
        assert first.kind == "job.created"
        await api.trigger(job["id"])
        async with stream(where, last_event_id=first.id, headers=page) as events:
            assert (await events.next()).kind == "run.requested"


async def test_an_answer_in_two_forms_varies_by_both(rig: MakeRig) -> None:
    async with rig(origins=(OPS,)) as api:
        await api.worker()
        run = await api.ask()
        lines = await api.http.get(f"/v1/monitor/runs/{run}/logs", headers={"Origin": OPS, "Accept": "text/plain"})
        assert lines.headers.get_list("vary") == ["Accept", "Origin"]


def test_pages_may_send_and_read_every_header_that_the_document_tells_of() -> None:
    sent: set[str] = set()
    read: set[str] = set()
    methods: set[str] = set()
    for path in document(ROUTES)["paths"].values():
        methods |= {method.upper() for method in path}
        for operation in path.values():
            sent |= {one["name"] for one in operation["parameters"] if one["in"] == "header"}
            for answer in operation["responses"].values():
                read |= set(answer.get("headers", ()))
    assert sent <= set(SENT)
    assert read <= set(READ)
    assert methods == set(METHODS)


def _shared(answer: Any) -> str | None:
    assert "origin" in answer.headers["vary"].lower()
    return answer.headers.get("access-control-allow-origin")
