"""Our five packages as `make wheels` builds them, and an index that holds strangers' packages."""

from __future__ import annotations

import hashlib
import io
import os
import re
import shutil
import subprocess
import sys
import threading
import zipfile
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.util import find_spec
from pathlib import Path

from tests.support.repository import ROOT

PACKAGES = {
    "waterclock": "shared",
    "waterclock-api": "services/api",
    "waterclock-dev": "deploy/dev",
    "waterclock-scheduler": "services/scheduler",
    "waterclock-worker": "services/worker",
}
"""The name of each, and its folder."""

LONGEST = 60.0  # s
Answer = Callable[[str, bytes], tuple[str, bytes]]  # path and body asked → content type and body answered


def uv_program() -> str:
    return os.environ.get("UV") or shutil.which("uv") or str(ROOT / ".uv" / "bin" / "uv")


def plain_environment() -> dict[str, str]:
    """Ours without what names an environment, pip's index or the make that runs the tests; uv finds its cache by it."""
    foreign = ("MAKE", "MFLAGS", "PIP_", "PYTHON", "UV_PROJECT", "VIRTUAL_ENV")
    said = {name: value for name, value in os.environ.items() if not name.startswith(foreign)}
    pip = {"PIP_CONFIG_FILE": os.devnull, "PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_COMPILE": "1"}
    return said | pip | {"NO_PROXY": ",".join(("127.0.0.1", said.get("NO_PROXY", "")))}


def ran(*words: str | Path, folder: Path = ROOT, env: Mapping[str, str] | None = None) -> str:
    """What a program says that ends well."""
    done = subprocess.run(
        words,
        cwd=folder,
        env=plain_environment() if env is None else env,
        capture_output=True,
        text=True,
        check=False,
        timeout=LONGEST,
    )
    assert done.returncode == 0, f"{words}\n{done.stdout}{done.stderr}"
    return done.stdout


def built(folder: Path) -> dict[str, Path]:
    """The wheel of each package, by its name."""
    ran("make", "--silent", "wheels", f"DIST={folder}")
    return {one.name.partition("-")[0].replace("_", "-"): one for one in folder.glob("*.whl")}


def environment_at(folder: Path) -> Path:
    """A fresh virtual environment with a command `pip`: that of the tests, which sees what is installed there alone."""
    ran(uv_program(), "venv", "--quiet", "--no-project", "--python", sys.executable, folder)
    pip_of_tests = find_spec("pip")
    assert pip_of_tests is not None
    (packages_of(folder) / "pip").symlink_to(Path(str(pip_of_tests.origin)).parent)
    pip = folder / "bin" / "pip"
    pip.write_text(f'#!/bin/sh\nexec {folder}/bin/python -m pip "$@"\n')
    pip.chmod(0o755)
    return folder


def installed(folder: Path, wheels: Mapping[str, Path]) -> Path:
    """A fresh environment with all of our wheels and what they ask for, by the lock: what uv has in its cache."""
    env = plain_environment() | {"UV_PROJECT_ENVIRONMENT": str(folder)}
    words = ("--no-dev", "--no-install-workspace", "--package", "waterclock-dev", "--python", sys.executable)
    ran(uv_program(), "sync", "--quiet", "--frozen", *words, env=env)
    python = folder / "bin" / "python"
    ran(uv_program(), "pip", "install", "--quiet", "--no-deps", "--python", python, *wheels.values(), env=env)
    ran(uv_program(), "pip", "check", "--python", python, env=env)
    _take_bytecode(packages_of(Path(sys.prefix)), packages_of(folder))
    return folder


def _take_bytecode(ours: Path, theirs: Path) -> None:
    """Spare an environment to compile what ours has compiled; where a source is another, Python sees it."""
    for found in ours.glob("**/__pycache__"):
        place = theirs / found.relative_to(ours)
        if place.parent.is_dir() and not place.exists():
            place.mkdir()
            for each in found.iterdir():
                (place / each.name).symlink_to(each)


def packages_of(environment: Path) -> Path:
    (found,) = environment.glob("lib/python3*/site-packages")
    return found


def wheel_of(name: str, version: str, build: str = "", needs: str = "") -> tuple[str, bytes]:
    """A package that holds nothing but a module of its name; before it what its file is called."""
    stem = name.replace("-", "_")
    info = f"{stem}-{version}.dist-info"
    files = {
        f"{stem}_there.py": "",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        + (f"Requires-Dist: {needs}\n" if needs else ""),
        f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in (*files, f"{info}/RECORD"))
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w") as archive:
        for file, text in files.items():
            archive.writestr(file, text)
    return f"{stem}-{version}{build and '-' + build}-py3-none-any.whl", content.getvalue()


class Index:
    """What a package index serves: a package by its name, in each of the versions added."""

    def __init__(self) -> None:
        self.asked: set[str] = set()  # names of packages
        self._files: dict[str, dict[str, bytes]] = {}

    def add(self, name: str, version: str, build: str = "") -> None:
        file, content = wheel_of(name, version, build)
        self._files.setdefault(re.sub(r"[-_.]+", "-", name).lower(), {})[file] = content

    def __call__(self, path: str, _body: bytes) -> tuple[str, bytes]:
        name, _, file = path.strip("/").removeprefix("simple/").partition("/")
        if file:
            return "application/zip", self._files[name][file]
        self.asked.add(name)
        links = [
            f'<a href="/{name}/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a>'
            for file, content in self._files.get(name, {}).items()
        ]
        return "text/html", "\n".join(links).encode()


@contextmanager
def served(answer: Answer) -> Generator[str]:
    """A server on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = self.rfile.read(int(self.headers.get("content-length", 0)))
            kind, content = answer(self.path, body)
            self.send_response(200)
            self.send_header("content-type", kind)
            self.send_header("content-length", str(len(content)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(content)

        do_HEAD = do_POST = do_GET  # noqa: N815  the names that http.server asks for

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  as it is called
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    serving = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()
