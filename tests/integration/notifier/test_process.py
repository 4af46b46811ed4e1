"""`waterclock notifier` as its operator meets it: with a receiver of webhooks that is a server."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import Process
from collections.abc import AsyncGenerator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from tests.integration.notifier.receiver import LOOPBACK, HttpReceiver, http_receiver
from tests.integration.notifier.test_notifier import created, run, until, written
from tests.integration.stage import append, staged, waterclock
from waterclock.kit.settings import PREFIX

KEY = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
DEADLINE = 30.0  # s


def notifier(**settings: str) -> AbstractAsyncContextManager[Process]:
    return service("notifier", **settings)


@asynccontextmanager
async def service(verb: str, **settings: str) -> AsyncGenerator[Process]:
    """One process, from its line that it is ready until it was told to stop."""
    env = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "waterclock.cli", verb),
        env=env | {f"{PREFIX}{name}": value for name, value in settings.items()} | {"OPS_SECRET": KEY},
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    try:
        async with asyncio.timeout(DEADLINE):
            while b" ready" not in (line := await process.stderr.readline()):
                assert line, "it has ended"
        reading = asyncio.create_task(process.stderr.read())
        yield process
        if process.returncode is None:
            process.send_signal(signal.SIGTERM)
            async with asyncio.timeout(DEADLINE):
                assert await process.wait() == 0
                assert b"Traceback" not in await reading
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


def heard(receiver: HttpReceiver) -> list[dict[str, Any]]:
    return [Webhook(KEY).verify(one.body, one.headers) for one in receiver.requests]


async def test_a_killed_notifier_leaves_nothing_untold_and_tells_nothing_anew(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    async with (
        http_receiver() as receiver,
        staged(redis_url, key_prefix, migrated_postgres_url) as stage,
        stage.projecting(),
    ):
        hook = f'ops: {{webhook: "{receiver.url}/hook", secret: "env:OPS_SECRET"}}'
        rules = "rules:\n  - {name: all, on: [failed, recovered], channels: [ops]}\n"
        settings = {
            "REDIS_URL": redis_url,
            "KEY_PREFIX": key_prefix,
            "POSTGRES_URL": migrated_postgres_url,
            "NOTICES": str(written(tmp_path, f"channels:\n  {hook}\n{rules}")),
            "PUBLIC_URL": "https://scheduler.example",
            "HTTP_ALLOW": LOOPBACK,
        }
        await append(stage, [created()])
        await stage.projected()
        async with notifier(**settings) as first:
            await append(stage, run(1, fails=True))
            await until(lambda: len(receiver.requests) == 1, within=DEADLINE, what="the webhook")
            async with notifier(**settings):
                first.kill()
                await first.wait()
                await append(stage, run(2, fails=False))
                await until(lambda: len(receiver.requests) == 2, within=DEADLINE, what="the recovery")
            failed, recovered = heard(receiver)
            assert failed["type"] == "waterclock.notice.failed"
            assert failed["data"]["subject"] == "DEFAULT/nightly failed: KeyError 'SHOP_DSN'"
            assert failed["data"]["links"]["console"] == "https://scheduler.example/console/runs/run-1"
            assert recovered["type"] == "waterclock.notice.recovered"


async def test_a_wrong_file_ends_the_start_by_its_flaws(
    redis_url: str, key_prefix: str, migrated_postgres_url: str, tmp_path: Path
) -> None:
    path = written(tmp_path, "rules:\n  - {name: all, on: [lat], channels: [ops]}\n")
    settings = {"REDIS_URL": redis_url, "KEY_PREFIX": key_prefix, "POSTGRES_URL": migrated_postgres_url}
    code, out, said = await waterclock("notifier", **settings, NOTICES=str(path))
    assert (code, out) == (2, "")
    assert "WATERCLOCK_NOTICES" in said
    assert 'rules[0].on[0]: "lat" is no kind' in said
    assert "rules[0].channels[0]" in said

    code, _, said = await waterclock("notifier", **settings, NOTICES=str(tmp_path / "none.yaml"))
    assert code == 2
    assert "none.yaml: cannot be read: No such file or directory" in said


async def test_a_file_is_checked_and_a_channel_tested(tmp_path: Path) -> None:
    async with http_receiver() as receiver:
        rules = (
            f'channels:\n  ops: {{webhook: "{receiver.url}/hook", secret: "file:{tmp_path}/key"}}\n'
            "rules:\n  - {name: all, on: [failed], channels: [ops]}\n"
        )
        path = str(written(tmp_path, rules))
        code, _, said = await waterclock("notices", "check", path)
        assert code == 2
        assert "channels.ops.secret" in said  # there is no such file

        keep(tmp_path / "key", KEY)
        assert await waterclock("notices", "check", NOTICES=path) == (
            0,
            f"{path}: no flaws; rules: 1, channels: 1\n",
            "",
        )

        code, _, said = await waterclock("notices", "test", "ops", path)
        assert code == 1
        assert "not delivered" in said
        assert receiver.requests == []  # to an address inside nothing is sent, unless a setting allows it

        assert await waterclock("notices", "test", "ops", path, HTTP_ALLOW=LOOPBACK) == (0, "ops: delivered\n", "")
        [told] = heard(receiver)
        assert told["type"] == "waterclock.notice.test"

        code, _, said = await waterclock("notices", "test", "pos", path)
        assert code == 2
        assert "no channel 'pos'; there are ops" in said


def keep(path: Path, text: str) -> None:
    path.write_text(text)
