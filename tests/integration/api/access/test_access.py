"""Who may call what: every route of the OpenAPI document, by every kind of caller."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from litestar import Litestar, get
from litestar.datastructures import State

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOB, JOBS, Rig, assembled_rig, served
from tests.integration.api.sse import stream
from tests.integration.api.terminal import Terminal
from tests.support.pages import README
from tests.support.servers import OwnPostgres
from tests.support.waiting import until
from waterclock.cli.verbs.jobs import job
from waterclock.kit.clock import SystemClock
from waterclock.store import api_keys
from waterclock.store.connection.migrate import migrate
from waterclock_api.access.api_keys import BOUND
from waterclock_api.access.guard import ACCESS, admit
from waterclock_api.access.scopes import SCOPES
from waterclock_api.app import ROUTES
from waterclock_api.http.problems import OUTAGES, to_response
from waterclock_api.http.route import Spec
from waterclock_api.operator.diagnostics.checks import of_api

OPEN = {"/livez", "/readyz", "/schema/openapi.json", "/schema/asyncapi.json"}
ASSETS = ("/", "/api", "/page.css", "/page.js", "/problems", "/swagger-ui-5.35.0.css", "/swagger-ui-5.35.0.js")
WRONG = "wck_" + "0" * 12 + "_" + "0" * 52


def bearer(secret: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {secret}"}


def operations(document: dict[str, Any]) -> Iterator[tuple[str, str, str | None]]:
    """Method, path and scope; where one is asked for, the question is about nothing that is there, and a wrong one."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            (need,) = operation.get("security", [{"bearer": [None]}])
            (scope,) = need["bearer"] or ["caller"]
            yield method.upper(), path.replace("{id}", "nosuch") + ("" if scope is None else "?no=such"), scope


async def called(api: Rig, method: str, path: str, headers: dict[str, str]) -> httpx.Response:
    content = b"" if method in {"GET", "DELETE"} else b'{"no": "such field"}'
    return await api.http.request(method, path, headers=headers, content=content)


async def test_every_route_is_for_those_who_have_its_scope(rig: MakeRig) -> None:
    async with rig() as api:
        document = (await api.http.get("/schema/openapi.json")).json()
        held = {scope: await api.key(scope, name=scope.lower()) for scope in SCOPES}
        expired = await api.key(*SCOPES, name="old", valid_for=timedelta(0))
        walked: set[str | None] = set()
        for method, path, scope in operations(document):
            walked.add(scope)
            where = f"{method} {path}"
            if scope is None:
                assert path in OPEN
                assert (await called(api, method, path, {})).status_code == 200, where
                continue
            nobody = await called(api, method, path, {})
            assert nobody.status_code == 401, where
            assert nobody.headers["WWW-Authenticate"] == 'Bearer realm="waterclock"'
            assert nobody.headers["Content-Type"] == "application/problem+json"
            own = held[scope] if scope in held else held["list"]
            for wrong in (WRONG, own[:-1] + "0" * (own[-1] != "0"), expired, "a.b.c", "wck_x"):
                refused = await called(api, method, path, bearer(wrong))
                assert refused.status_code == 401, where
                assert 'error="invalid_token"' in refused.headers["WWW-Authenticate"]
            for other, secret in held.items():
                answer = await called(api, method, path, bearer(secret))
                if other in {scope, "admin"} or scope == "caller":
                    assert answer.status_code not in {401, 403, 500, 503}, where
                else:
                    assert answer.status_code == 403, where
                    assert method == "HEAD" or f"scope '{scope}'" in answer.json()["detail"]
                    assert f'error="insufficient_scope", scope="{scope}"' in answer.headers["WWW-Authenticate"]
        assert walked == {None, "caller", *SCOPES}
        for path in ASSETS:
            assert (await api.http.get(path)).status_code == 200


async def test_a_route_that_declares_no_scope_is_for_administrators(rig: MakeRig) -> None:
    @get("/forgotten")
    async def forgotten() -> dict[str, str]:
        return {}

    async with rig() as api:
        reader, admin = await api.key("list", "query"), await api.key("admin")
        app = Litestar(
            [forgotten],
            before_request=admit,
            state=State({ACCESS: api.parts.access, OUTAGES: api.parts.outages}, deep_copy=False),
            exception_handlers={Exception: to_response},
            openapi_config=None,
        )
        transport = httpx.ASGITransport(app=app)  # pyright: ignore[reportArgumentType]
        async with httpx.AsyncClient(transport=transport, base_url="http://waterclock") as http:
            assert (await http.get("/forgotten")).status_code == 401
            assert (await http.get("/forgotten", headers=bearer(reader))).status_code == 403
            assert (await http.get("/forgotten", headers=bearer(admin))).status_code == 200


