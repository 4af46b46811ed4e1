"""TLS to Redis and Postgres by URL, and what is said where it comes to nothing: one line, which names the setting.

The embedded servers are built without TLS; it is spoken before them.
"""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import Generator
from pathlib import Path
from typing import NamedTuple
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import BestAvailableEncryption, Encoding, PrivateFormat

from tests.integration.test_doctor import asked
from tests.support.certificates import DAY, Authority, Identity
from tests.support.installation import clean_environment
from tests.support.servers import Shared, fresh_database
from tests.support.terminator import Terminator, terminated
from waterclock.log.client import Log, LogSettings
from waterclock.log.connection.errors import LogError
from waterclock.store.connection.errors import StoreUnfit
from waterclock.store.connection.migrate import migrate
from waterclock.store.connection.pool import open_pool
from waterclock_dev.servers.ports import LOOPBACK

PATIENCE = 2.0  # s for a handshake that is never answered
PASSWORD = "unspeakable"
ELSEWHERE = ("db.example",)


class Papers(NamedTuple):
    """Who is who in these tests."""

    ca: Authority
    other: Authority
    server: Identity
    client: Identity
    stranger: Identity
    sealed: Path

    def fill(self, options: str) -> str:
        return options.format(
            ca=self.ca.file,
            other=self.other.file,
            cert=self.client.certificate,
            key=self.client.key,
            stranger=self.stranger.certificate,
            strange_key=self.stranger.key,
            sealed=self.sealed,
            text=__file__,
        )


@pytest.fixture(scope="module")
def papers(tmp_path_factory: pytest.TempPathFactory) -> Papers:
    folder = tmp_path_factory.mktemp("papers")
    ca, other = Authority(folder), Authority(folder, "other")
    sealed = folder / "sealed.key"
    key = ec.generate_private_key(ec.SECP256R1())
    sealed.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, BestAvailableEncryption(b"a pass phrase")))
    return Papers(ca, other, ca.issue("server"), ca.issue("client"), other.issue("stranger"), sealed)


@pytest.fixture(scope="module")
def database(postgres_server: Shared, postgres_template: str) -> Generator[str]:
    with fresh_database(postgres_server, template=postgres_template) as url:
        yield url


@pytest.fixture
def shown(request: pytest.FixtureRequest, papers: Papers) -> Identity:
    """The certificate of the server: a good one, unless a test asks for another."""
    match getattr(request, "param", "good"):
        case "of another name":
            return papers.ca.issue("misnamed", ELSEWHERE)
        case "expired":
            return papers.ca.issue("expired", lasts=-DAY)
        case _:
            return papers.server


@pytest.fixture
def redis(redis_url: str, shown: Identity) -> Generator[Terminator]:
    with terminated(port_of(redis_url), shown) as one:
        yield one


@pytest.fixture
def postgres(database: str, shown: Identity) -> Generator[Terminator]:
    with terminated(port_of(database), shown, postgres=True) as one:
        yield one


def port_of(url: str) -> int:
    port = urlsplit(url).port
    assert port is not None
    return port


def redis_at(port: int, options: str, scheme: str = "rediss") -> str:
    return f"{scheme}://:{PASSWORD}@{LOOPBACK}:{port}/0?{options}"


def postgres_at(url: str, port: int, options: str) -> str:
    at = urlsplit(url)
    return at._replace(netloc=f"{at.username}:{at.password}@{LOOPBACK}:{port}", query=options).geturl()


async def refusal(url: str) -> str:
    with pytest.raises(LogError) as caught:
        await Log.reach(LogSettings(url=url, timeout=PATIENCE), role="test")
    return str(caught.value)


async def unfitness(url: str) -> str:
    with pytest.raises(StoreUnfit) as caught:
        await open_pool(url, name="test")
    with pytest.raises(StoreUnfit, match=re.escape(str(caught.value))):
        await migrate(url)
    return str(caught.value)


