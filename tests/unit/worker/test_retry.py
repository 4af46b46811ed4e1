"""Which waits for Redis are told."""

from __future__ import annotations

import pytest

from waterclock.log.connection.errors import Halted, LogUnavailable
from waterclock_worker import retry
from waterclock_worker.retry import OPENING, until_answered


@pytest.mark.parametrize(
    ("error", "times", "told"),
    [
        (Halted("The partition is not open."), OPENING - 1, []),
        (Halted("The partition is not open."), OPENING, ["redis unavailable", "redis available again"]),
        (LogUnavailable("It does not answer."), 1, ["redis unavailable", "redis available again"]),
    ],
)
async def test_a_partition_that_is_about_to_be_opened_is_no_warning(
    error: Exception, times: int, told: list[str], monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(retry, "FIRST", 0.0)
    caplog.set_level("INFO")
    left = [error] * times

    async def call() -> str:
        if left:
            raise left.pop()
        return "answer"

    assert await until_answered(call, what="join") == "answer"
    assert [one.getMessage() for one in caplog.records] == told
