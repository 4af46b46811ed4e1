"""Servers as fixtures. One of each runs for a pytest process (a worker of xdist); what they hold is a test's own."""

import gc
import secrets
import signal
from collections.abc import Generator, Iterator
from typing import Any
from urllib.parse import urlsplit

import hypothesis
import pytest

from tests.support import servers
from tests.support.reports import with_bytes
from tests.support.servers import Bucket, OwnPostgres, OwnServers, OwnValkey, Shared

hypothesis.settings.register_profile("ours", deadline=None)  # a deadline measures the machine
hypothesis.settings.load_profile("ours")


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, Any, Any]:
    """Thousands of tests and their modules stay to the end: no collection of cycles looks through them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Generator[None, Any, Any]:
    return with_bytes((yield))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    if "not browser" in config.option.markexpr:
        left = "Left out by WITHOUT=browser: the tests of the console in a browser (tests/e2e/console)."
        terminalreporter.write_line(left, yellow=True)


@pytest.fixture(autouse=True)
def hangups() -> Iterator[None]:
    """A service leaves SIGHUP ignored, as its process is about to end; that of the tests, and its children, are not."""
    before = signal.getsignal(signal.SIGHUP)
    yield
    if signal.getsignal(signal.SIGHUP) is not before:
        signal.signal(signal.SIGHUP, before)


@pytest.fixture
def key_prefix() -> str:
    """A prefix of keys no other test has: the `wc` of this one."""
    return f"t{secrets.token_hex(5)}"


@pytest.fixture
def redis_url(valkey_server: Shared) -> str:
    """An empty Valkey; where the environment names the server it is not emptied, so mind `key_prefix`."""
    servers.empty(valkey_server)
    return valkey_server.url


@pytest.fixture
def any_redis_url(redis_server: Shared) -> str:
    """As `redis_url`, and the test runs on Valkey and on Redis."""
    servers.empty(redis_server)
    return redis_server.url


@pytest.fixture
def redis_cluster_urls(redis_cluster: tuple[Shared, Shared]) -> tuple[str, str]:
    """Two empty masters of one cluster, with the slots 0–8191 and 8192–16383."""
    for master in redis_cluster:
        servers.empty(master)
    first, second = redis_cluster
    return first.url, second.url


@pytest.fixture
def postgres_url(postgres_server: Shared) -> Iterator[str]:
    """An empty database."""
    with servers.fresh_database(postgres_server) as url:
        yield url


@pytest.fixture
def migrated_postgres_url(postgres_server: Shared, postgres_template: str) -> Iterator[str]:
    """A database with our schema and nothing in it."""
    with servers.fresh_database(postgres_server, template=postgres_template) as url:
        yield url


@pytest.fixture
def s3(s3_server: Shared) -> Bucket:
    """An empty bucket, its endpoint and keys."""
    return servers.fresh_bucket(s3_server)


@pytest.fixture
def own_servers() -> Iterator[OwnServers]:
    """Starts servers of the test's own, embedded ones always: to be killed, started again, set otherwise."""
    with servers.own_servers() as own:
        yield own


@pytest.fixture
def own_valkey(own_servers: OwnServers) -> OwnValkey:
    """`server = await own_valkey()`: a Valkey of the test's own, where every write is on disk when it is answered."""
    return own_servers.valkey


@pytest.fixture
def own_postgres(own_servers: OwnServers) -> OwnPostgres:
    """`server = await own_postgres()`: a Postgres of the test's own."""
    return own_servers.postgres


@pytest.fixture(scope="session")
def valkey_server() -> Iterator[Shared]:
    with servers.shared_valkey() as server:
        yield server


@pytest.fixture(scope="session")
def other_redis_server() -> Iterator[Shared]:
    with servers.shared_redis() as server:
        yield server


@pytest.fixture(scope="session", params=["valkey", "redis"])
def redis_server(request: pytest.FixtureRequest) -> Shared:
    name = "valkey_server" if request.param == "valkey" else "other_redis_server"
    server: Shared = request.getfixturevalue(name)
    return server


@pytest.fixture(scope="session")
def redis_cluster() -> Iterator[tuple[Shared, Shared]]:
    with servers.shared_cluster() as masters:
        yield masters


@pytest.fixture(scope="session")
def postgres_server() -> Iterator[Shared]:
    with servers.shared_postgres() as server:
        yield server


@pytest.fixture(scope="session")
def postgres_template(postgres_server: Shared) -> Iterator[str]:
    """The name of a migrated database: to copy it is quicker than to migrate again."""
    from waterclock.store.connection.migrate import migrate

    with servers.fresh_database(postgres_server) as url:
        servers.wait_for(migrate(url))
        yield urlsplit(url).path.removeprefix("/")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[Shared]:
    with servers.shared_s3() as server:
        yield server
