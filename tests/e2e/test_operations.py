"""The commands of pages for operators, in one shell and in order, beside servers that nobody else started.

Of `each in a terminal` each is waited for until it is ready; what runs `with the projector stopped` finds it so, and
started again at its end; `with the api restarted` is what a supervisor would do.
"""

import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.commands import path_with_commands
from tests.support.installation import clean_environment
from tests.support.pages import Block, blocks, checked, staged
from tests.support.repository import DOCS
from tests.support.servers import OwnServers, wait_for
from waterclock_dev.servers.ports import free_port
from waterclock_dev.servers.postgres import postgres_program

FIRST = DOCS / "reference" / "operations.md"
"""Starts what the other pages find."""
LONGEST = 240.0  # s, all of it
PRELUDE = """set -eo pipefail
trap 'kill $(jobs -p) 2>/dev/null || true' EXIT
begin() {
    : > $1.log
    waterclock $1 2> $1.log &
    eval "pid_$1=$!"
    until grep -q ': ready' $1.log; do kill -0 $!; sleep 0.1; done
}
end() { eval "kill \\$pid_$1; wait \\$pid_$1"; }
"""
STOPPED, RESTARTED = " with the projector stopped", " with the api restarted"


@pytest.mark.timeout(300)
def test_an_operator_gets_by_with_the_pages_alone(own_servers: OwnServers, tmp_path: Path) -> None:
    valkey = wait_for(own_servers.valkey(settings={"maxmemory": "1gb"}))
    postgres = wait_for(own_servers.postgres())
    port = free_port()
    programs = [str(Path(sys.executable).parent), str(postgres_program("psql").parent)]
    env = clean_environment() | {
        "PATH": ":".join([*programs, path_with_commands(tmp_path / "commands")]),
        "WATERCLOCK_REDIS_URL": valkey.url,
        "WATERCLOCK_POSTGRES_URL": postgres.url,
        "WATERCLOCK_API_URL": f"http://127.0.0.1:{port}",
        "WATERCLOCK_PORT": str(port),
        "PYTHONUNBUFFERED": "1",
    }
    script = PRELUDE + "".join(
        _script(block) for page in order() for block in blocks(page) if block.test.startswith(("run", "each"))
    )

    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=LONGEST, check=False
    )

    said = done.stdout + done.stderr + "".join(f"\n== {log.name}\n{log.read_text()}" for log in tmp_path.glob("*.log"))
    assert done.returncode == 0, said
    for word in (
        "Everything is healthy.",
        "succeeded",
        "Fired",
        "ends at",
        "operator",
        "The scheduler works.",
        "started by sales-1",
    ):
        assert word in done.stdout, f"{word!r} is not in\n{said}"


def order() -> list[Path]:
    return [FIRST, *(page for page in staged("operator") if page != FIRST)]


def _patient(text: str) -> str:
    """On a busy machine what takes two seconds may take ten: wait for what is meant, and ask the doctor again."""
    known = "until waterclock job list > known.log 2>&1; do sleep 1; done"
    return text.replace("waterclock doctor", "until waterclock doctor; do sleep 1; done").replace(
        "sleep 2 ", f"{known} "
    )


def _script(block: Block) -> str:
    if block.test == "each in a terminal":
        words = [shlex.split(line) for line in block.text.splitlines()]
        assert all(word[0] == "waterclock" for word in words)
        return "".join(f"begin {verb}\n" for _, verb in words)
    if block.test.endswith(STOPPED):
        return f"end projector\n{block.text}begin projector\n"
    again = "end api\nbegin api\n" if block.test.endswith(RESTARTED) else ""
    return again + _patient(checked(block))
