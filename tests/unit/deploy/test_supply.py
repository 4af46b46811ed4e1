"""What is done about code of others: the lock that may be believed, and exceptions of bandit with a reason each."""

import copy
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib.metadata import Distribution
from pathlib import Path
from typing import Any

import pytest

from tests.support.repository import script
from tests.unit.deploy.stands import DEPLOY, ROOT

Lock = dict[str, Any]
SCRIPT = DEPLOY / "supply" / "lock.py"
TEXT = (ROOT / "uv.lock").read_text()
LOCK: Lock = tomllib.loads(TEXT)


lock = script(SCRIPT)


def flaws(changed: Lock) -> list[str]:
    return list(lock.flaws_of_lock(changed, lock.members_of(ROOT)))


def package(changed: Lock, name: str) -> dict[str, Any]:
    return next(one for one in changed["package"] if one["name"] == name)


def test_the_lock_is_without_a_flaw() -> None:
    assert flaws(LOCK) == []
    assert len(LOCK["package"]) > 100


def _no_hash(changed: Lock) -> None:
    del package(changed, "msgspec")["wheels"][0]["hash"]


def _weak_hash(changed: Lock) -> None:
    package(changed, "msgspec")["sdist"]["hash"] = "md5:" + "0" * 32


def _other_index(changed: Lock) -> None:
    package(changed, "msgspec")["source"] = {"registry": "https://pypi.example.org/simple"}


def _from_git(changed: Lock) -> None:
    package(changed, "msgspec")["source"] = {"git": "https://example.org/msgspec?rev=main#" + "0" * 40}


def _other_host(changed: Lock) -> None:
    artifact = package(changed, "msgspec")["wheels"][0]
    artifact["url"] = artifact["url"].replace("files.pythonhosted.org", "files.example.org")


def _other_file(changed: Lock) -> None:
    package(changed, "msgspec")["wheels"][0]["url"] = package(changed, "redis")["wheels"][0]["url"]


def _nothing(changed: Lock) -> None:
    one = package(changed, "msgspec")
    del one["sdist"], one["wheels"]


def _ours_from_elsewhere(changed: Lock) -> None:
    package(changed, "waterclock-api")["source"] = {"registry": lock.INDEX}


def _one_more_member(changed: Lock) -> None:
    changed["manifest"]["members"].append("waterclock-extra")


@pytest.mark.parametrize(
    ("tamper", "said"),
    [
        (_no_hash, "has no SHA-256 but None"),
        (_weak_hash, "has no SHA-256 but 'md5:"),
        (_other_index, "not from the index"),
        (_from_git, "not from the index"),
        (_other_host, "is not of files.pythonhosted.org"),
        (_other_file, "is not of msgspec"),
        (_nothing, "nothing to install"),
        (_ours_from_elsewhere, "is ours, in services/api"),
        (_one_more_member, "waterclock-extra"),
    ],
)
def test_a_lock_that_was_tampered_with_is_refused(tamper: Callable[[Lock], None], said: str) -> None:
    changed = copy.deepcopy(LOCK)
    tamper(changed)

    found = flaws(changed)

    assert len(found) == 1
    assert said in found[0]


def test_the_check_ends_with_1_and_names_the_flaw(tmp_path: Path) -> None:
    file = tmp_path / "uv.lock"
    file.write_text(re.sub(r'hash = "sha256:[0-9a-f]{64}"', 'hash = "sha256:"', TEXT, count=1))

    done = subprocess.run([sys.executable, SCRIPT, file], capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 1
    assert len(done.stdout.splitlines()) == 1
    assert "has no SHA-256" in done.stdout


def test_an_installed_file_that_was_changed_is_named(tmp_path: Path) -> None:
    own = tmp_path / "tide-1.0.dist-info"
    own.mkdir()
    (own / "METADATA").write_text("Metadata-Version: 2.1\nName: tide\nVersion: 1.0\n")
    digest = "47DEQpj8HBSa-_TImW-5JCeuQeRkm5NMpJWZG3hSuFU"  # of nothing
    names = ("kept.py", "changed.py", "gone.py")
    (own / "RECORD").write_text(
        "".join(f"{name},sha256={digest},0\n" for name in names) + "tide-1.0.dist-info/RECORD,,\n"
    )
    (tmp_path / "kept.py").touch()
    (tmp_path / "changed.py").write_text("other")

    found = list(lock.flaws_of_environment([Distribution.at(own)]))

    assert found == ["tide: changed.py was changed after it was installed", "tide: gone.py: No such file or directory"]


def test_a_process_that_would_skip_its_asserts_does_not_start() -> None:
    command = [sys.executable, "-O", "-m", "waterclock.cli", "worker", "--help"]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "Python runs without asserts" in done.stderr


def test_each_exception_of_bandit_names_its_rule_and_its_reason() -> None:
    found = 0
    for folder in ("shared", "services", "deploy", "examples"):
        for file in (ROOT / folder).rglob("*.py"):
            for line in file.read_text().splitlines():
                if "# nosec" in line:
                    found += 1
                    assert re.search(r"# nosec B\d{3} # \S.*\S$", line), f"{file}: {line}"
    assert found > 5
