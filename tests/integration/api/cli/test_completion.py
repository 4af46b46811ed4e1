"""What shells complete: the names that the API knows now, and nothing where it is not there."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest
from click.testing import CliRunner

from tests.integration.api.cli.test_verbs_of_jobs import typed
from tests.integration.api.conftest import MakeRig
from tests.integration.api.terminal import told
from waterclock.cli.main import main
from waterclock.model.events import ExecutorSpec
from waterclock_dev.servers.ports import free_port

ODD = ExecutorSpec(key="t.odd", description="Odd \x1b[2J", params_schema={"type": "object"})


async def completed(url: str, *words: str, shell: str = "bash") -> list[str]:
    """What a shell is told after these words, of which the last is begun; for fish and zsh with what each is."""
    env = {"WATERCLOCK_API_URL": url, **asked(*words, shell=shell)}
    done = await asyncio.to_thread(CliRunner(env=env).invoke, main, [], prog_name="waterclock")
    assert (done.exit_code, done.stderr) == (0, "")
    return done.stdout.split("\n") if shell == "zsh" else sorted(filter(None, done.stdout.splitlines()))


def asked(*words: str, shell: str = "bash") -> dict[str, str]:
    """How a shell asks, in the environment."""
    typed_so_far = " ".join(("waterclock", *words))
    told = {"COMP_WORDS": typed_so_far, "COMP_CWORD": words[-1] if shell == "fish" else str(len(words))}
    return {"_WATERCLOCK_COMPLETE": f"{shell}_complete", **told}


async def by_a_process(url: str, *words: str) -> list[str]:
    """The same of bash, which starts a process for each completion."""
    env = {**os.environ, "WATERCLOCK_API_URL": url, **asked(*words)}
    command = [sys.executable, "-c", "from waterclock.cli.main import main; main(prog_name='waterclock')"]
    done = await asyncio.to_thread(subprocess.run, command, env=env, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    return sorted(filter(None, done.stdout.splitlines()))


async def test_names_that_the_api_knows_are_completed(rig: MakeRig) -> None:
    async with told(rig) as (story, terminal):
        await story.api.worker(ODD)
        for name in ("reports/nightly", "reports/weekly", "sea/tide", "reports/two words"):
            await typed(terminal, "job", "create", name, "t.odd")
        run_id = (await typed(terminal, "job", "trigger", "reports/nightly")).output.strip()
        await story.api.caught_up()
        url = terminal.url

        for verb in (("job", "show"), ("explain",), ("run", "list", "--job"), ("tail",)):
            assert await completed(url, *verb, "rep") == ["plain,reports/nightly", "plain,reports/weekly"]
        assert await by_a_process(url, "job", "show", "reports/w") == ["plain,reports/weekly"]
        assert await completed(url, "job", "edit", "reports/n") == ["plain,reports/nightly"]
        assert await completed(url, "run", "show", "rep") == ["plain,reports/nightly"]
        assert await completed(url, "run", "logs", run_id[:5]) == [f"plain,{run_id}"]
        assert await completed(url, "queue", "pause", "l") == ["plain,low"]
        assert await completed(url, "fleet", "drain", "w") == ["plain,w1"]
        assert await completed(url, "run", "list", "--queue", "c") == ["plain,critical"]
        assert await completed(url, "job", "create", "a/b", "t.") == ["plain,t.odd"]
        assert await completed(url, "job", "list", "--zone", "Europe/Berl") == ["plain,Europe/Berlin"]
        told_to_zsh = await completed(url, "job", "show", "rep", shell="zsh")
        assert told_to_zsh[:6] == [*("plain", "reports/nightly", "t.odd"), *("plain", "reports/weekly", "t.odd")]
        assert await completed(url, "queue", "pause", "l", shell="fish") == ["plain,low\topen"]


@pytest.mark.parametrize("url", ["", "localhost"])
async def test_nothing_is_completed_where_the_api_is_not_there(url: str) -> None:
    away = url or f"http://127.0.0.1:{free_port()}"
    for words in (("job", "show", "r"), ("run", "show", "r"), ("queue", "pause", "l"), ("job", "create", "a/b", "d")):
        assert await completed(away, *words) == []
    assert await by_a_process(away, "job", "show", "r") == []
    assert await completed(away, "job", "sho") == ["plain,show"]
