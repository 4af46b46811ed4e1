"""Every command of a page that is run beside `waterclock dev` works, in order and in one shell."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from tests.support.installation import Installation, answered
from tests.support.pages import README, run_beside, staged
from tests.support.repository import DOCS, ROOT

GUIDE = DOCS / "reference" / "http-api.md"
VERBS = {"get", "post", "put", "delete"}
OPENED = {"GET /", "GET /api", "GET /console/"}
ROOTED = OPENED | {
    *("GET /livez", "GET /readyz", "GET /metrics"),
    *("GET /schema/openapi.json", "GET /schema/asyncapi.json"),
}
SAID = {
    "README.md": ("/cronExpression", "did you mean demo.noop?"),
    "docs/coming-from/asynq.md": ("2 ",),
    "docs/coming-from/celery-beat.md": ("succeeded",),
    "docs/coming-from/cronjobs.md": ("deleting carts older than 30 days",),
    "docs/coming-from/quartz.md": ("refused", "from Monday to Friday"),
    "docs/explanation/ledger.md": ('"after":"', '"fate":"fired"', '"reason":"hour"', '"ok":true'),
    "docs/explanation/misfires.md": ('"instants":3,"fired":1,"skipped":0,"coalesced":2',),
    "docs/how-to/back-up-a-database.md": ("tables have as many rows as in the dump", "| pg_restore --exit-on-error"),
    "docs/how-to/call-from-python.md": ("mail for order A-17", "succeeded"),
    "docs/how-to/call-http.md": ("https://books.example.com/close",),
    "docs/how-to/catch-up.md": ("runAll", "5 of 5"),
    "docs/reference/cli.md": ("succeeded", "first pass"),
    "docs/reference/events.md": ('"type":"run.succeeded"', "event: job.created"),
    "docs/reference/metrics.md": ('waterclock_queue_runs{queue="default"}',),
    "docs/reference/problems.md": ("/problems#invalid", '"requestId"'),
    "docs/reference/settings.md": ("[WATERCLOCK_SLOTS; default 10]",),
    "docs/how-to/write-an-executor.md": ("exported 240 rows", '{"rows":240}'),
    "docs/reference/cron.md": ("moved: the clock went forward",),
    "docs/how-to/jobs-as-code.md": ("1 to change, 0 to delete", "0 to change, 0 to delete, 1 unchanged"),
    "docs/reference/http-api.md": ("event: end", '"status":"succeeded"', "did you mean jobName?"),
    "docs/reference/job.md": ("buffer_one", '"timeoutFrom": "default"', "did you mean runAll?"),
    "docs/reference/job-files.md": ("1 to create", "1440 added"),
    "docs/reference/runs.md": ('"status":"cancelled","cancelReason":"requested"', " succeeded"),
}
"""What is looked for in what they say, page by page."""


@pytest.mark.parametrize("page", staged("dev"), ids=lambda page: str(page.relative_to(ROOT)))
def test_the_commands_work_one_after_the_other(page: Path, installation: Installation, tmp_path: Path) -> None:
    told = run_beside(installation, page, tmp_path)
    for word in SAID.get(str(page.relative_to(ROOT)), ()):
        assert word in told, f"{word!r} is not in\n{told}"


def test_a_page_of_which_answers_are_expected_is_run() -> None:
    assert SAID.keys() <= {str(page.relative_to(ROOT)) for page in staged("dev")}
    assert README in staged("dev")


def test_the_guide_names_every_route(installation: Installation) -> None:
    served = answered(httpx.get(f"{installation.record.api}/schema/openapi.json"))["paths"]
    operations = {f"{verb.upper()} {path}" for path, verbs in served.items() for verb in verbs if verb in VERBS}
    named = re.findall(r"`((?:GET|POST|PUT|DELETE) /[^`?]*)`", GUIDE.read_text())
    table = {name if name in ROOTED else name.replace(" /", " /v1/monitor/", 1) for name in named}
    assert _plain(operations | ROOTED) == _plain(table)


def _plain(routes: set[str]) -> set[str]:
    """The routes, whatever their parameters are called."""
    return {re.sub(r"\{\w+\}", "{id}", each) for each in routes}
