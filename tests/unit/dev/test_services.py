"""A service is ready when it says so, and an error when it ends before."""

import sys

import pytest

from waterclock_dev import services
from waterclock_dev.servers.server import ServerError
from waterclock_dev.services import Service, run_once

WAIT = 20.0  # s


def doing(code: str, monkeypatch: pytest.MonkeyPatch) -> Service:
    def command(verb: str, arguments: tuple[str, ...] = ()) -> list[str]:
        return [sys.executable, "-uc", code]

    monkeypatch.setattr(services, "command", command)
    return Service("tide", verb="tide", env={}, on_line=lambda _: None, grace=WAIT)


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-23T12:00:00.000Z info    worker: ready worker=one slots=10",
        "2026-11-23T12:00:00.000Z info    api: ready",
        '{"at": "2026-11-23T12:00:00.000Z", "level": "info", "service": "api", "event": "ready"}',
    ],
)
async def test_a_service_is_ready_when_it_says_so(line: str, monkeypatch: pytest.MonkeyPatch) -> None:
    service = doing(f"print('starting'); print({line!r}); import time; time.sleep(600)", monkeypatch)
    await service.start()
    try:
        await service.ready(deadline=WAIT)
    finally:
        await service.stop()
    assert await service.exited() < 0


async def test_a_service_that_ends_first_is_an_error_with_its_last_words(monkeypatch: pytest.MonkeyPatch) -> None:
    service = doing("print('WATERCLOCK_REDIS_URL: no'); raise SystemExit(2)", monkeypatch)
    await service.start()
    with pytest.raises(ServerError, match=r"(?s)tide exited with 2 before it was ready.*WATERCLOCK_REDIS_URL: no"):
        await service.ready(deadline=WAIT)
    await service.stop()  # nothing to do


async def test_a_service_that_says_nothing_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    service = doing("print('not ready yet'); import time; time.sleep(600)", monkeypatch)
    await service.start()
    try:
        with pytest.raises(ServerError, match=r"was not ready in 0.5 s"):
            await service.ready(deadline=0.5)
    finally:
        await service.stop()


async def test_a_command_that_fails_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    doing("print('no tables'); raise SystemExit(1)", monkeypatch)
    with pytest.raises(ServerError, match=r"(?s)tide exited with 1.*no tables"):
        await run_once("tide", env={}, on_line=lambda _: None, deadline=WAIT)
