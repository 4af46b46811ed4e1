"""The second act: `db.backup` of Waterclock's own database, restored into another one and compared.

While it is dumped the projector is stopped, since it would go on to write the events of the backup's own run. So the
database stays as it was dumped, but for the table `reached`, and all others can be compared, to the last row.
"""

from pathlib import Path
from typing import Any

from waterclock.cli.progress.lines import waiting_for
from waterclock.client import AsyncClient, endpoints
from waterclock_dev.demo.compare import Table, different, tables
from waterclock_dev.demo.live import DemoFailed, run_by_hand
from waterclock_dev.demo.restore import fetched, restored
from waterclock_dev.demo.screen import Screen
from waterclock_dev.installation import Installation

BACKUP: dict[str, Any] = {
    "jobName": "backup",
    "jobGroup": "demo",
    "invokeTarget": "db.backup",
    "remark": "what to dump, and where to, the worker's configuration says",
}


async def play(installation: Installation, api: AsyncClient, folder: Path, screen: Screen) -> None:
    """
    Raises:
        DemoFailed: the stored backup is not what its manifest says, or restores to something else than was dumped.
        ServerError: a program failed; the message says which and how.
    """
    screen.title("A backup of Waterclock's own database, by Waterclock")
    job = await api.send(endpoints.create_job(BACKUP))
    screen.say(f"created demo/backup ({job.id}); the projector stops, so the database stays as it is dumped")
    postgres = installation.record.postgres
    async with installation.projection_stopped():
        ended = await run_by_hand(api, job, screen)
        dumped = await tables(postgres)
    dump = await fetched(installation.record.s3, ended["result"], folder)
    screen.say(f"fetched {ended['result']['object']}")
    screen.say(f"{dump.size:,} bytes, SHA-256 {dump.sha256[:16]}…: as its manifest says")
    with waiting_for("pg_restore"):
        copy = await tables(await restored(dump.file, postgres, installation.restorer))
    screen.say("restored by pg_restore into an empty database, and compared with the one that was dumped:")
    _compare(dumped, copy, screen)
    run = await api.wait(ended["runId"])
    screen.say(f"the projector is back and has caught up: run {run.id} {run.status} after {run.duration_ms} ms")


def _compare(dumped: dict[str, Table], copy: dict[str, Table], screen: Screen) -> None:
    unlike = different(dumped, copy)
    names = sorted(dumped.keys() | copy.keys())
    verdicts = ["differs" if name in unlike else "same" for name in names]
    screen.table(
        ["table", "rows", "SHA-256", "restored", "SHA-256", ""],
        [
            [name, *_cells(dumped.get(name)), *_cells(copy.get(name)), verdict]
            for name, verdict in zip(names, verdicts, strict=True)
        ],
    )
    if unlike:
        raise DemoFailed(f"restored otherwise than dumped: {', '.join(unlike)}")
    total = sum(table.rows for table in dumped.values())
    if not total:
        raise DemoFailed("the database that was dumped is empty")
    screen.say(f"compared every column of every row: {len(names)} tables, {total} rows, no difference")


def _cells(table: Table | None) -> tuple[str, str]:
    if table is None:
        return "none", ""
    return str(table.rows), table.sha256[:12] if table.rows else ""
