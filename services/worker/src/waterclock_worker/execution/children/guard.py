"""`python -m …children.guard FD`: stands between a worker and the process that executes an attempt.

    worker ──stdin: the task, then held open──► guard ──fork──► executor's process ──► whatever that starts

What is orphaned below the guard becomes its child (`PR_SET_CHILD_SUBREAPER`), also from other groups and sessions. When
the executor's process ends, or the standard input does (the worker wants all of it dead, or is dead itself), the guard
kills every process below it, and then ends as the executor's process did.

It keeps the pipe of the words open, so that the executor's process finds it again should it close all it has.
It imports little, and forks before anything else is imported: an attempt costs no second start of the interpreter.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import resource
import select
import signal
import sys
from pathlib import Path

_PR_SET_PDEATHSIG, _PR_SET_CHILD_SUBREAPER = 1, 36  # linux/prctl.h
_LINUX = sys.platform == "linux"


def main(fd: int) -> None:
    """Guard one executor's process; `fd` is the pipe for its words."""
    task = _first_line()
    _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    rung, bell = os.pipe()
    os.set_blocking(bell, False)
    signal.set_wakeup_fd(bell)
    for number in (signal.SIGCHLD, signal.SIGTERM):  # SIGTERM is meant for the others of our group
        signal.signal(number, lambda _number, _frame: None)
    guard = os.getpid()
    executing = os.fork()
    if not executing:
        os.close(rung)
        os.close(bell)
        _execute(fd, task, guard)
        return
    status = _until_over(executing, rung)
    _end_as(_clear(executing, status))


def _execute(fd: int, task: bytes, guard: int) -> None:
    signal.set_wakeup_fd(-1)
    for number in (signal.SIGCHLD, signal.SIGTERM):
        signal.signal(number, signal.SIG_DFL)
    _prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != guard:
        os._exit(1)
    os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
    from waterclock_worker.execution.children import child  # noqa: PLC0415 - what the guard itself does without

    child.main(fd, task)


def _until_over(executing: int, rung: int) -> int | None:
    """Wait for the end of the executor's process, or of our standard input; the status of the former."""
    while True:
        ready, _, _ = select.select([0, rung], [], [])
        if rung in ready:
            os.read(rung, 4096)
        status = None
        with contextlib.suppress(ChildProcessError):
            while (ended := os.waitpid(-1, os.WNOHANG))[0]:
                status = ended[1] if ended[0] == executing else status
        if status is not None or (0 in ready and not os.read(0, 4096)):
            return status


def _clear(executing: int, status: int | None) -> int:
    """Kill and reap until nothing is left below us: the children of one that was killed become ours."""
    with contextlib.suppress(ChildProcessError):
        while True:
            if not os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT):
                for child in _children() if _LINUX else [executing]:
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(child, signal.SIGKILL)
            pid, ended = os.waitpid(-1, 0)
            status = ended if pid == executing else status
    return status or 0


def _children() -> list[int]:
    """The children of this process. Not every kernel lists them, so all processes are looked at."""
    found: list[int] = []
    for process in Path("/proc").iterdir():
        if process.name.isdigit():
            with contextlib.suppress(OSError):  # it has ended meanwhile
                fields = (process / "stat").read_bytes().rpartition(b")")[2].split()
                if int(fields[1]) == os.getpid():
                    found.append(int(process.name))
    return found


def _end_as(status: int) -> None:
    """End with the exit code, or by the signal, of another process."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        os._exit(code)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    with contextlib.suppress(OSError):  # SIGKILL has no handler
        signal.signal(-code, signal.SIG_DFL)
    os.kill(os.getpid(), -code)
    os._exit(128 - code)  # signals are delivered before `kill` returns


def _first_line() -> bytes:
    line = b""
    while not line.endswith(b"\n") and (chunk := os.read(0, 65536)):
        line += chunk
    return line


def _prctl(option: int, value: int) -> None:
    """Elsewhere than on Linux only the group is killed, by the worker."""
    if _LINUX:
        ctypes.CDLL(None).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