def test_the_docs_tell_the_scope_of_every_route() -> None:
    text = (README.parent / "docs/reference/access.md").read_text()
    told = {
        (method, path): scope
        for scope, method, path in re.findall(r"^\| `(\w+)` \| `(\w+) (\S+)` \|", text, re.MULTILINE)
    }
    declared: dict[tuple[str, str], str] = {}
    for handler in ROUTES:
        spec: Spec = handler.opt["spec"]
        (method,), (path,) = handler.http_methods, handler.paths
        if spec.scope not in ("open", "caller", "probe"):
            declared[str(method), re.sub(r"\{\w+:str\}", "{id}", path).removeprefix("/v1/monitor")] = spec.scope

    assert told == declared


async def test_nobody_is_asked_until_there_is_a_key_and_everybody_from_then_on(rig: MakeRig) -> None:
    async with rig() as api:
        assert (await api.http.get(JOBS)).status_code == 200
        secret = await api.key("list")
        assert (await api.http.get(JOBS)).status_code == 401
        assert (await api.http.get(JOBS, headers=bearer(secret))).status_code == 200
        async with api.parts.reading() as connection:
            await api_keys.revoke(connection, "tester")
        await api.parts.access.keyring.read()
        assert (await api.http.get(JOBS)).status_code == 401
        answer = await api.http.get(JOBS, headers=bearer(secret))
        assert (answer.status_code, answer.json()["detail"]) == (401, "The API key was revoked.")
        async with api.parts.reading() as connection:
            await connection.execute("TRUNCATE api_keys")
        await api.parts.access.keyring.read()
        assert (await api.http.get(JOBS)).status_code == 401


async def test_a_change_of_keys_is_known_without_a_word(rig: MakeRig) -> None:
    async with rig() as api:
        secret = await api.key("list")
        async with api.parts.reading() as connection:
            await api_keys.revoke(connection, secret.split("_")[1])

        async def refused() -> bool:
            return (await api.http.get(JOBS, headers=bearer(secret))).status_code == 401

        await until(refused, within=30, what="the revoked key refused")


async def test_when_a_key_was_used_is_noted(rig: MakeRig) -> None:
    async with rig() as api:
        used, unused = await api.key("list", name="used"), await api.key("list", name="unused")
        await api.http.get(JOBS, headers=bearer(used))
        await api.http.get(JOBS, headers=bearer(unused[:-4] + "zzzz"))
        await api.parts.access.keyring.note_used()
        async with api.parts.reading() as connection:
            noted = {key.name: key.last_used_at is not None for key in await api_keys.all_keys(connection)}
        assert noted == {"used": True, "unused": False}


@pytest.mark.parametrize(
    ("proxies", "address"),
    [((), "127.0.0.1"), (("127.0.0.0/8", "10.0.0.0/8"), "203.0.113.7"), (("10.0.0.0/8",), "127.0.0.1")],
)
async def test_events_tell_who_did_it_and_from_where(rig: MakeRig, proxies: tuple[str, ...], address: str) -> None:
    async with rig(proxies=proxies) as api:
        await api.worker()
        secret = await api.key("add", "export", name="deployer")
        headers = bearer(secret) | {"X-Forwarded-For": "198.51.100.1, 203.0.113.7, 10.1.2.3"}
        assert (await api.http.post(JOBS, json=JOB, headers=headers)).status_code == 201
        await api.caught_up()
        events = (await api.http.get("/v1/monitor/events?type=job.created", headers=bearer(secret))).json()["items"]
        assert [event["actor"] for event in events] == [f"key:deployer@{address}"]


