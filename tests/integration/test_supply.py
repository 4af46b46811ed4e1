"""The tools behind `make lock` and `make audit`, with services of our own: what they refuse, and cannot say."""

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.repository import ROOT
from tests.support.wheels import LONGEST, served, uv_program, wheel_of

AUDIT = ROOT / "deploy" / "supply" / "audit.py"


def uv(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith(("UV_", "VIRTUAL_ENV"))}
    env |= {"UV_CACHE_DIR": str(folder / "cache"), "UV_PYTHON_DOWNLOADS": "never", "NO_PROXY": "127.0.0.1"}
    command = [uv_program(), *arguments, "--no-config", "--python", sys.executable, "--project", str(folder)]
    return subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, check=False, timeout=LONGEST)


def test_uv_installs_nothing_that_is_not_what_the_lock_names(tmp_path: Path) -> None:
    name, content = wheel_of("tide", "1.0")
    page = f'<a href="/{name}#sha256={hashlib.sha256(content).hexdigest()}">{name}</a>'.encode()

    def index(path: str, body: bytes) -> tuple[str, bytes]:
        return ("application/zip", content) if path.endswith(".whl") else ("text/html", page)

    with served(index) as url:
        (tmp_path / "pyproject.toml").write_text(
            '[project]\nname = "sea"\nversion = "1"\nrequires-python = ">=3.11"\ndependencies = ["tide"]\n'
        )
        assert uv(tmp_path, "lock", "--default-index", f"{url}/simple").returncode == 0
        locked = tmp_path / "uv.lock"
        locked.write_text(re.sub(r"sha256:[0-9a-f]{64}", "sha256:" + "0" * 64, locked.read_text()))

        done = uv(tmp_path, "sync", "--frozen")

    assert done.returncode != 0
    assert "Hash mismatch" in done.stderr


@pytest.fixture
def requirements(tmp_path: Path) -> Path:
    file = tmp_path / "requirements.txt"
    file.write_text(f"tide==1.0 --hash=sha256:{'0' * 64}\nebb==2.0 --hash=sha256:{'1' * 64}\n")
    return file


def audit(requirements: Path, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, AUDIT, requirements, url]
    env = {**os.environ, "NO_PROXY": "127.0.0.1"}
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=LONGEST)


def test_an_audit_says_what_is_known_and_ends_with_1(requirements: Path) -> None:
    flaw = {
        "id": "GHSA-xxxx",
        "summary": "leaks",
        "published": "2026-01-01T00:00:00Z",
        "affected": [
            {
                "package": {"name": "tide", "ecosystem": "PyPI"},
                "ranges": [{"type": "ECOSYSTEM", "events": [{"introduced": "0"}, {"fixed": "1.1"}]}],
                "versions": ["1.0"],
            }
        ],
    }

    def osv(path: str, body: bytes) -> tuple[str, bytes]:
        known = [flaw] if json.loads(body)["package"]["name"] == "tide" else []
        return "application/json", json.dumps({"vulns": known} if known else {}).encode()

    with served(osv) as url:
        done = audit(requirements, url)

    assert (done.returncode, done.stdout) == (1, "tide 1.0: GHSA-xxxx, fixed in 1.1\n"), done.stderr


def test_an_audit_that_finds_nothing_says_of_how_many(requirements: Path) -> None:
    def osv(path: str, body: bytes) -> tuple[str, bytes]:
        return "application/json", b"{}"

    with served(osv) as url:
        done = audit(requirements, url)

    assert (done.returncode, done.stdout) == (0, "2 packages were looked up (osv): nothing is known of any.\n")


def test_an_audit_that_can_ask_nobody_does_not_call_it_well(requirements: Path) -> None:
    done = audit(requirements, "http://127.0.0.1:1")

    assert done.returncode == 69
    assert "Not audited: exit code 69" in done.stdout
