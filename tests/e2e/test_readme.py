"""Every command in the README is run: in order, in one shell, against the installation of these tests.

The comment before a block says what becomes of it: `run` (with `expecting N`, the exit code of its last command),
`save as FILE` (what the installation has for an executor), or `elsewhere` (tested there).
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests.support.commands import path_with_commands
from tests.support.installation import Installation, answered, clean_environment
from tests.support.readme import README, Block, blocks, save

ADDRESS = "localhost:8080"
VERBS = {"get", "post", "put", "delete"}
ROOTED = {"GET /", "GET /livez", "GET /readyz", "GET /metrics", "GET /schema/openapi.json", "GET /schema/asyncapi.json"}
LONGEST = 90.0  # s, all of it
PRELUDE = "set -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"


@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.text.splitlines()[0])
def test_every_block_says_how_it_is_tested(block: Block) -> None:
    assert re.match(r"run\b|save as |elsewhere\b", block.test), f"no `<!-- test: … -->` before it:\n{block.text}"


def test_the_commands_work_one_after_the_other(installation: Installation, tmp_path: Path) -> None:
    save(tmp_path)
    (tmp_path / ".waterclock").symlink_to(installation.folder / ".waterclock")
    (tmp_path / ".venv" / "bin").mkdir(parents=True)
    programs = shlex.quote(str(Path(sys.executable).parent))
    (tmp_path / ".venv" / "bin" / "activate").write_text(f"PATH={programs}:$PATH\n")
    host = installation.record.api.removeprefix("http://")
    commands = [_checked(block).replace(ADDRESS, host) for block in blocks() if block.test.startswith("run")]
    done = subprocess.run(
        ["bash", "-c", PRELUDE + "".join(commands)],
        cwd=tmp_path,
        env={**clean_environment(), "PATH": path_with_commands(tmp_path / "commands")},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    said = done.stdout + done.stderr
    assert done.returncode == 0, said
    told = ("not in */5", "left out: second pass", "would get a run")
    for word in ("event: run.succeeded", "Emden stands at 1.5 m", "/cronExpression", '"status":"succeeded"', *told):
        assert word in done.stdout, f"{word!r} is not in\n{said}"


def _checked(block: Block) -> str:
    expected = re.search(r"expecting (\d+)", block.test)
    if expected is None:
        return block.text
    return f"code=0; {{ {block.text} }} || code=$?; [ $code = {expected[1]} ]\n"


def test_the_table_of_routes_is_whole(installation: Installation) -> None:
    served = answered(httpx.get(f"{installation.record.api}/schema/openapi.json"))["paths"]
    operations = {f"{verb.upper()} {path}" for path, verbs in served.items() for verb in verbs if verb in VERBS}
    named = re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`]*)`", README.read_text())
    table = {name if name in ROOTED else name.replace(" /", " /v1/monitor/", 1) for name in named}
    assert _plain(operations | ROOTED) == _plain(table)


def _plain(routes: set[str]) -> set[str]:
    """The routes, whatever their parameters are called."""
    return {re.sub(r"\{\w+\}", "{id}", each) for each in routes}
