"""Signals, from the first moment of a process to its end."""

import os
import shutil
import signal
import subprocess
import sys

import pytest

SIGNALS = (signal.SIGTERM, signal.SIGHUP)
FIRST = ["unshare", "--user", "--map-root-user", "--pid", "--fork", "--mount-proc", "--"]
"""Runs a program as the first process of a container, for which the kernel drops signals without a handler."""
AT_FIRST_IMPORT = """
import os, runpy, sys

class Asking:
    def find_spec(self, name, path=None, target=None):
        if name == "click":  # all that takes its time to import comes after it
            os.kill(os.getpid(), int(sys.argv.pop()))
            print("lived on")

sys.meta_path.insert(0, Asking())
runpy.run_module("waterclock.cli", run_name="__main__")
"""
SERVING = """
import asyncio
from waterclock.kit.service import run_service

async def serve(stop):
    print("serving", flush=True)
    await stop.wait()
    await asyncio.sleep(0)
    print("drained", flush=True)

run_service(serve)
"""


def can_be_first() -> bool:
    return (
        shutil.which("unshare") is not None
        and subprocess.run([*FIRST, "true"], capture_output=True, check=False).returncode == 0
    )


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_process_of_a_container_ends_by_a_signal_while_it_starts(number: signal.Signals) -> None:
    if not can_be_first():
        pytest.skip("no process can be made the first of a namespace here")
    command = [*FIRST, sys.executable, "-c", AT_FIRST_IMPORT, "api", str(int(number))]
    ended = subprocess.run(command, capture_output=True, encoding="utf-8", timeout=60, check=False)
    assert (ended.returncode, ended.stdout) == (128 + number, ""), ended.stderr


@pytest.mark.parametrize("number", [*SIGNALS, signal.SIGINT])
def test_a_service_drains(number: signal.Signals) -> None:
    with serving() as process:
        process.send_signal(number)
        out, said = process.communicate(timeout=60)
    assert (process.returncode, out, said) == (0, "drained\n", "")


def test_a_service_that_is_to_outlive_its_terminal_does() -> None:
    with serving(preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN)) as process:
        process.send_signal(signal.SIGHUP)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "drained\n")


def test_a_hangup_beside_another_signal_is_not_the_second_one() -> None:
    with serving() as process:
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGHUP):
            os.kill(process.pid, number)
        out, _ = process.communicate(timeout=60)
    assert (process.returncode, out) == (0, "drained\n")


def serving(**options: object) -> "subprocess.Popen[str]":
    process = subprocess.Popen(
        [sys.executable, "-c", SERVING],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        **options,  # type: ignore[arg-type]
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "serving\n"
    return process
