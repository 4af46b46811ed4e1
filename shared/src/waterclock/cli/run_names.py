"""Which run is meant: by its id, or by `group/name` the last of a job; and whose a run is."""

from __future__ import annotations

from collections.abc import Generator, Mapping
from contextlib import contextmanager
from typing import Any

from waterclock.cli.output import complain
from waterclock.cli.terminal import Failure
from waterclock.client import endpoints
from waterclock.client.errors import ApiError, NotFound
from waterclock.client.http import Client
from waterclock.model.ids import ID_PATTERN

LIST = "List runs with `waterclock run list`, or give group/name for the last run of a job"


def run_id_of(client: Client, named: str, *, aloud: bool = False) -> str:
    """The id that is meant; `aloud`: say on standard error which run of a job that is.

    Raises:
        Failure: the job has no run.
        ApiError: there is no such job, or no answer.
    """
    if "/" not in named:
        return named
    page = client.send(endpoints.list_runs(job=named, limit=1))
    if not page.items:
        raise Failure(f"{named} has no run yet: start one with `waterclock job trigger {named}`")
    run = page.items[0]
    if aloud:
        complain(f"run {run.id} of {named}, {run.status}")
    return run.id


@contextmanager
def named_run(client: Client, named: str, *, aloud: bool = False) -> Generator[str]:
    """As `run_id_of`; that there is no such run is said with what to do.

    Raises:
        Failure: there is no such run.
    """
    run_id = run_id_of(client, named, aloud=aloud)
    try:
        if ID_PATTERN.fullmatch(run_id) is None:
            raise Failure(f"No run {named!r}. {LIST}.")
        yield run_id
    except NotFound:
        raise Failure(f"No run {named!r}. {LIST}.") from None


class Subjects:
    """Whose events are: `group/name`, or what a run without a job executes; asked for once each."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._known: dict[str, str] = {}

    def of(self, data: Mapping[str, Any]) -> str:
        """Whom an event is about: the name of its job and the id of its run, as far as it has them."""
        run_id, job_id = data.get("runId"), data.get("jobId")
        if data.get("type") == "job.changed" and job_id in self._known:
            del self._known[job_id]  # it may have another name
        if run_id is None:
            return str(data.get("queue") or "-") if job_id is None else self._name(job_id)
        if data.get("invokeTarget"):  # a request tells it
            name, group = data.get("jobName"), data.get("jobGroup")
            self._known[run_id.rpartition("-")[0]] = f"{group}/{name}" if name else data["invokeTarget"]
        return f"{self._name(run_id.rpartition('-')[0], run_id)}  {run_id}"

    def _name(self, job_id: str, run_id: str | None = None) -> str:
        if job_id not in self._known:
            self._known[job_id] = self._asked(job_id, run_id)
        return self._known[job_id]

    def _asked(self, job_id: str, run_id: str | None) -> str:
        """The id itself where nobody says more: the job is gone, or the key may not read it."""
        try:
            if run_id is not None:
                return self._client.send(endpoints.get_run(run_id)).named
            job = self._client.send(endpoints.get_job(job_id))
        except ApiError:
            return job_id
        return f"{job.job_group}/{job.job_name}"
