"""Verbs before an API of an earlier release, which knows fewer parameters."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import msgspec
import pytest
from click.testing import CliRunner

from waterclock.cli.main import main


class Earlier(BaseHTTPRequestHandler):
    """Has no jobs, of which it can explain nothing, and refuses the parameter `order`, which it does not know."""

    def do_GET(self) -> None:
        status, body = 200, msgspec.json.encode({"items": [], "nextCursor": None})
        if "order=" in self.path:
            flaw = {"pointer": "?order", "message": "is unknown"}
            problem = {"type": "/problems#bad-request", "title": "Bad request", "status": 400, "errors": [flaw]}
            status, body = 400, msgspec.json.encode(problem)
        elif self.path.endswith("/jobs/abc"):
            problem = {"type": "/problems#not-found", "title": "Not found", "status": 404}
            status, body = 404, msgspec.json.encode(problem)
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