async def test_an_idempotency_key_is_a_callers_own(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        first, second = await api.key("add", name="first"), await api.key("add", name="second")
        again = await api.key("add", name="first")
        same = {"Idempotency-Key": "k"}
        made = await api.http.post(JOBS, json=JOB, headers=bearer(first) | same)
        repeated = await api.http.post(JOBS, json=JOB, headers=bearer(again) | same)
        others = await api.http.post(JOBS, json=JOB, headers=bearer(second) | same)
        assert (made.status_code, repeated.status_code, others.status_code) == (201, 201, 409)
        assert repeated.json()["id"] == made.json()["id"]


async def test_a_stream_asks_for_credentials_too(rig: MakeRig) -> None:
    async with rig() as api, served(api) as url:
        await api.worker()
        job = await api.create()
        secret = await api.key("query")
        path = f"{url}{JOBS}/{job['id']}/logs/stream"
        async with httpx.AsyncClient() as http:
            assert (await http.get(path)).status_code == 401
        async with stream(path, after="0", headers=bearer(secret)) as events:
            assert (await events.next()).kind == "job.created"


async def test_what_methods_there_are_is_told_to_everybody_and_nothing_else(rig: MakeRig) -> None:
    async with rig() as api:
        await api.key("list")
        document = (await api.http.get("/schema/openapi.json")).json()
        for path, methods in document["paths"].items():
            answer = await api.http.options(path.replace("{id}", "nosuch"))
            assert (answer.status_code, answer.content) == (204, b""), path
            told = {method.strip() for method in answer.headers["Allow"].split(",")}
            assert told == {*(method.upper() for method in methods), "OPTIONS"}
            assert not [name for name in answer.headers if name.startswith("access-control")]
        wrong = await api.http.request("PATCH", JOBS)
        assert (wrong.status_code, wrong.json()["type"]) == (405, "/problems#method-not-allowed")
        assert "GET" in wrong.headers["Allow"]
        assert "HEAD" in wrong.headers["Allow"]
        assert (await api.http.head(f"{JOBS}/nosuch/trigger")).status_code == 405


class Later(SystemClock):
    """A clock that is set forward by hand."""

    by = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.by


async def test_without_postgres_keys_are_good_for_five_minutes(
    redis_url: str, own_postgres: OwnPostgres, key_prefix: str
) -> None:
    preview, asked = "/v1/monitor/schedules/preview", {"cronExpression": "* * * * *"}
    clock = Later()
    postgres = await own_postgres()
    await migrate(postgres.url)
    async with assembled_rig(redis_url, postgres.url, key_prefix, clock=clock) as api:
        good = bearer(await api.key("query"))

        async def status(headers: dict[str, str]) -> int:
            return (await api.http.post(preview, json=asked, headers=headers)).status_code

        assert (await status(good), await status(bearer(WRONG))) == (200, 401)
        await postgres.kill()
        clock.by += BOUND - 100
        assert (await status(good), await status(bearer(WRONG))) == (200, 401)
        clock.by += 101
        refused = await api.http.post(preview, json=asked, headers=good)
        assert (refused.status_code, refused.json()["type"]) == (503, "/problems#credentials-unknown")
        assert int(refused.headers["Retry-After"]) >= 1
        assert await status(bearer(WRONG)) == 503
        await postgres.start()

        async def back() -> bool:
            return await status(good) == 200

        await until(back, within=60, what="the key good again")
        assert await status(bearer(WRONG)) == 401


async def test_a_verb_and_doctor_say_what_is_wrong_with_the_key(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    async with rig() as api, served(api) as url:
        reader, expired = await api.key("query", name="reader"), await api.key("list", valid_for=timedelta(0))
        lister = await api.key("list", name="lister")
        terminal = Terminal(url)
        for secret, said in (
            (None, "Authentication required: set WATERCLOCK_API_KEY"),
            (WRONG, "Unknown API key. (WATERCLOCK_API_KEY)"),
            (expired, "The API key has expired. (WATERCLOCK_API_KEY)"),
            (reader, "Forbidden: API key 'reader' lacks the scope 'list'. (WATERCLOCK_API_KEY)"),
        ):
            monkeypatch.delenv("WATERCLOCK_API_KEY", raising=False)
            if secret is not None:
                monkeypatch.setenv("WATERCLOCK_API_KEY", secret)
            done = await terminal.run(job, "list")
            assert (done.exit_code, said in done.output, len(done.output.splitlines())) == (1, True, 1), done.output
        monkeypatch.setenv("WATERCLOCK_API_KEY", lister)
        assert (await terminal.run(job, "list")).exit_code == 0
        for secret, level, said in (
            (None, "warning", "none is set"),
            (expired, "problem", "The API key has expired."),
            (reader, "ok", "it lacks the scope list"),
            (lister, "ok", "accepted, or"),
        ):
            (found,) = [one async for one in of_api(url, secret) if one.check == "API key"]
            assert (found.level, said in found.said) == (level, True), found
