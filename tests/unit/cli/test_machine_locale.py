"""A terminal that speaks no UTF-8: what it lacks is replaced, what it says is read as it says it."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import msgspec
import pytest

from tests.support.locales import ASCII, is_ascii, latin_1
from waterclock.client.models import Job, Page

NAME = "prüfung ☕"
JOB = Job(
    job_name=NAME,
    invoke_target="demo.noop",
    id="a",
    version=1,
    created_at="2027-01-15T10:00:00.000Z",
    updated_at="2027-01-15T10:00:00.000Z",
)


@contextmanager
def an_api(asked: list[bytes]) -> Generator[str]:
    """One that has a job, and takes another."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._answer(200, Page(items=(JOB,), next_cursor=None))

        def do_POST(self) -> None:
            asked.append(self.rfile.read(int(self.headers["Content-Length"])))
            self._answer(201, JOB)

        def _answer(self, status: int, answer: object) -> None:
            body = msgspec.json.encode(answer)
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002, ARG002
            return

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def typed(url: str, machine: dict[str, str], *arguments: str | bytes) -> tuple[int, bytes, bytes]:
    done = subprocess.run(
        [sys.executable, "-m", "waterclock.cli", *arguments],
        env={**os.environ, **machine, "WATERCLOCK_API_URL": url},
        capture_output=True,
        check=False,
        timeout=60,
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize("name", ["ascii", "latin-1"])
def test_verbs_go_through_at_a_terminal_of_another_encoding(tmp_path: Path, name: str) -> None:
    machine = ASCII if name == "ascii" else latin_1(tmp_path)
    shown = (
        NAME.encode() if is_ascii(machine) else b"pr\xfcfung \\u2615"
    )  # ASCII is what a machine says that says nothing
    asked: list[bytes] = []
    with an_api(asked) as url:
        code, out, said = typed(url, machine, "job", "list")
        assert (code, said) == (0, b"")
        assert shown in out

        code, out, said = typed(url, machine, "job", "create", b"demo/caf\xe9", "demo.noop")
    assert b"Traceback" not in said
    if is_ascii(machine):
        assert (code, asked) == (2, [])
        assert said.splitlines()[-1].endswith(
            b"holds bytes that are not text in ASCII, which this process reads: set LC_ALL=C.UTF-8"
        )
    else:
        assert (code, said) == (0, b"")
        assert msgspec.json.decode(asked[0])["jobName"] == "café"
        assert b"pr\xfcfung" in out
