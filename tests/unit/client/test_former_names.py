"""Imports that the docs of earlier releases showed go on, and say once what they are called now."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize(
    ("line", "works", "warnings"),
    [
        ("from waterclock.client import Client, calls", "calls.list_runs()", 1),
        ("from waterclock.client import AsyncClient, calls", "calls.trigger_job('sea/tide')", 1),
        ("from waterclock.client.problems import Invalid, VersionMismatch", "Invalid", 1),
        ("import waterclock.client.calls as calls", "calls.list_runs()", 1),
        ("from waterclock.client import problems", "problems.Refused", 1),
        ("from waterclock.client import Client, endpoints, errors", "endpoints.list_runs(), errors.Refused", 0),
        ("from waterclock.testing.run_executor import Told, run_executor", "run_executor", 0),
        ("from waterclock.executors import RunContext, executor", "executor('a.b')", 0),
        ("from waterclock import GiveUp, Retry, RunContext, executor, lifespan", "executor('a.b')", 0),
    ],
)
def test_an_import_that_was_shown_goes_on(line: str, works: str, warnings: int) -> None:
    code = f"{line}\n{line}\n{works}"
    done = subprocess.run(
        [sys.executable, "-W", "always::DeprecationWarning", "-c", code], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert done.stderr.count("DeprecationWarning: waterclock.client.") == warnings, done.stderr
