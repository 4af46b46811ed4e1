"""Start a run in one line: `trigger` for a job, `enqueue` for an executor, by one client of the whole process.

The client is made at the first call, from the environment, and shared by all threads. A process that was forked from
one that had a client makes its own.
"""

from __future__ import annotations

import os
import threading
from typing import Unpack

from waterclock.client.http import Client
from waterclock.client.request import Body, RunOptions, TriggerOptions

TIMEOUT = 10.0  # s; somebody waits for a page meanwhile
PATIENCE = 3.0  # s

_lock = threading.Lock()
_clients: list[Client] = []  # at most one


def trigger(job: str, params: Body | None = None, **options: Unpack[TriggerOptions]) -> str:
    """Request a run of a job, named by `group/name` or id; the id of the run.

    Raises:
        ApiError: it was refused, or no answer came.
        SettingsError: the environment names no API that can be asked.
    """
    return shared_client().trigger(job, params, **options)


def enqueue(executor: str, params: Body | None = None, **options: Unpack[RunOptions]) -> str:
    """Request a run of an executor, without a job; the id of the run.

    Raises:
        ApiError: it was refused, or no answer came.
        SettingsError: the environment names no API that can be asked.
    """
    return shared_client().enqueue(executor, params, **options)


def shared_client() -> Client:
    """The client of this process."""
    with _lock:
        if not _clients:
            _clients.append(Client.from_environment(timeout=TIMEOUT, patience=PATIENCE))
        return _clients[0]


def _forget() -> None:
    """After a fork: connections and the lock are the parent's."""
    global _lock  # noqa: PLW0603 - another thread of the parent may hold the former one for ever
    _lock = threading.Lock()
    _clients.clear()


os.register_at_fork(after_in_child=_forget)
