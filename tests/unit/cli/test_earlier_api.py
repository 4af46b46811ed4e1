"""Verbs before an API of an earlier release, which knows fewer parameters."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib.resources import files

import msgspec
import pytest
from click.testing import CliRunner

from waterclock.cli.main import main

LINES = [
    {"position": "0-1-1", "at": "2026-11-25T02:59:40.118Z", "runId": "abc-1", "attempt": 1, "step": None}
    | {"level": "info", "text": text}
    for text in ("one", "two", "three")
]


RUN = json.loads(files("waterclock_api").joinpath("assets", "examples.json").read_bytes())["getRun"]["responses"]["200"]


class Earlier(BaseHTTPRequestHandler):
    """Has no jobs, of which it can explain nothing, and refuses `order` and `steps`, which it does not know."""

    def do_GET(self) -> None:
        status, body = 200, msgspec.json.encode({"items": [], "nextCursor": None})
        unknown = next((name for name in ("order", "steps") if f"{name}=" in self.path), None)
        if unknown is not None:
            flaw = {"pointer": f"?{unknown}", "message": "is unknown"}
            problem = {"type": "/problems#bad-request", "title": "Bad request", "status": 400, "errors": [flaw]}
            status, body = 400, msgspec.json.encode(problem)
        elif self.path.endswith("/jobs/abc"):
            problem = {"type": "/problems#not-found", "title": "Not found", "status": 404}
            status, body = 404, msgspec.json.encode(problem)
        elif self.path == "/v1/monitor/runs/abc-1":
            body = msgspec.json.encode(RUN)
        elif self.path.startswith("/v1/monitor/runs/abc-1/logs"):
            body = msgspec.json.encode({"items": LINES, "nextCursor": None})
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called there
        pass


@pytest.fixture
def url() -> Iterator[str]:
    with HTTPServer(("127.0.0.1", 0), Earlier) as server:
        serving = threading.Thread(target=server.serve_forever)
        serving.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        serving.join()


@pytest.mark.parametrize(
    ("words", "said"), [(("job", "list"), "No jobs found."), (("explain", "abc"), "No scheduled times found.")]
)
def test_an_api_that_knows_one_order_is_asked_for_that_and_it_is_said(
    url: str, words: tuple[str, ...], said: str
) -> None:
    done = CliRunner().invoke(main, words, env={"WATERCLOCK_API_URL": url})
    assert (done.exit_code, done.stdout) == (0, f"{said}\n"), done.output
    assert done.stderr == "note: this API lists the oldest entries first\n"


def test_the_last_lines_are_found_by_reading_all_where_an_api_knows_one_order(url: str) -> None:
    done = CliRunner().invoke(main, ("run", "logs", "abc-1", "--tail", "2"), env={"WATERCLOCK_API_URL": url})
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert [line.split()[-1] for line in done.stdout.splitlines()] == ["two", "three"]


def test_a_run_is_shown_with_the_steps_of_its_last_attempt_where_an_api_knows_no_others(url: str) -> None:
    done = CliRunner().invoke(main, ("run", "show", "abc-1", "--all"), env={"WATERCLOCK_API_URL": url})
    assert (done.exit_code, done.stderr) == (0, ""), done.output
    assert RUN["steps"][0]["name"] in done.stdout
