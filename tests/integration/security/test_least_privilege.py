"""All services as processes, each as its own user of the log and its own role at Postgres: that is all they need."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from redis.asyncio import Redis

from tests.integration.notifier.receiver import LOOPBACK, HttpReceiver, http_receiver
from tests.integration.notifier.test_process import KEY
from tests.support.cluster import start_cluster
from tests.support.roles import Roles, with_roles
from tests.support.servers import OwnServers, Shared, redis_server
from tests.support.services import Place, Services, serving
from tests.support.users import SERVICES, Users, make_users
from tests.support.waiting import until
from waterclock.kit.service import UNFIT
from waterclock_dev.servers.server import Server
from waterclock_dev.servers.valkey import Valkey

NO_RIGHT = ("NOPERM", "permission", "refuses the user", "lacks a right", "must be owner")
"""Words of a refusal: in no line of any process."""


@pytest.fixture
def roles(postgres_server: Shared) -> Iterator[Roles]:
    with with_roles(postgres_server) as made:
        yield made


def place_of(users: Users, url: str, roles: Roles, prefix: str, **told: str) -> Place:
    return Place(
        redis={name: users.url(url, name) for name in SERVICES},
        postgres={name: roles.of(name) for name in ("owner", "api", "projector", "notifier")},
        prefix=prefix,
        told=told,
    )


async def journey(services: Services) -> str:
    """What clients do, of every kind; the id of a job that goes on each second."""
    job = await services.post(
        "/jobs", {"jobName": "tide", "invokeTarget": "demo.steps", "cronExpression": "* * * * * *"}
    )
    at = f"/jobs/{job['id']}"
    run = (await services.post(f"{at}/trigger", {"overlapPolicy": "buffer_one", "params": {"delay": 0}}))["runId"]
    assert (await services.ended_run(run))["status"] == "succeeded"
    assert (await services.http.delete(f"{at}/logs")).status_code == 204
    failing = await services.post("/runs", {"invokeTarget": "demo.fail", "params": {"message": "ebb"}, "delay": 0.2})
    sleeping = await services.post("/runs", {"invokeTarget": "demo.sleep", "params": {"seconds": 600}})
    await services.post(f"/runs/{sleeping['runId']}/cancel")
    assert (await services.ended_run(sleeping["runId"]))["status"] == "cancelled"
    await services.post(f"/runs/{failing['runId']}/cancel")
    assert (await services.ended_run(failing["runId"]))["status"] in {"failed", "cancelled"}
    await services.post("/queues/low/pause")
    await services.post("/queues/low/resume")
    fired = await services.scheduled(job["id"], since=job["createdAt"])
    span = {"from": job["createdAt"], "to": fired["requestedAt"]}
    await services.post(f"{at}/backfill", span | {"dryRun": False})
    answered = await services.http.put(at, json={**job, "jobName": "tides", "remark": "renamed"})
    assert answered.status_code == 200, answered.text
    other = await services.post("/jobs", {"jobName": "ebb", "invokeTarget": "demo.noop"})
    assert (await services.http.put(f"/jobs/{other['id']}/status", json={"status": "1"})).status_code == 200
    assert (await services.http.delete(f"/jobs/{other['id']}")).status_code == 204
    for path in ("/queues", "/workers", "/executors", "/events", f"{at}/explain?from={span['from']}&to={span['to']}"):
        await services.get(path)
    return job["id"]


async def refused_by_rights(place: Place) -> None:
    """What is the owner's to do says so to others, in one line, before it has done anything."""
    for verb, role, *arguments in (
        ("migrate", "api"),
        ("migrate", "notifier"),
        ("rebuild", "projector"),
        ("key", "projector", "create", "--name", "ebb", "--scope", "list"),
        ("restore", "api", "--replace", "--accept-loss"),
    ):
        code, said = await place.ended(verb, *arguments, POSTGRES_URL=place.postgres[role])
        assert code == UNFIT, said
        [line] = said.splitlines()
        assert f"The user waterclock_{role} of WATERCLOCK_POSTGRES_URL lacks a permission: permission denied" in line


async def refused(admin: Any) -> list[Any]:
    """What the server has refused to any user since it started."""
    return await admin.execute_command("ACL", "LOG")


