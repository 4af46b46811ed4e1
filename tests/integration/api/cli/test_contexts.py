"""Verbs beside two real APIs: which is asked, with which key, and what is said where that is wrong."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from tests.integration.api.cli.test_completion import completed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import served
from waterclock.cli.main import main
from waterclock_dev.servers.ports import free_port


async def typed(*arguments: str, given: str = "", **env: str) -> Result:
    return await asyncio.to_thread(CliRunner(env={"TZ": "UTC", **env}).invoke, main, list(arguments), input=given)


async def test_a_verb_asks_the_api_that_is_named_with_the_key_that_belongs_to_it(
    rig: MakeRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    async with rig() as api, served(api) as url:
        key, weak = await api.key("list", "query", "add", name="ops"), await api.key("query", name="weak")
        (file := tmp_path / "key").write_text(f"{key}\n")
        (weaker := tmp_path / "weak").write_text(f"{weak}\n")
        created = ("job", "create", "a/b", "demo.noop", "--allow-unknown")
        assert (await typed("--url", url, "--api-key-file", str(file), *created)).exit_code == 0
        assert (await typed("job", "list", WATERCLOCK_API_URL=url, WATERCLOCK_API_KEY_FILE=str(file))).exit_code == 0
        done = await typed("job", "list", "--url", url)
        assert (done.exit_code, "give its file with --api-key-file" in done.stderr) == (1, True), done.stderr
        done = await typed("job", "list", "--url", url, "--api-key-file", str(weaker))
        assert (done.exit_code, "lacks the scope 'list'. (--api-key-file)" in done.stderr) == (1, True), done.stderr
        for name, secret in (("prod", key), ("weak", weak)):
            assert (await typed("context", "add", name, "--url", url, given=secret)).exit_code == 0
        done = await typed("job", "list", "--context", "weak")
        assert (done.exit_code, "lacks the scope 'list'. (context weak)" in done.stderr) == (1, True), done.stderr
        await typed("context", "use", "prod")
        done = await typed("job", "list")
        assert (done.exit_code, "b" in done.stdout) == (0, True), done.output
        away = f"http://127.0.0.1:{free_port()}"
        assert await completed(away, "--context", "prod", "job", "show", "a") == ["plain,a/b"]
        assert await completed(away, "job", "show", "--context", "prod", "a") == ["plain,a/b"]
        assert await completed(away, "job", "show", "a") == []
    done = await typed("job", "list")
    assert (done.exit_code, f"no answer from {url} (context prod)" in done.stderr) == (2, True), done.stderr
