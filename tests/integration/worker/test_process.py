"""`waterclock worker` as its user meets it."""

from __future__ import annotations

import asyncio
import json
import signal
from pathlib import Path

import msgspec
import pytest

from tests.integration.worker.shop import Process, Shop
from tests.integration.worker.test_liveness import a_process
from waterclock.executors import definition
from waterclock.kit.service import Unfit
from waterclock.kit.settings import SettingsError
from waterclock.kit.telemetry import traces
from waterclock.log.broker import asyncapi, broker_at
from waterclock.log.clock import server_time
from waterclock.log.commands.bodies import part
from waterclock.log.connection.errors import LogUnavailable, LogUnfit
from waterclock.log.control import DATA, Control, say
from waterclock.log.liveness.sessions import sessions, sweep
from waterclock.model.events import (
    RunCancelled,
    RunDied,
    RunFailed,
    RunLost,
    RunRetryScheduled,
    RunSucceeded,
    WorkerJoined,
    WorkerLeft,
)
from waterclock.model.places import ReferenceSpec
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import stamp
from waterclock_dev.installation import DEMO_EXECUTORS
from waterclock_worker import main
from waterclock_worker.control import app_of
from waterclock_worker.executors.places.configuration import places_of_process


async def test_a_worker_announces_its_executors_and_runs_them(shop: Shop) -> None:
    async with a_process(
        shop, "--executors", DEMO_EXECUTORS, "--name", "Büro 7", "--slots", "4", "--queues", "default,low"
    ):
        joined = await shop.event(WorkerJoined)
        steps = await shop.run("demo.steps", {"steps": 2, "lines": 2, "delay": 0})
        nothing = await shop.run("demo.noop")
        sleep = await shop.run("demo.sleep", {"seconds": 0.01})
        for run in (steps, nothing, sleep):
            await shop.event(RunSucceeded, run)
    assert joined.worker == "b-ro-7"
    assert (joined.slots, joined.queues) == (4, ("default", "low"))
    specs = {spec.key: spec for spec in joined.executors}
    assert {"demo.noop", "demo.sleep", "demo.steps", "demo.fail", "t.echo"} <= set(specs)
    assert specs["t.echo"].params_schema["properties"]["text"] == {"type": "string"}
    assert specs["demo.noop"].params_schema["additionalProperties"] is False
    assert await shop.lines(steps) == ["line 1 of 2", "line 2 of 2"] * 2


async def test_a_worker_announces_where_it_reaches_and_neither_connections_nor_keys(shop: Shop, tmp_path: Path) -> None:
    places = tmp_path / "places.toml"
    places.write_text(
        """
        [books]
        connection = "env:BOOKS_URL"
        bucket = "books-bucket"
        references = ["env:OLDER_*"]
        """
    )
    process = await Process.start(
        shop,
        WATERCLOCK_EXECUTORS="",
        WATERCLOCK_PLACES=str(places),
        BOOKS_URL="postgresql://u:hush@ledger.example/ledger",
        WATERCLOCK_BACKUP_DATABASE_URL="postgresql://u:hush@ledger.example/shop",
        WATERCLOCK_HTTP_REFERENCES="env:HOOKS_*@hooks.example",
    )
    try:
        line = await process.says("listed without hosts")
        drills = await process.says("restore on the source server")
        joined = await shop.event(WorkerJoined)
        beyond = [
            await shop.event(RunFailed, await shop.run("db:backup", {"place": "books", **params}))
            for params in ({"bucket": "mine"}, {"connection": "env:PATH"}, {"place": "nosuch"})
        ]
    finally:
        await process.kill()

    assert [(one.outcome, one.attempt) for one in beyond] == [("badParams", 1)] * 3
    assert all("WATERCLOCK_PLACES" in one.error.message for one in beyond)

    assert "env:OLDER_*@HOST" in line
    assert "WATERCLOCK_PLACES" in drills
    assert joined.places is not None
    books, default = sorted(joined.places, key=lambda one: one.name)
    assert (default.name, default.drills) == ("default", "sourceUnlisted")
    assert (books.name, books.references) == ("books", (ReferenceSpec(pattern="env:OLDER_*", hosts=False),))
    specs = {spec.key: spec for spec in joined.executors}
    assert not [key for key in specs if key.startswith("demo.")]
    assert [specs[key].placed for key in ("db.backup", "db.restore-drill", "http.request")] == [True, True, False]
    assert specs["http.request"].references == (ReferenceSpec(pattern="env:HOOKS_*", hosts=True),)
    told = msgspec.json.encode(joined).decode()
    assert not [one for one in ("hush", "ledger.example", "BOOKS_URL", "books-bucket", "hooks.example") if one in told]


async def test_a_worker_drains_when_an_operator_says_so(shop: Shop) -> None:
    key = shop.log.keys.control
    async with a_process(shop) as process:
        await say(shop.log, Control(say="drain", worker="another"))
        await shop.log.execute(key, "XADD", key, "*", "say", "nothing of ours")
        await shop.log.execute(key, "XADD", key, "*", DATA, '{"say": "logLevel", "level": "debug"}')
        await say(shop.log, Control(say="drain", worker="p", by="ops"))
        assert "by=ops" in await process.says("drain requested")
        assert await process.ended() == 0
    assert (await shop.event(WorkerLeft)).reason == "drained"


async def test_a_worker_hears_what_is_said_to_a_session_that_it_has_lost_since(shop: Shop) -> None:
    """Of a worker that was silent, an operator reads the session that it had."""
    async with a_process(shop) as process:
        first = (await shop.event(WorkerJoined)).session
        process.signal(signal.SIGSTOP)
        await _swept(shop, first)
        process.signal(signal.SIGCONT)
        assert (await shop.event(WorkerJoined, count=2)).session != first
        await say(shop.log, Control(say="drain", worker=first))
        assert await process.ended() == 0