REFUSED = "has a certificate that is not accepted: "
VERIFYING = "ssl_ca_certs={ca}"
REDIS_REFUSALS = [
    ("good", "ssl_ca_certs={other}", f"{REFUSED}unable to get local issuer certificate"),
    ("good", "", REFUSED),
    ("of another name", VERIFYING, f"{REFUSED}IP address mismatch, certificate is not valid for '127.0.0.1'"),
    ("expired", VERIFYING, f"{REFUSED}certificate has expired"),
    ("good", "ssl_ca_certs=/none.crt", "ssl_ca_certs: /none.crt: No such file or directory"),
    ("good", "ssl_ca_certs={text}", "ssl_ca_certs: no certificate"),
    ("good", "ssl_certfile={cert}&ssl_keyfile={strange_key}", "ssl_certfile or ssl_keyfile: key values mismatch"),
    ("good", "ssl_certfile={cert}&ssl_keyfile={sealed}", "sealed.key: is protected by a passphrase"),
    ("good", "ssl_keyfile={key}", "ssl_keyfile is given without ssl_certfile"),
    ("good", "ssl_cert_reqs=CERT_NONE", "ssl_cert_reqs must be one of required, optional, none"),
    ("good", "ssl_ca_cert={ca}", "unknown option ssl_ca_cert; known options: ssl_ca_certs, "),
    ("good", "ssl_min_version=5", "ssl_min_version: "),
    ("good", "ssl_ciphers=none", "ssl_ciphers: no cipher can be selected"),
    ("good", "tls=yes", "unknown option tls"),
]


@pytest.mark.parametrize(("shown", "options", "said"), REDIS_REFUSALS, indirect=["shown"])
async def test_what_is_wrong_with_tls_to_redis_is_said(
    redis: Terminator, papers: Papers, options: str, said: str
) -> None:
    found = await refusal(redis_at(redis.port, papers.fill(options)))

    assert said in found
    assert "WATERCLOCK_REDIS_URL" in found
    assert PASSWORD not in found
    assert "\n" not in found


async def test_a_port_that_speaks_otherwise_is_told(redis: Terminator, redis_url: str) -> None:
    plain = await refusal(redis_at(redis.port, "", "redis"))
    assert "does it require TLS? WATERCLOCK_REDIS_URL: rediss://" in plain
    found = await refusal(redis_at(redis.port, "ssl_ca_certs=/a", "redis"))
    assert found == "WATERCLOCK_REDIS_URL: the option ssl_ca_certs needs TLS: use rediss://"
    found = await refusal(redis_at(port_of(redis_url), ""))  # a hello that holds a line's end is answered, another not
    assert "does not use TLS: " in found or "does it use TLS and require a client certificate?" in found
    assert "WATERCLOCK_REDIS_URL: rediss://" in found


async def test_whom_the_system_believes_counts_unless_authorities_are_named(
    redis: Terminator, papers: Papers, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(papers.ca.file))
    url = f"rediss://{LOOPBACK}:{redis.port}/0"
    log = await Log.reach(LogSettings(url=url), role="test")
    await log.close()
    assert REFUSED in await refusal(papers.fill(f"{url}?ssl_ca_certs={{other}}"))


async def test_a_url_that_cannot_be_read_shows_no_password() -> None:
    assert await refusal("rediss://me:un/speakable@h/0") == (
        "WATERCLOCK_REDIS_URL: the port is not a number (in a password, write / as %2F)"
    )
    for url in ("postgresql+psycopg://me:unspeakable@h/x", "postgresql://me:unspeakable@[h/x", "me:unspeakable@h/x"):
        found = await unfitness(url)
        assert found.startswith("WATERCLOCK_POSTGRES_URL: must look like postgresql://user:password@host:5432/name")
        assert PASSWORD not in found
    assert await unfitness("postgresql://h/x?sslmod=require") == (
        'WATERCLOCK_POSTGRES_URL: invalid URI query parameter: "sslmod"'
    )


FULL = "sslmode=verify-full&sslrootcert={ca}"
POSTGRES_REFUSALS = [
    ("good", "sslmode=verify-full&sslrootcert={other}", "verify failed: unable to get local issuer certificate"),
    ("good", "sslmode=verify-full&sslrootcert=system", "verify failed: unable to get local issuer certificate"),
    ("good", "sslmode=verify-full&sslrootcert=/none.crt", 'root certificate file "/none.crt" does not exist'),
    ("of another name", FULL, 'does not match host name "127.0.0.1"'),
    ("expired", FULL, "verify failed: certificate has expired (see sslrootcert)"),
    ("good", "sslmode=disable", "server closed the connection"),
    ("good", "sslmode=verify-fully", 'invalid sslmode value: "verify-fully"'),
]


