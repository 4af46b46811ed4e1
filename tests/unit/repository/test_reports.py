"""A test that fails over half of a surrogate pair is told as any other, also where xdist runs it."""

from __future__ import annotations

from typing import Any

import pytest
from execnet.gateway_base import dumps, loads


def test_a_report_with_half_a_surrogate_pair_reaches_the_process_that_tells_it(request: pytest.FixtureRequest) -> None:
    report = pytest.TestReport(
        nodeid="test_x.py::test_y[\udcff]",
        location=("test_x.py", 1, "test_y"),
        keywords={"\ud83d": 1},
        outcome="failed",
        longrepr="assert 'ü \ud800' == 'ü \\ud800'",
        when="call",
        sections=[("Captured stdout call", "\udc80 printed")],
    )
    hook: Any = request.config.hook

    sent = loads(dumps(hook.pytest_report_to_serializable(config=request.config, report=report)))
    told = hook.pytest_report_from_serializable(config=request.config, data=sent)

    assert told.longreprtext == "assert 'ü \\ud800' == 'ü \\ud800'"
    assert (told.nodeid, told.capstdout, told.outcome) == ("test_x.py::test_y[\\udcff]", "\\udc80 printed", "failed")
