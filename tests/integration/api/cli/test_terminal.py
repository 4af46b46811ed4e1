"""Verbs at a terminal, over an installation in which others have written what a terminal obeys."""

from __future__ import annotations

import unicodedata

import msgspec
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import served
from tests.integration.api.terminal import Terminal
from waterclock.cli import output
from waterclock.cli.job_files import read_file
from waterclock.cli.main import main
from waterclock.cli.verbs import apply
from waterclock.model.events import ExecutorSpec

ODD = "x\x1b[2J\x9b2J y\u202egnp.exe z\x85\u2028\u2066 é"
BAD = ExecutorSpec(key="t.odd", description=ODD, params_schema={"type": "object", "description": ODD})
VERBS = (
    ("job", "list"),
    ("job", "show", "JOB"),
    ("job", "history", "JOB"),
    ("events",),
    ("run", "list"),
    ("run", "show", "RUN"),
    ("run", "history", "RUN"),
    ("run", "logs", "RUN"),
    ("run", "follow", "RUN"),
    ("run", "retry", "RUN", "--idempotency-key", "odd"),
    ("explain", "JOB", "--from", "2026-11-01T00:00:00Z", "--to", "2026-11-03T00:00:00Z"),
    ("preview", "0 4 * * *"),
    ("simulate", "JOB", "--from", "2026-11-01T00:00:00Z", "--to", "2026-11-03T00:00:00Z"),
    ("fleet", "workers"),
    ("fleet", "executors"),
    ("queue", "list"),
    ("ledger", "verify"),
    ("ledger", "strips", "JOB"),
    ("fires",),
    ("export",),
)


def is_shown(text: str) -> bool:
    return all(sign in "\n " or unicodedata.category(sign)[0] != "C" for sign in text)


async def test_no_verb_lets_others_rule_the_terminal(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")  # whose marks are ours
    async with rig() as api, served(api) as url:
        worker = await api.worker(BAD, name=ODD)
        params = {ODD: [ODD]}
        job_id = (
            await api.create(
                invokeTarget="t.odd", invokeParams=params, remark=ODD, labels={"l": "a"}, cronExpression="0 4 * * *"
            )
        )["id"]
        run_id = await api.trigger(job_id, reason=ODD)
        grant = await worker.claim_one()
        await worker.step(grant, ODD, ODD)
        await worker.fail(grant, ODD)
        await api.caught_up()
        terminal = Terminal(url)
        for verb in VERBS:
            words = [{"JOB": job_id, "RUN": run_id}.get(word, word) for word in verb]
            for module in (output, apply):
                monkeypatch.setattr(module, "at_terminal", lambda: False)
            exact = await terminal.run(main, *words, *(() if verb[0] == "export" else ("--json",)))
            for module in (output, apply):
                monkeypatch.setattr(module, "at_terminal", lambda: True)
            lines = await terminal.run(main, *words)
            assert is_shown(lines.output), (verb, lines.output)
            if verb[0] == "export":
                assert read_file(lines.stdout).jobs == read_file(exact.stdout).jobs
                continue
            shown = await terminal.run(main, *words, "--json")
            assert is_shown(shown.output), (verb, shown.output)
            if verb == ("run", "show", "RUN"):
                assert "\u202e" in exact.stdout  # for a program it is exact
                assert msgspec.json.decode(shown.stdout) == msgspec.json.decode(exact.stdout)
                assert msgspec.json.decode(shown.stdout)["reason"] == ODD
