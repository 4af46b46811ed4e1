"""Forty jobs of one group, of which the last two are disabled: to be disabled together and restored."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.support.installation import Installation

GROUP = "fleet"
FORTY = 40
ALL_BUT_TWO = {f"pump-{n:02d}" for n in range(FORTY - 2)}


def created(installation: Installation, group: str, name: str, **members: Any) -> str:
    body = {"jobGroup": group, "jobName": name, "invokeTarget": "demo.noop", "cronExpression": "0 4 * * *"}
    return str(installation.post("/jobs", {**body, **members})["id"])


def jobs_of(installation: Installation, group: str) -> list[dict[str, Any]]:
    return list(installation.get(f"/jobs?jobGroup={group}&limit=100")["items"])


def enabled(installation: Installation, group: str) -> set[str]:
    return {job["jobName"] for job in jobs_of(installation, group) if job["status"] == "0"}


def kept(installation: Installation) -> Iterator[str]:
    """The name of their group, until they are deleted."""
    ids = [created(installation, GROUP, f"pump-{n:02d}") for n in range(FORTY)]
    yield GROUP
    for one in ids:
        installation.delete(f"/jobs/{one}")


def as_at_first(installation: Installation) -> None:
    for job in jobs_of(installation, GROUP):
        status = "0" if job["jobName"] in ALL_BUT_TWO else "1"
        if job["status"] != status:
            installation.api.put(f"/jobs/{job['id']}/status", json={"status": status}).raise_for_status()
