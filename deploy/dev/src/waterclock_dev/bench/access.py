"""What it costs to know who asks: triggers answered by API processes that differ in nothing but whom they let in."""

import json
import statistics
import time
from collections.abc import Mapping, Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import jwt
import msgspec
from cryptography.hazmat.primitives.asymmetric import ec
from jwt.algorithms import ECAlgorithm

from waterclock.store import api_keys
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import open_pool
from waterclock_api.access.secret import new_secret
from waterclock_dev.bench.http_load import send
from waterclock_dev.bench.stage import staged
from waterclock_dev.bench.trigger import JOB, PATH, WARM, Served, served
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.server import Server

NOBODY, KEY, LIMITED, TOKEN = KINDS = "nobody is asked", "key", "key, limits", "token, limits"
_BOUNDLESS = {"WATERCLOCK_RATE_LIMIT": "0", "WATERCLOCK_RATE_LIMIT_ADDRESS": "0"}
_BOUNDED = {"WATERCLOCK_RATE_LIMIT": "1000000", "WATERCLOCK_RATE_LIMIT_ADDRESS": "1000000"}
"""Counted, and never refused."""


class Asked(msgspec.Struct, frozen=True, kw_only=True):
    """Each round, by kind of caller."""

    rounds: Sequence[Mapping[str, Served]]

    def rate(self, kind: str) -> float:
        return statistics.median(one[kind].rate for one in self.rounds)

    def ratio(self, kind: str) -> float:
        return statistics.median(one[kind].rate / one[NOBODY].rate for one in self.rounds)

    def spent(self, kind: str) -> float | None:
        """Processor seconds a request; None where the system does not tell."""
        found = [spent for one in self.rounds if (spent := one[kind].spent) is not None]
        return statistics.median(found) if found else None


async def measure(*, requests: int, rounds: int) -> Asked:
    """All on one log, one after the other in each round; nobody claims the runs, nobody projects them."""
    with TemporaryDirectory(prefix="waterclock-bench-", ignore_cleanup_errors=True) as folder:
        async with AsyncExitStack() as running:
            stage = await running.enter_async_context(staged())
            stores = [
                await running.enter_async_context(Server(Postgres(data=Path(folder) / name)))
                for name in ("open", "keyed")
            ]
            for store in stores:
                await migrate(store.url)
            await stage.job(JOB, "demo.noop", concurrent="0")
            key, (token, issuer) = await _keyed(stores[1].url), _issued(Path(folder) / "jwks.json")
            kinds: tuple[tuple[str, str, str | None, Mapping[str, str]], ...] = (
                (NOBODY, stores[0].url, None, {}),
                (KEY, stores[1].url, key, _BOUNDLESS),
                (LIMITED, stores[1].url, key, _BOUNDED),
                (TOKEN, stores[1].url, token, _BOUNDED | issuer),
            )
            asked: dict[str, tuple[int, str, str | None]] = {}
            for kind, store_url, bearer, env in kinds:
                port = free_port()
                api = await running.enter_async_context(stage.api(store_url, port=port, env=env))
                asked[kind] = (api.pid, f"http://{LOOPBACK}:{port}/v1/monitor{PATH}", bearer)
                await send(asked[kind][1], count=WARM, bearer=bearer)
            return Asked(
                rounds=[
                    {
                        kind: await served(pid, url, requests, bearer=bearer)
                        for kind, (pid, url, bearer) in asked.items()
                    }
                    for _ in range(rounds)
                ]
            )


async def _keyed(postgres_url: str) -> str:
    """A key that may run."""
    secret = new_secret()
    async with await open_pool(postgres_url, name="bench", max_size=1) as pool, pool.connection() as connection:
        await api_keys.add(
            connection,
            key_id=secret.key_id,
            name="bench",
            secret_sha256=secret.sha256,
            scopes=["run"],
            valid_for=None,
        )
    return secret.text


def _issued(jwks: Path) -> tuple[str, dict[str, str]]:
    """A token that may run, and the settings by which it is good."""
    signer = ec.generate_private_key(ec.SECP256R1())
    shown = json.loads(ECAlgorithm.to_jwk(signer.public_key())) | {"kid": "bench", "use": "sig"}
    jwks.write_text(json.dumps({"keys": [shown]}), "utf-8")
    claims = {"iss": "bench", "aud": "bench", "sub": "bench", "scope": "run", "exp": int(time.time()) + 86_400}
    names = {"ISSUER": "bench", "AUDIENCE": "bench", "JWKS": str(jwks)}
    token = jwt.encode(claims, signer, "ES256", headers={"kid": "bench"})
    return token, {f"WATERCLOCK_JWT_{name}": value for name, value in names.items()}
