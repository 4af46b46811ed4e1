"""`--json`: what a verb prints is the API's answer, whole, whichever verb it is."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import click
import msgspec
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.deciding import HOUR
from tests.integration.api.terminal import told
from waterclock.cli.main import main
from waterclock.client.http import Client

OWN = {("plan",), ("tail",), ("run", "follow"), ("doctor",), ("status",), ("context", "list"), ("context", "show")}
"""What they print is no single answer of the API: a plan, events, findings, what this machine knows."""
VERBS = (
    ("job", "create", "demo/other", "demo.noop", "--set", "remark=\u202e"),
    ("job", "list"),
    ("job", "show", "JOB"),
    ("job", "edit", "JOB", "--set", "remark=x"),
    ("job", "disable", "JOB"),
    ("job", "enable", "JOB"),
    ("job", "trigger", "JOB"),
    ("job", "history", "JOB"),
    ("run", "start", "demo.noop", "--set", 'labels={"l": "1"}'),
    ("run", "list"),
    ("run", "show", "RUN"),
    ("run", "history", "RUN"),
    ("run", "logs", "RUN"),
    ("run", "retry", "RUN", "--overlap", "buffer_all"),
    ("run", "retry", "--failed", "--job", "JOB", "--dry-run"),
    ("run", "cancel", "--label", "l"),
    ("run", "cancel", "LATER"),
    ("preview", "0 4 * * *"),
    ("explain", "JOB"),
    ("events",),
    ("simulate", "JOB", "--from", "FROM", "--to", "TO"),
    ("backfill", "JOB", "--from", "FROM", "--to", "TO"),
    ("ledger", "verify"),
    ("fires",),
    ("whoami",),
    ("ledger", "strips", "JOB"),
    ("queue", "list"),
    ("queue", "pause", "low"),
    ("queue", "resume", "low"),
    ("fleet", "workers"),
    ("fleet", "executors"),
    ("fleet", "drain", "w1"),
    ("dropped", "list"),
    ("dropped", "requeue"),
    ("notices", "list"),
    ("notices", "rehearse", "RULES", "--from", "FROM"),
    ("notices", "mute", "JOB", "--for", "1h", "--reason", "why"),
    ("notices", "mutes", "--job", "JOB"),
)


def with_json(group: click.Group, *words: str) -> Iterator[tuple[str, ...]]:
    context = click.Context(group)
    for name in group.list_commands(context):
        verb = group.get_command(context, name)
        assert verb is not None
        if isinstance(verb, click.Group):
            yield from with_json(verb, *words, name)
        elif any("--json" in option.opts for option in verb.params):
            yield (*words, name)


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> list[bytes]:
    """What the API answered, in order."""
    found: list[bytes] = []
    fetch = Client.fetch

    def kept(client: Client, call: Any) -> bytes:
        answer = fetch(client, call)
        found.append(answer)
        return answer

    monkeypatch.setattr(Client, "fetch", kept)
    return found


async def test_every_verb_prints_the_answer_as_it_is(rig: MakeRig, answers: list[bytes], tmp_path: Path) -> None:
    rules = tmp_path / "notices.yaml"
    rules.write_text("channels: {ops: {}}\nrules: [{name: all, on: [failed], channels: [ops]}]\n")
    known = {
        tuple(verb[: 1 if verb[0] in {"preview", "explain", "events", "simulate", "backfill"} else 2]) for verb in VERBS
    }
    async with told(rig) as (story, terminal):
        assert set(with_json(main)) == known | OWN
        worker = await story.api.worker()
        job_id = (
            await story.api.create(invokeTarget="demo.noop", cronExpression="0 4 * * *", retry={"maxAttempts": 1})
        )["id"]
        run_id = await story.api.trigger(job_id)
        await worker.fail(await worker.claim_one(), "no")
        another = (await story.api.create(jobName="another", invokeTarget="demo.noop"))["id"]
        later = await story.api.trigger(another, delay=3_000)
        await story.api.caught_up()
        stands_for = {
            "JOB": job_id,
            "RUN": run_id,
            "LATER": later,
            "FROM": story.at(HOUR),
            "TO": story.at(0),
            "RULES": str(rules),
        }
        printed: dict[tuple[str, ...], Any] = {}
        for verb in VERBS:
            done = await terminal.run(main, *(stands_for.get(word, word) for word in verb), "--json")
            assert done.exit_code == 0, (verb, done.output)
            assert done.stdout_bytes == answers[-1] + b"\n", verb
            printed[verb[:2]] = msgspec.json.decode(done.stdout)
        note = printed["job", "trigger"]["notes"][0]["message"]
        assert note.startswith("scheduled times of the job that come due before this run has ended are skipped")

        done = await terminal.run(main, "job", "trigger", job_id, "--overlap", "buffer_all", "--delay", "3000")
        assert note in " ".join(done.stderr.split())
