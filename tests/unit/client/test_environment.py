"""A client that the environment describes, and the one that a whole process shares."""

# pyright: reportPrivateUsage=false

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import waterclock.client
from tests.support.proxy import Proxy
from waterclock.client import AsyncClient, Client, SettingsError, shortcuts
from waterclock.client.http import PATIENCE

FORKS = """
import os
from waterclock.client import shortcuts
with shortcuts._lock:  # as another thread of the parent may
    shortcuts._clients.append(object())
    if (child := os.fork()) == 0:
        os._exit(0 if shortcuts.shared_client().url == "http://127.0.0.1:1" else 1)
    raise SystemExit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


@pytest.fixture(autouse=True)
def described(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An environment that names an API, and the file of a key."""
    for name in ("API_URL", "API_KEY", "API_KEY_FILE", "CONTEXT"):
        monkeypatch.delenv(f"WATERCLOCK_{name}", raising=False)
    (tmp_path / "key").write_text("wck_a_secret\n")
    monkeypatch.setenv("WATERCLOCK_API_URL", "http://scheduler.example/")
    monkeypatch.setenv("WATERCLOCK_API_KEY_FILE", str(tmp_path / "key"))
    monkeypatch.setattr(shortcuts, "_clients", [])
    return tmp_path


async def test_both_clients_read_the_url_and_the_key_or_its_file() -> None:
    with Client.from_environment() as client:
        assert client.url == "http://scheduler.example"
        assert client._http.headers["Authorization"] == "Bearer wck_a_secret"
    async with AsyncClient.from_environment(timeout=4) as client:
        assert (client._http.timeout.read, client._patience) == (4, PATIENCE)
        assert client._http.headers["Authorization"] == "Bearer wck_a_secret"


def test_without_variables_it_is_the_api_of_this_machine_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("WATERCLOCK_API_URL")
    monkeypatch.delenv("WATERCLOCK_API_KEY_FILE")
    with Client.from_environment() as client:
        assert client.url == "http://127.0.0.1:8080"
        assert "Authorization" not in client._http.headers


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("API_URL", "localhost:8080", "WATERCLOCK_API_URL"),
        ("API_KEY", "wck_another", "both set"),
        ("API_KEY_FILE", "/nowhere/key", "cannot be read"),
    ],
)
def test_a_wrong_variable_is_named(monkeypatch: pytest.MonkeyPatch, name: str, value: str, said: str) -> None:
    monkeypatch.setenv(f"WATERCLOCK_{name}", value)
    with pytest.raises(SettingsError, match=said) as refused:
        waterclock.client.enqueue("demo.noop")
    assert "wck_another" not in str(refused.value)


async def test_threads_share_one_client(monkeypatch: pytest.MonkeyPatch) -> None:
    api = Proxy({"/v1/monitor/runs": b'{"runId": "r-1"}'})
    async with api.serving() as url:
        monkeypatch.setenv("WATERCLOCK_API_URL", url)
        together = threading.Barrier(4)

        def call() -> tuple[str, Client]:
            together.wait(timeout=20)
            return waterclock.client.enqueue("demo.noop", {"a": 1}, delay=5), shortcuts.shared_client()

        async with asyncio.TaskGroup() as tasks:
            calls = [tasks.create_task(asyncio.to_thread(call)) for _ in range(4)]
    [client] = {task.result()[1] for task in calls}
    client.close()
    assert {task.result()[0] for task in calls} == {"r-1"}


def test_a_forked_process_has_a_client_of_its_own_whoever_held_the_lock() -> None:
    environment = {"WATERCLOCK_API_URL": "http://127.0.0.1:1"}
    done = subprocess.run([sys.executable, "-c", FORKS], env=environment, timeout=60, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("call", [waterclock.client.enqueue, waterclock.client.trigger])
def test_parameters_that_are_given_as_options_are_an_error_and_nothing_is_sent(call: Callable[..., Any]) -> None:
    with pytest.raises(TypeError, match="'table'"):
        call("reports/daily", table="orders")
