"""The embedded servers, and the fixtures that hand them to other tests."""

import contextlib
import os
import signal
import socket
import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import aioboto3
import msgspec
import psycopg
import pytest
from botocore.config import Config
from redis.asyncio import Redis
from redis.exceptions import AuthenticationError, ResponseError

from tests.support.servers import Bucket, OwnPostgres, OwnServers, OwnValkey, redis_server
from waterclock_dev.servers import server as servers
from waterclock_dev.servers.children import Child
from waterclock_dev.servers.ports import LOOPBACK, free_port
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.s3 import S3
from waterclock_dev.servers.server import Server, ServerError
from waterclock_dev.servers.valkey import Valkey

ELSEWHERE = {
    "PGSSLMODE": "require",
    "PGSERVICE": "work",
    "PGHOSTADDR": "203.0.113.9",
    "PGOPTIONS": "-csearch_path=app",
    "PGCLIENTENCODING": "LATIN1",
}
BINARIES = pytest.mark.parametrize("binary", [None, redis_server()], ids=["valkey", "redis"])


@BINARIES
async def test_what_a_valkey_acknowledged_survives_its_sudden_end(own_valkey: OwnValkey, binary: Path | None) -> None:
    server = await own_valkey(binary=binary)
    url, pid = server.url, server.pid
    async with redis_client(url) as client:
        await client.set("tide", "high")

    await server.kill()
    await server.start()

    assert (server.url, server.pid) != (url, pid)
    assert server.url == url
    async with redis_client(url) as client:
        assert await client.get("tide") == "high"
        assert (await client.config_get("maxmemory-policy"))["maxmemory-policy"] == "noeviction"


def shown_of(pid: int) -> bytes:
    """What others can see of a process, and its own user."""
    return b"".join(Path(f"/proc/{pid}/{name}").read_bytes() for name in ("cmdline", "environ"))


def modes_in(folder: Path) -> dict[str, int]:
    return {path.name: path.stat().st_mode for path in folder.iterdir() if path.is_file()}


@BINARIES
async def test_a_secured_valkey_takes_its_password_and_no_one_else_sees_it(tmp_path: Path, binary: Path | None) -> None:
    secured = Valkey(data=tmp_path / "valkey", secured=True)
    async with Server(secured if binary is None else msgspec.structs.replace(secured, binary=binary)) as server:
        first = server.url
        async with redis_client(first) as client:
            await client.set("tide", "high")
        for url in (first.replace(secured.password, "guessed"), f"redis://{LOOPBACK}:{server.port}/0"):
            async with redis_client(url) as client:
                with pytest.raises(AuthenticationError):
                    await client.get("tide")
        assert secured.password.encode() not in shown_of(server.pid)
        await server.kill()
        await server.start()
        assert server.url == first
        async with redis_client(first) as client:
            assert await client.get("tide") == "high"
    beside = modes_in(tmp_path)
    assert beside.keys() >= {"valkey.password", "valkey.conf"}
    assert {mode & 0o077 for mode in beside.values()} == {0}


async def test_what_a_postgres_committed_survives_its_sudden_end(own_postgres: OwnPostgres) -> None:
    server = await own_postgres()
    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        await connection.execute("CREATE TABLE tides (height int)")
        await connection.execute("INSERT INTO tides VALUES (7)")

    await server.kill()
    await server.start()

    async with await psycopg.AsyncConnection.connect(server.url) as connection:
        found = await connection.execute("SELECT height FROM tides")
        assert await found.fetchall() == [(7,)]


async def test_the_pid_of_a_postgres_is_the_postmasters_under_folders_closed_to_others(
    own_postgres: OwnPostgres,
) -> None:
    server = await own_postgres()
    written = (server.program.data / "postmaster.pid").read_text().splitlines()
    assert int(written[0]) == server.pid
    assert server.program.data.parent.stat().st_mode & 0o777 == 0o700


async def test_a_stale_pid_file_that_names_a_living_process_does_not_stop_a_postgres(own_postgres: OwnPostgres) -> None:
    server = await own_postgres()
    await server.kill()
    pid_file = server.program.data / "postmaster.pid"
    stale = pid_file.read_text().splitlines()
    pid_file.write_text("\n".join([str(os.getpid()), *stale[1:]]) + "\n")

    await server.start()

    assert server.running


