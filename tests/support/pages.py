"""The pages of README and docs: their blocks of code, and what the comment before each says of its test.

| comment | what becomes of the block |
|---|---|
| `run` | its commands are run in the order of the page, in one shell; `expecting N` is the exit code of the last one |
| `each in a terminal` | each line is a process that stays, waited for until it is ready (stage `operator`) |
| `save as FILE` | a file that the page's commands find; one with an executor is loaded by the worker |
| `elsewhere, tests/…` | the tests named run it |
| `by form, tests/…: cluster` | a cluster, `docker` or `systemd` would be needed: the tests named check its form |

A page with commands that are run names by `<!-- stage: NAME -->` what they are run beside: `dev` is a `waterclock dev`,
`operator` are a Valkey and a Postgres alone, `project` is an environment with our wheels in a folder of one's own.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.support.commands import path_with_commands
from tests.support.installation import Installation, clean_environment
from tests.support.repository import DOCS, ROOT

README = ROOT / "README.md"
RUNNABLE = ("sh", "python", "toml", "yaml", "ini", "nginx", "sql")
"""Languages of what a reader types or saves; `text` and `json` are what is answered."""
COMMENT = re.compile(
    r"run(?: expecting \d+| with the (?:projector stopped|api restarted))?(?:[:,] .+)?"
    r"|each in a terminal|save as [\w./-]+"
    r"|(?:elsewhere|by form), tests/[\w./-]+\.py(?: .+|[:,] .+)?"
)
NEEDS = ("cluster", "docker", "systemd")
ADDRESS = "localhost:8080"
LONGEST = 90.0  # s, a page
PRELUDE = "set -eo pipefail\ntrap 'kill $(jobs -p) 2>/dev/null || true' EXIT\n"
_BLOCK = re.compile(
    r"(?:^<!-- test: (?P<test>.+?) -->\n)?^```(?P<language>\w*)[^\n]*\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)
_STAGE = re.compile(r"^<!-- stage: (\w+) -->$", re.MULTILINE)


class Block(NamedTuple):
    test: str  # empty when no comment says
    text: str
    language: str = "sh"


def pages() -> list[Path]:
    return [README, *sorted(DOCS.rglob("*.md"))]


def stage(page: Path) -> str:
    """What the commands of a page are run beside; empty where none are."""
    found = _STAGE.search(page.read_text())
    return found[1] if found else ""


def staged(name: str) -> list[Path]:
    return [page for page in pages() if stage(page) == name]


def every_block(page: Path) -> list[Block]:
    """Those of answers, too."""
    return [Block(found["test"] or "", found["text"], found["language"]) for found in _BLOCK.finditer(page.read_text())]


def blocks(page: Path = README) -> list[Block]:
    return [block for block in every_block(page) if block.language in RUNNABLE]


def save(folder: Path, page: Path = README) -> list[Path]:
    """Write the files that a page shows to a folder."""
    shown = [block for block in blocks(page) if block.test.startswith("save as ")]
    files = [folder / block.test.removeprefix("save as ") for block in shown]
    for file, block in zip(files, shown, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
    return files


def save_executors(folder: Path) -> list[Path]:
    """Write what pages that are run beside `waterclock dev` show for its worker."""
    saved = [file for page in staged("dev") for file in save(folder, page)]
    twice = {file.name for file in saved if saved.count(file) > 1}
    assert not twice, f"two pages save {twice}"
    return [file for file in saved if file.suffix == ".py" and "@executor(" in file.read_text()]


def checked(block: Block) -> str:
    """The commands of a block, and the exit code that its comment says."""
    expected = re.search(r"expecting (\d+)", block.test)
    if expected is None:
        return block.text
    return f"code=0; {{ {block.text} }} || code=$?; [ $code = {expected[1]} ]\n"


def run_beside(installation: Installation, page: Path, folder: Path) -> str:
    """Run a page's commands as a reader in `folder` would; what they say."""
    save(folder, page)
    (folder / ".waterclock").symlink_to(installation.folder / ".waterclock")
    (folder / ".venv" / "bin").mkdir(parents=True)
    programs = Path(sys.executable).parent
    (folder / ".venv" / "bin" / "activate").write_text(f"PATH={shlex.quote(str(programs))}:$PATH\n")
    host = installation.record.api.removeprefix("http://")
    commands = [checked(block).replace(ADDRESS, host) for block in blocks(page) if block.test.startswith("run")]
    path = f"{path_with_commands(folder / 'commands')}:{programs}"
    done = subprocess.run(
        ["bash", "-c", PRELUDE + "".join(commands)],
        cwd=folder,
        env={**clean_environment(), "PATH": path, "WATERCLOCK_API_URL": installation.record.api},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
