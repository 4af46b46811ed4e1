"""What a shell completes: names that the API knows now. Where it does not answer at once, there are none."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import wraps
from zoneinfo import available_timezones

import click
from click.shell_completion import CompletionItem

from waterclock.cli.terminal import connect
from waterclock.client import endpoints
from waterclock.client.errors import ApiError
from waterclock.client.http import Client

TIMEOUT = 1.0  # s; who presses TAB waits
JOBS, RUNS = 1000, 200
"""How many are asked for."""
Suggestion = tuple[str, str]
"""A word, and what it is."""


def _asking(find: Callable[[Client, str], Iterable[Suggestion]]) -> Callable[[str], list[CompletionItem]]:
    @wraps(find)
    def found(incomplete: str) -> list[CompletionItem]:
        try:
            with connect(timeout=TIMEOUT, patience=0) as client:
                words = dict(find(client, incomplete))
        except (ApiError, click.ClickException):  # a shell has no place for it
            return []
        return [CompletionItem(word, help=what) for word, what in words.items() if _fits(word, incomplete)]

    return found


@_asking
def jobs(client: Client, incomplete: str) -> Iterable[Suggestion]:
    """By `group/name`."""
    group, slash, _ = incomplete.partition("/")
    call = endpoints.list_jobs(group=group if slash else None, limit=JOBS)
    for job in client.send(call).items:
        yield f"{job.job_group}/{job.job_name}", job.invoke_target


@_asking
def runs(client: Client, incomplete: str) -> Iterable[Suggestion]:
    """The newest, by their ids; and jobs, whose last run is meant."""
    for run in client.send(endpoints.list_runs(limit=RUNS)).items:
        if run.job_name is not None:
            yield run.named, "its last run"
        if incomplete and "/" not in incomplete:
            yield run.id, f"{run.named} {run.status}"


@_asking
def queues(client: Client, _incomplete: str) -> Iterable[Suggestion]:
    for queue in client.send(endpoints.list_queues()).items:
        yield queue.name, "paused" if queue.paused else "open"


@_asking
def workers(client: Client, _incomplete: str) -> Iterable[Suggestion]:
    for worker in client.send(endpoints.list_workers(limit=RUNS)).items:
        if worker.left_at is None:
            yield worker.name, f"{worker.status}, runs {worker.running}"


@_asking
def executors(client: Client, _incomplete: str) -> Iterable[Suggestion]:
    for executor in client.send(endpoints.list_executors()).items:
        yield executor.key, executor.description.partition("\n")[0]


def zones(incomplete: str) -> list[CompletionItem]:
    return [CompletionItem(name) for name in sorted(available_timezones()) if _fits(name, incomplete)]


def _fits(word: str, incomplete: str) -> bool:
    """A word with a blank, or with what a terminal obeys, is not completed: a shell takes it apart."""
    return word.startswith(incomplete) and word.isprintable() and not any(sign.isspace() for sign in word)