async def test_a_half_made_data_folder_is_made_anew_whatever_the_shell_says_of_other_servers(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "postgres.new").mkdir()
    (tmp_path / "postgres.new" / "PG_VERSION").write_text("18\n", "ascii")
    for name, value in ELSEWHERE.items():
        monkeypatch.setenv(name, value)
    async with Server(Postgres(data=tmp_path / "postgres", durable=False)) as server:
        assert server.running
    assert not ELSEWHERE.keys() & os.environ.keys()

    (tmp_path / "postgres.password").write_text("another", "ascii")
    with pytest.raises(
        ServerError, match=r"refuses us: .* password authentication failed"
    ):  # and not after the deadline
        await server.start(deadline=600)


async def test_objects_survive_a_restart_of_the_store(own_servers: OwnServers) -> None:
    server = await own_servers.s3()
    await server.stop()
    await server.start()
    store = server.program
    bucket = Bucket(endpoint=server.url, bucket=store.bucket, access_key=store.access_key, secret_key=store.secret_key)
    async with s3_client(bucket) as client:
        await client.put_object(Bucket=bucket.bucket, Key="a/b", Body=b"water")

    await server.kill()
    await server.start()

    async with s3_client(bucket) as client:
        found = await client.get_object(Bucket=bucket.bucket, Key="a/b")
        assert await found["Body"].read() == b"water"


async def test_a_server_asked_to_stop_says_goodbye(own_servers: OwnServers) -> None:
    valkey, postgres = await own_servers.valkey(), await own_servers.postgres()
    await valkey.stop()
    await postgres.stop()
    assert (await valkey.exited(), await postgres.exited()) == (0, 0)
    await postgres.stop()  # again: nothing happens


async def test_a_server_that_will_not_stop_is_killed(own_valkey: OwnValkey) -> None:
    server = await own_valkey()
    os.kill(server.pid, signal.SIGSTOP)
    await server.stop(grace=0.1)
    assert await server.exited() == -signal.SIGKILL


async def test_two_servers_never_share_their_data(own_valkey: OwnValkey, monkeypatch: pytest.MonkeyPatch) -> None:
    server = await own_valkey()
    monkeypatch.setattr(servers, "LOCK_WAIT", 0.1)
    second = Server(Valkey(data=server.program.data))
    with pytest.raises(ServerError, match="another server uses"):
        await second.start()


@pytest.mark.parametrize("kind", [Valkey, Postgres, S3])
async def test_a_port_that_is_taken_is_named(tmp_path: Path, kind: type[Valkey | Postgres | S3]) -> None:
    with taken_port() as port:
        server = Server(kind(data=tmp_path / "data"), port=port)
        with pytest.raises(ServerError, match=rf"(?is)port {port}.*address already in use"):
            await server.start()
    assert not server.running


@pytest.mark.parametrize("kind", [Valkey, Postgres, S3])
async def test_a_port_lost_to_another_process_is_given_up_for_a_free_one(
    tmp_path: Path, kind: type[Valkey | Postgres | S3], monkeypatch: pytest.MonkeyPatch
) -> None:
    with taken_port() as taken:
        ports = iter([taken, free_port()])
        monkeypatch.setattr(servers, "free_port", lambda: next(ports))
        async with Server(kind(data=tmp_path / "data")) as server:
            assert server.port != taken


async def test_a_failed_start_shows_the_end_of_the_log(tmp_path: Path) -> None:
    server = Server(Valkey(data=tmp_path / "valkey", settings={"no-such-setting": "1"}))
    with pytest.raises(ServerError, match=r"(?s)exited with 1.*no-such-setting"):
        await server.start()


async def test_a_server_that_is_never_ready_is_given_up(tmp_path: Path) -> None:
    server = Server(Valkey(data=tmp_path / "valkey", settings={"loglevel": "warning"}))  # it will not say so
    with pytest.raises(ServerError, match=r"did not answer in 0.3 s"):
        await server.start(deadline=0.3)
    assert not server.running