@pytest.mark.parametrize("kind", ["valkey", pytest.param("redis", marks=pytest.mark.soak)])
async def test_services_need_no_more_than_their_users_and_roles(
    own_servers: OwnServers, roles: Roles, tmp_path: Path, key_prefix: str, kind: str
) -> None:
    users = make_users(tmp_path / "users", prefix=key_prefix)
    binary = redis_server() if kind == "redis" else None
    server = await own_servers.valkey(settings={"aclfile": str(users.acl_file)}, binary=binary)
    async with http_receiver() as receiver:
        place = place_of(users, server.url, roles, key_prefix, **telling(tmp_path, receiver))
        async with serving(place, also=["notifier"]) as services:
            await _all_of_it(services, server, users, receiver)
    assert [line for line in services.said.splitlines() if any(words in line for words in NO_RIGHT)] == []


def telling(folder: Path, receiver: HttpReceiver) -> dict[str, str]:
    """What a notifier is told that tells a receiver of runs that failed."""
    hook = f'{{webhook: "{receiver.url}/", secret: "file:{folder}/key"}}'
    rules = f"channels: {{ops: {hook}}}\nrules: [{{name: all, on: [failed, tooLong], channels: [ops]}}]\n"
    (folder / "notices.yaml").write_text(rules)
    (folder / "key").write_text(KEY)
    (folder / "key").chmod(0o600)
    return {"NOTICES": str(folder / "notices.yaml"), "HTTP_ALLOW": LOOPBACK}


async def told_by_the_clock(services: Services, receiver: HttpReceiver) -> None:
    """What no event says: that a run takes longer than was promised."""
    body = {"jobName": "long", "invokeTarget": "demo.sleep", "invokeParams": {"seconds": 600}}
    job = await services.post("/jobs", body | {"promise": {"runsAtMost": "PT1S"}})
    run = await services.post(f"/jobs/{job['id']}/trigger")
    await until_received(receiver, b"waterclock.notice.tooLong", run["runId"].encode())
    await services.post(f"/runs/{run['runId']}/cancel")


async def until_received(receiver: HttpReceiver, *words: bytes) -> None:
    async def received() -> bool:
        return any(all(word in one.body for word in words) for one in receiver.requests)

    await until(received, within=30, what=f"a message of {words}")


async def _all_of_it(services: Services, server: Server[Valkey], users: Users, receiver: HttpReceiver) -> None:
    place = services.place
    job_id = await journey(services)
    await told_by_the_clock(services, receiver)
    await server.kill()
    shutil.rmtree(server.program.data / "appendonlydir")
    await server.start()
    await services.ready()
    since = (await services.get(f"/jobs/{job_id}"))["updatedAt"]
    opened = (await services.get("/events?type=log.forked"))["items"]
    assert opened
    await services.scheduled(job_id, since=max(since, opened[0]["at"]))
    await services.post("/runs", {"invokeTarget": "demo.fail", "params": {"message": "flow"}})
    await until_received(receiver, b"waterclock.notice.failed", b"flow")
    code, said = await place.ended("doctor")
    assert code != 2, said
    assert (await services.http.post("/workers/w/drain")).status_code == 202
    assert await services.running["worker"].child.exited() == 0
    code, key = await place.ended("key", "create", "--name", "ops", "--scope", "list")
    assert code == 0, key
    await refused_by_rights(place)
    bearer = {"Authorization": f"Bearer {key.splitlines()[-1]}"}

    async def admitted() -> bool:
        return (await services.http.get("/jobs", headers=bearer)).is_success

    await until(admitted, within=30, what="the key is known")
    async with Redis.from_url(users.url(server.url, "admin")) as admin:  # pyright: ignore[reportUnknownMemberType]
        assert await refused(admin) == []


@pytest.mark.soak
async def test_on_a_cluster_every_node_has_the_users(roles: Roles, tmp_path: Path, key_prefix: str) -> None:
    users = make_users(tmp_path / "users", prefix=key_prefix)
    rules = [line.split() for line in users.acl_file.read_text().splitlines()]
    masters = await start_cluster(tmp_path / "cluster")
    try:
        for master in masters:
            async with Redis.from_url(master.url) as client:  # pyright: ignore[reportUnknownMemberType]
                untyped: Any = client
                for _, name, *rule in sorted(rules, key=lambda rule: rule[1] == "default"):
                    await untyped.execute_command("ACL", "SETUSER", name, *rule)
        async with http_receiver() as receiver:
            told = telling(tmp_path, receiver)
            place = place_of(users, masters[0].url, roles, key_prefix, PARTITIONS="4", **told)
            async with serving(place, also=["notifier"]) as services:
                await journey(services)
                await told_by_the_clock(services, receiver)
                for master in masters:
                    async with Redis.from_url(users.url(master.url, "admin")) as admin:  # pyright: ignore[reportUnknownMemberType]
                        assert await refused(admin) == []
        assert [line for line in services.said.splitlines() if any(words in line for words in NO_RIGHT)] == []
    finally:
        for master in masters:
            await master.kill()
