"""A store with entries that nobody can read: each verb ends, and says what it can, and what is to be done."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Sequence
from typing import NamedTuple

import click
import msgspec
import psycopg
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Rig, projected, served
from tests.integration.api.terminal import Terminal
from tests.support import poison
from waterclock.cli.verbs.apply import export
from waterclock.cli.verbs.events import tail
from waterclock.cli.verbs.explain import explain
from waterclock.cli.verbs.jobs import job
from waterclock.cli.verbs.ledger import ledger
from waterclock.cli.verbs.preview import preview
from waterclock.cli.verbs.queues import queue
from waterclock.cli.verbs.runs import run
from waterclock.cli.verbs.simulate import simulate
from waterclock.cli.verbs.workers import fleet
from waterclock.kit.clock import SystemClock
from waterclock.log.tail import tail_of
from waterclock.model.timestamps import stamp
from waterclock.store import quarantine
from waterclock.store.chain import verify
from waterclock.store.readmodels.wait_for_position import wait_for

WITHIN = 15.0  # s, for each verb; 5 s on a machine that does nothing else
TO_START = 45.0  # s: a process has taken 13 to start, on a machine that others kept busy
PATIENCE = 60.0  # s, for the projector: what is planted stands in one batch, which it splits
MOST = 100  # lines, in any answer
HOUR = 3_600_000


class Ended(NamedTuple):
    """A verb that ran as a process of its own."""

    code: int | None
    out: str
    said: str

    @property
    def all(self) -> str:
        return self.out + self.said


async def process(env: dict[str, str], *arguments: str) -> Ended:
    command = (sys.executable, "-m", "waterclock.cli", *arguments)
    pipe = asyncio.subprocess.PIPE
    child = await asyncio.create_subprocess_exec(*command, env=env, stdout=pipe, stderr=pipe)
    async with asyncio.timeout(TO_START + WITHIN):
        out, said = await child.communicate()
    ended = Ended(child.returncode, out.decode(), said.decode())
    assert "Traceback" not in ended.all, ended
    assert len(ended.all.splitlines()) < MOST, ended
    return ended


async def at_once(env: dict[str, str], *verbs: Sequence[str]) -> list[Ended]:
    async with asyncio.TaskGroup() as tasks:
        begun = [tasks.create_task(process(env, *verb)) for verb in verbs]
    return [one.result() for one in begun]


@pytest.mark.parametrize("one_in", [7, pytest.param(1, marks=pytest.mark.soak)], ids=["some", "all"])
async def test_each_verb_ends_and_says_what_cannot_be_read_and_what_to_do(
    rig: MakeRig, key_prefix: str, one_in: int
) -> None:
    async with rig(projecting=False) as api:
        env = {name: value for name, value in os.environ.items() if not name.startswith("WATERCLOCK_")}
        stores = {"REDIS_URL": api.redis_url, "POSTGRES_URL": api.postgres_url, "KEY_PREFIX": key_prefix}
        env |= {f"WATERCLOCK_{name}": value for name, value in (stores | {"KEYLESS": "loopback"}).items()}
        async with projected(api.redis_url, api.postgres_url, key_prefix):
            planted = await put(api, one_in)
        async with served(api) as url:
            for verb, arguments, said in reading(planted):
                await typed(Terminal(url), verb, arguments, said)

        doctor, reconcile = await at_once(env, ["doctor", "--json"], ["reconcile"])
        (told_of,) = [one for one in msgspec.json.decode(doctor.out)["findings"] if one["check"] == "events"]
        assert (doctor.code, told_of["level"], "reconcile --known" in told_of["do"]) == (2, "warning", True), doctor
        assert planted.first in told_of["said"]
        assert reconcile.code == 0, reconcile
        assert f"unreadable: {planted.first} " in reconcile.out
        assert "`waterclock doctor`" in reconcile.out

        restore = await process(env, "restore", "--replace", "--accept-loss")
        assert (restore.code, "Restored from the archive" in restore.out) == (0, True), restore
        assert "are unreadable" in restore.out
        assert "`waterclock doctor`" in restore.out
        known = await process(env, "reconcile", "--known", "--apply")
        assert (known.code, f"{planted.first} " in known.out, "acknowledged" in known.out) == (0, True, True)
        async with await psycopg.AsyncConnection.connect(api.postgres_url, autocommit=True) as connection:
            assert await quarantine.count(connection) == 0
            assert all(one.broken is None for one in await verify(connection, {}))


class Planted(NamedTuple):
    first: str
    job_id: str
    run_id: str
    unread: str


async def put(api: Rig, one_in: int) -> Planted:
    """A job with runs, one of them with an end that nobody can read, and poison between them."""
    worker = await api.worker()
    job_id = (await api.create(concurrent="0", cronExpression="0 0 1 1 *"))["id"]
    await api.trigger(job_id)
    whole = await worker.claim_one()
    await worker.step(whole, "a step", "a line")
    await worker.succeed(whole, {"rows": 1})
    unread = await api.trigger(job_id)
    named = b'{"type":"run.succeeded","runId":"%b","jobId":"%b","attempt":1,"result":{not json}}'
    body = named % (unread.encode(), job_id.encode())
    now = SystemClock().now_ms()
    entries = [{b"b": body, b"t": b"%d" % now}, *poison.poison(now, one_in)]
    places = await poison.plant(api.log, api.redis_url, entries)
    end = await tail_of(api.log, 0)
    assert end is not None
    async with api.parts.reading() as connection:
        assert await wait_for(connection, end, PATIENCE)
    return Planted(str(places[0]), job_id, whole.run_id, unread)


def reading(planted: Planted) -> list[tuple[click.Command, Sequence[str], str]]:
    """Each verb that reads, and what it says among other things."""
    now = SystemClock().now_ms()
    past = ("--from", stamp(now - HOUR), "--to", stamp(now))
    of_job, of_run, unread = planted.job_id, planted.run_id, planted.unread
    ended = f"the outcome, at {planted.first}, is unreadable"
    return [
        (job, ("list",), "demo.noop"),
        (job, ("list", "--json"), of_job),
        (job, ("show", of_job), "demo.noop"),
        (job, ("show", of_job, "--as-of", stamp(now)), "demo.noop"),
        (job, ("history", of_job), "created"),
        (job, ("history", of_job, "--json"), "job.created"),
        (run, ("list",), of_run),
        (run, ("list", "--json"), unread),
        (run, ("list", "--search", "rows"), ""),
        (run, ("show", of_run), "succeeded"),
        (run, ("show", unread), ended),
        (run, ("logs", of_run), "a line"),
        (run, ("follow", of_run), "a line"),
        (run, ("follow", unread), "unreadable event: `waterclock doctor`"),
        (tail, ("--run", unread, "--after", "0"), "requested"),
        (queue, ("list",), "default"),
        (fleet, ("workers",), "w1"),
        (fleet, ("executors",), "demo.noop"),
        (ledger, ("verify", *past), "ok"),
        (explain, (of_job, *past), ""),
        (preview, ("0 3 * * *", "--job", of_job), "03:00"),
        (simulate, (of_job, *past), "policy"),
        (export, (), "demo.noop"),
        (export, (of_job,), "demo.noop"),
    ]


async def typed(terminal: Terminal, verb: click.Command, arguments: Sequence[str], said: str) -> None:
    async with asyncio.timeout(WITHIN):
        done = await terminal.run(verb, *arguments)
    told = (verb.name, *arguments, done.output)
    assert done.exit_code == 0, told
    assert done.exception is None, told
    assert said in done.output, told
    if verb is export:
        assert "cannot be read: `waterclock doctor` names them" in done.stderr, told