async def test_each_line_of_the_log_is_handed_on(tmp_path: Path) -> None:
    lines: list[str] = []
    async with Server(Valkey(data=tmp_path / "valkey"), on_line=lines.append):
        pass
    assert any("Ready to accept connections" in line for line in lines)


STARTS_AND_IS_KILLED = """
import asyncio, os, pathlib, signal, sys
from waterclock_dev.servers.postgres import Postgres
from waterclock_dev.servers.s3 import S3
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey

async def main() -> None:
    for kind in (Valkey, Postgres, S3):
        await Server(kind(data=pathlib.Path(sys.argv[1]) / kind.__name__)).start()
    os.kill(os.getpid(), signal.SIGKILL)

asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only the Linux kernel tells children of their parent's end")
async def test_servers_end_when_the_process_that_started_them_is_killed(tmp_path: Path) -> None:
    parent = Child([sys.executable, "-c", STARTS_AND_IS_KILLED, str(tmp_path)], name="parent")
    assert await parent.exited() == -signal.SIGKILL, parent.last_lines

    for kind in (Valkey, Postgres, S3):  # a start waits for the end of whoever holds the data, and refuses if it lives
        async with Server(kind(data=tmp_path / kind.__name__)) as server:
            assert server.running


async def test_a_redis_url_is_empty_and_answers(any_redis_url: str, key_prefix: str) -> None:
    async with redis_client(any_redis_url) as client:
        assert await client.dbsize() == 0
        await client.set(f"{key_prefix}:left", "behind")


@pytest.mark.parametrize("again", [1, 2])
async def test_a_postgres_url_is_a_database_of_the_tests_own(postgres_url: str, again: int) -> None:
    async with await psycopg.AsyncConnection.connect(postgres_url) as connection:
        await connection.execute("CREATE TABLE left_behind (n int)")


@pytest.mark.parametrize("again", [1, 2])
async def test_a_migrated_database_has_the_schema_and_no_events(migrated_postgres_url: str, again: int) -> None:
    async with await psycopg.AsyncConnection.connect(migrated_postgres_url) as connection:
        found = await connection.execute("SELECT count(*) FROM events")
        assert await found.fetchone() == (0,)
        await connection.execute("DROP TABLE events CASCADE")


@pytest.mark.parametrize("again", [1, 2])
async def test_a_bucket_is_the_tests_own_and_takes_an_upload_in_parts(s3: Bucket, again: int) -> None:
    part = b"x" * 5 * 2**20
    async with s3_client(s3) as client:
        assert "Contents" not in await client.list_objects_v2(Bucket=s3.bucket)
        at: dict[str, Any] = {"Bucket": s3.bucket, "Key": "big"}
        upload = (await client.create_multipart_upload(**at))["UploadId"]
        sent = [
            {
                "PartNumber": n,
                "ETag": (await client.upload_part(**at, UploadId=upload, PartNumber=n, Body=part))["ETag"],
            }
            for n in (1, 2)
        ]
        await client.complete_multipart_upload(**at, UploadId=upload, MultipartUpload={"Parts": sent})
        assert (await client.head_object(**at))["ContentLength"] == 2 * len(part)


async def test_the_masters_of_the_cluster_each_refuse_the_others_slots(redis_cluster_urls: tuple[str, str]) -> None:
    first, second = redis_cluster_urls
    async with redis_client(first) as one, redis_client(second) as two:
        await two.set("foo", "slot 12182")
        await one.set("bar", "slot 5061")
        with pytest.raises(ResponseError, match="12182"):
            await one.set("foo", "elsewhere")


def redis_client(url: str) -> Any:
    return Redis.from_url(url, decode_responses=True)  # pyright: ignore[reportUnknownMemberType]


def s3_client(bucket: Bucket) -> Any:
    session: Any = aioboto3.Session(aws_access_key_id=bucket.access_key, aws_secret_access_key=bucket.secret_key)
    path = Config(s3={"addressing_style": "path"})
    return session.client("s3", endpoint_url=bucket.endpoint, region_name="us-east-1", config=path)


@contextlib.contextmanager
def taken_port() -> Generator[int]:
    with socket.socket() as holder:
        holder.bind((LOOPBACK, 0))
        holder.listen()
        yield holder.getsockname()[1]