@pytest.mark.parametrize(("shown", "options", "said"), POSTGRES_REFUSALS, indirect=["shown"])
async def test_what_is_wrong_with_tls_to_postgres_is_said(
    postgres: Terminator, database: str, papers: Papers, options: str, said: str
) -> None:
    url = postgres_at(database, postgres.port, papers.fill(options))
    found = await unfitness(url)

    assert said in found
    assert found.startswith("Cannot connect to Postgres (WATERCLOCK_POSTGRES_URL): ")
    assert str(urlsplit(database).password) not in found
    assert "\n" not in found


async def test_postgres_without_tls_is_told(database: str) -> None:
    found = await unfitness(f"{database}?sslmode=require")
    assert "server does not support SSL, but SSL was required" in found


async def test_clients_show_their_certificates(redis_url: str, database: str, papers: Papers) -> None:
    with (
        terminated(port_of(redis_url), papers.server, clients=papers.ca.file) as redis,
        terminated(port_of(database), papers.server, clients=papers.ca.file, postgres=True) as postgres,
    ):
        mutual = papers.fill("ssl_ca_certs={ca}&ssl_certfile={cert}&ssl_keyfile={key}")
        log = await Log.reach(LogSettings(url=f"rediss://localhost:{redis.port}/0?{mutual}"), role="test")
        await log.close()
        url = postgres_at(database, postgres.port, papers.fill(f"{FULL}&sslcert={{cert}}&sslkey={{key}}"))
        pool = await open_pool(url, name="test", max_size=1)
        await pool.close()
        assert set(redis.peers) == set(postgres.peers) == {"client"}
        for options in (VERIFYING, "ssl_ca_certs={ca}&ssl_certfile={stranger}&ssl_keyfile={strange_key}"):
            found = await refusal(redis_at(redis.port, papers.fill(options)))
            assert "WATERCLOCK_REDIS_URL: " in found
            assert "ssl_certfile)" in found


async def test_doctor_says_whom_the_stores_are_believed_to_be(
    redis: Terminator, postgres: Terminator, redis_url: str, key_prefix: str, database: str, papers: Papers
) -> None:
    _, _, out = await asked(redis_url, key_prefix, database)
    assert "Redis is reached without TLS" in out
    assert "Postgres is reached without TLS" in out

    url = f"rediss://{LOOPBACK}:{redis.port}/0"
    trusting = postgres_at(database, postgres.port, "sslmode=require")
    code, troubles, out = await asked(f"{url}?ssl_cert_reqs=none", key_prefix, trusting)
    assert "its certificate is not verified (ssl_cert_reqs=none)" in out
    assert "its certificate is not verified (sslmode=require)" in troubles["encryption"]

    verifying = postgres_at(database, postgres.port, papers.fill(FULL))
    code, troubles, out = await asked(papers.fill(f"{url}?{VERIFYING}"), key_prefix, verifying)
    assert "encryption" not in troubles
    assert "Redis is reached by TLS, and its certificate is verified" in out
    assert "Postgres is reached by TLS: its certificate matches its name" in out

    code, troubles, out = await asked(papers.fill(f"{url}?ssl_ca_certs={{other}}"), key_prefix, verifying)
    assert code == 2
    assert f"{LOOPBACK}:{redis.port} {REFUSED}" in troubles["redis"]


@pytest.mark.parametrize(
    ("verb", "options", "said"),
    [
        ("worker", "ssl_ca_certs={other}", f"Cannot connect to Redis (WATERCLOCK_REDIS_URL): .* {REFUSED}"),
        ("migrate", VERIFYING, "Cannot connect to Postgres (WATERCLOCK_POSTGRES_URL): .* certificate verify failed: "),
    ],
)
async def test_a_process_that_refuses_a_store_says_one_line_and_ends(
    redis: Terminator, postgres: Terminator, database: str, papers: Papers, verb: str, options: str, said: str
) -> None:
    wrong = postgres_at(database, postgres.port, papers.fill("sslmode=verify-full&sslrootcert={other}"))
    env = clean_environment() | {
        "WATERCLOCK_REDIS_URL": redis_at(redis.port, papers.fill(options)),
        "WATERCLOCK_POSTGRES_URL": wrong,
    }
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "waterclock.cli", verb), env=env, stderr=asyncio.subprocess.PIPE
    )
    async with asyncio.timeout(60):
        _, errors = await process.communicate()

    assert process.returncode == 2
    (line,) = errors.decode().splitlines()
    assert re.match(f"waterclock {verb}: {said.replace('(', '[(]').replace(')', '[)]')}", line), line
    assert PASSWORD not in line
    assert str(urlsplit(database).password) not in line