async def _swept(shop: Shop, session: str) -> None:
    """As another worker's sweeper does it, when the lease is over."""
    number = (await sessions(shop.log, 0))[session]
    lost, died, cancelled = (
        part(RunLost, reason="leaseExpired"),
        part(RunDied, reason="leaseExpired"),
        part(RunCancelled),
    )
    while True:
        swept = await sweep(
            *(shop.log, 0), session=session, number=number, body_left=part(WorkerLeft, session=session, reason="lost"),
            body_lost=lost, body_died=died, body_cancelled=cancelled,
        )  # fmt: skip
        if swept.state == "emptied":
            return
        number = (await sessions(shop.log, 0))[session]


OFF = "import time\nreal = time.time\ntime.time = lambda: real() + {}\n"


@pytest.mark.parametrize("by_s", [-3600, 3600])
async def test_a_worker_hears_and_tries_again_by_the_clock_of_the_store(shop: Shop, tmp_path: Path, by_s: int) -> None:
    """Whatever its machine's says: not what was said before it began, and all that was said since."""
    (tmp_path / "sitecustomize.py").write_text(OFF.format(by_s), "utf-8")
    await say(shop.log, Control(say="drain", worker="p"))
    async with a_process(shop, PYTHONPATH=str(tmp_path)) as process:
        run = await shop.run("t.raise", retry=RetryPolicy(max_attempts=2, initial=60))
        again = await shop.event(RunRetryScheduled, run)
        await say(shop.log, Control(say="drain", worker="p"))
        assert await process.ended() == 0
    now = await server_time(shop.log, shop.log.keys.partition(0, "meta"))
    assert stamp(now - 60_000) < again.ready_at <= stamp(now + 60_000)


async def test_what_stops_the_start_is_said_in_one_line(shop: Shop) -> None:
    process = await Process.start(shop, WATERCLOCK_QUEUES="default,urgent")
    assert await process.ended() == 2
    [line] = "".join(process.output).splitlines()
    assert line == (
        "waterclock worker: WATERCLOCK_QUEUES (--queues): unknown queue 'urgent'; known queues: critical, default, low"
    )


TWIN = "from waterclock import executor\n@executor('demo.noop')\ndef noop(ctx): ...\n"
UNREAD = """
from typing import Literal
from waterclock import executor
@executor('g.unread')
def unread(ctx, params: dict[str, Literal['\\ud800']]): ...
"""


@pytest.mark.parametrize(
    ("environment", "kind", "named"),
    [
        ({"SLOTS": "0"}, SettingsError, "WATERCLOCK_SLOTS"),
        ({"LEASE": "0.1"}, SettingsError, "WATERCLOCK_LEASE"),
        ({"REDIS_URL": "redis://127.0.0.1:1"}, LogUnavailable, "127.0.0.1"),
        ({"KEY_PREFIX": "nobody"}, LogUnfit, "waterclock migrate"),
        ({"EXECUTORS": "nowhere.py"}, Unfit, "nowhere.py"),
        ({"EXECUTORS": "waterclock_worker.executors.demo,no.such.module"}, Unfit, "no.such.module"),
        ({"PLACES": "/nosuch.toml"}, SettingsError, "WATERCLOCK_PLACES: /nosuch.toml"),
        ({"BACKUP_REFERENCES": "env:A@https://b"}, SettingsError, "WATERCLOCK_BACKUP_REFERENCES"),
        ({"HTTP_REFERENCES": "env:A@https://b"}, SettingsError, "WATERCLOCK_HTTP_REFERENCES"),
    ],
)
async def test_a_wrong_setting_stops_the_start(
    shop: Shop, monkeypatch: pytest.MonkeyPatch, environment: dict[str, str], kind: type[Exception], named: str
) -> None:
    monkeypatch.setattr(traces, "setup", _not_set_up)
    monkeypatch.setattr(definition, "_declared", [])
    places_of_process.cache_clear()
    monkeypatch.setenv("WATERCLOCK_REDIS_URL", shop.settings.url)
    monkeypatch.setenv("WATERCLOCK_KEY_PREFIX", shop.settings.prefix)
    for name, value in environment.items():
        monkeypatch.setenv(f"WATERCLOCK_{name}", value)
    with pytest.raises(kind) as refused:
        await main.serve(asyncio.Event(), ())
    assert named in str(refused.value)
    assert "\n" not in str(refused.value)


def _not_set_up(service: str, settings: object, *, instance: str | None) -> None:
    """The test's own logging stays."""


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (TWIN, "'demo.noop': one in waterclock_worker.executors.demo, one in users"),
        (UNREAD, "executor 'g.unread': its parameters cannot be described"),
    ],
)
async def test_executors_that_cannot_be_announced_stop_the_start(
    shop: Shop, tmp_path: Path, text: str, told: str
) -> None:
    file = tmp_path / "users.py"
    file.write_text(text, encoding="utf-8")
    process = await Process.start(shop, "--executors", DEMO_EXECUTORS, "--executors", str(file))
    assert await process.ended() == 2
    [line] = "".join(process.output).splitlines()
    assert told in line


async def test_the_asyncapi_document_names_the_control_messages(shop: Shop) -> None:
    document = json.loads(asyncapi(app_of(None, broker_at(shop.settings.url), shop.log.keys, since_ms=0)))
    assert "control" in json.dumps(document["channels"])
    assert "drain" in json.dumps(document["components"])
