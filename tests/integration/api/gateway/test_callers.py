"""Who asks, through nginx and Traefik: tokens that callers bring, those of a gateway's own sign-in, and verbs."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.integration.api.access.test_access import bearer
from tests.integration.api.cli.test_verbs_of_jobs import typed, worked
from tests.integration.api.conftest import MakeRig
from tests.integration.api.gateway.test_requests import CLIENT, PROXIES, before, created, from_afar
from tests.integration.api.rig import JOB, JOBS, served
from tests.integration.api.sse import stream
from tests.integration.api.terminal import Terminal
from tests.support.gateways import KINDS, PREFIX, Kind
from tests.unit.api.access.test_jwt import KEYS, settings, token

ALL = "add export list query run"
both = pytest.mark.parametrize("kind", KINDS)


@pytest.fixture
def tokens(tmp_path: Path) -> Any:
    file = tmp_path / "jwks.json"
    file.write_text(json.dumps(KEYS))
    return settings(str(file))


@both
async def test_a_callers_token_goes_through_as_it_is(rig: MakeRig, kind: Kind, tmp_path: Path, tokens: Any) -> None:
    made_up = {"X-Forwarded-For": "203.0.113.7", "X-Forwarded-User": "admin", "X-Remote-User": "admin"}
    async with rig(proxies=PROXIES, tokens=tokens) as api, served(api) as url:
        await api.worker()
        async with before(kind, tmp_path, url) as front, from_afar(front) as http:
            good = token(scope=ALL)
            assert (await http.post(JOBS, json=JOB, headers=made_up)).status_code == 401
            assert (await http.post(JOBS, json=JOB, headers=made_up | bearer(good))).status_code == 201
            assert (await created(api, good))["actor"] == f"jwt:bob@{CLIENT}"
            little = await http.post(JOBS, json=JOB, headers=bearer(token(scope="list")))
            assert little.status_code == 403
            assert little.headers["www-authenticate"].endswith('error="insufficient_scope", scope="add"')
            old = await http.get(JOBS, headers=bearer(token(exp=int(time.time()) - 60)))
            assert (old.status_code, "expired" in old.json()["detail"]) == (401, True)
            twice = await http.get(JOBS, headers=[("Authorization", f"Bearer {good}")] * 2)
            assert twice.status_code in (400, 401)


@both
async def test_a_gateway_makes_a_token_of_its_own_sign_in(
    rig: MakeRig, kind: Kind, tmp_path: Path, tokens: Any
) -> None:
    async with rig(proxies=PROXIES, tokens=tokens) as api, served(api) as url, _sign_in(token(scope=ALL)) as where:
        await api.worker()
        async with before(kind, tmp_path, url, _SIGNING_IN[kind](where)) as front, from_afar(front) as http:
            assert (await http.post(JOBS, json=JOB)).status_code == 401
            brought = bearer(token(sub="mallory", scope="admin"))
            assert (await http.post(JOBS, json=JOB, headers=brought)).status_code == 401
            session = {"Cookie": "session=bob"}
            answer = await http.post(JOBS, json=JOB, headers=session | brought)
            assert answer.status_code == 201
            assert answer.headers["location"] == f"{PREFIX}{JOBS}/{answer.json()['id']}"
            assert (await created(api, token(scope=ALL)))["actor"] == f"jwt:bob@{CLIENT}"
            events = f"{front.url}/v1/monitor/events/stream"
            async with stream(events, after="0", verify=front.tls, headers=session) as heard:
                assert (await heard.until("job.created"))[-1].data["actor"] == f"jwt:bob@{CLIENT}"
            assert (await http.get("/livez")).status_code == 200


async def test_verbs_work_below_the_prefix(
    rig: MakeRig, tmp_path: Path, tokens: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with rig(proxies=PROXIES, tokens=tokens) as api, served(api) as url:
        worker = await api.worker()
        async with before("nginx", tmp_path, url) as front:
            monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "gateway.crt"))
            monkeypatch.setenv("WATERCLOCK_API_KEY", token(scope=ALL))
            terminal = Terminal(front.url)
            await typed(terminal, "job", "create", "demo/tide", "demo.noop")
            async with asyncio.TaskGroup() as tasks:
                working = tasks.create_task(worked(worker))
                followed = await typed(terminal, "job", "trigger", "demo/tide", "--follow")
            assert followed.output.splitlines()[-1].endswith("  succeeded")
            assert "high water" in followed.output
            tailed = await typed(terminal, "tail", "--run", working.result())
            assert tailed.output.splitlines()[-1].endswith("  succeeded")
            assert "demo/tide" in (await typed(terminal, "job", "list")).output
            refused = await typed(terminal, "job", "create", "demo/tide", "demo.noop", code=1)
            assert "Another job of group demo is named tide" in refused.output


@asynccontextmanager
async def _sign_in(token_of_bob: str) -> AsyncGenerator[str]:
    """Knows a session, and the token that belongs to it: what an OIDC proxy is to a gateway."""

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        asked = await reader.readuntil(b"\r\n\r\n")
        known = b"session=bob" in asked
        status = b"200 OK\r\nAuthorization: Bearer " + token_of_bob.encode() if known else b"401 Unauthorized"
        writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0)
    async with server:
        yield "{}:{}".format(*server.sockets[0].getsockname())


def _by_nginx(where: str) -> dict[str, str]:
    """As docs/reference/gateway.md has it."""
    own = "location = /scheduler {"
    return {
        'proxy_set_header Connection "";': 'proxy_set_header Connection ""; proxy_set_header Authorization $bearer;',
        own: f"""set $bearer $http_authorization;
        location = /sign-in {{
            internal;
            proxy_pass http://{where}/verify;
            proxy_pass_request_body off;
            proxy_set_header Content-Length "";
        }}
        location /scheduler/v1/ {{
            auth_request /sign-in;
            auth_request_set $bearer $upstream_http_authorization;
            proxy_pass http://waterclock/v1/;
        }}
        {own}""",
    }


def _by_traefik(where: str) -> dict[str, str]:
    return {
        "  middlewares:\n    slash:": f"""    signed-in:
      entryPoints: [websecure]
      rule: PathPrefix(`/scheduler/v1/`)
      priority: 1000
      middlewares: [sign-in, prefix, compress, again]
      service: waterclock
      tls: {{}}
  middlewares:
    sign-in:
      forwardAuth:
        address: http://{where}/verify
        authResponseHeaders: [Authorization]
    slash:"""
    }


_SIGNING_IN = {"nginx": _by_nginx, "traefik": _by_traefik}
