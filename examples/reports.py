"""An executor of your own. Try it:

    waterclock dev --executors examples/reports.py

and give a job the invokeTarget `report.daily` and the invokeParams `{"table": "orders"}`.
"""

import asyncio
from datetime import timedelta

import msgspec

from waterclock import GiveUp, Retry, RunContext, executor

TABLES = {"orders": 240, "customers": 60}


class ReportParams(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    table: str
    page: int = 40


class ReportResult(msgspec.Struct, frozen=True, kw_only=True):
    rows: int
    total: float


@executor("report.daily", timeout=timedelta(minutes=10))
async def daily_report(ctx: RunContext, params: ReportParams) -> ReportResult:
    """Add up a table, page by page."""
    rows = TABLES.get(params.table)
    if rows is None:
        raise GiveUp(f"there is no table {params.table!r}")  # no attempt will find one

    total = 0.0
    async with ctx.step("Collect rows") as step:
        step.log("reading %s for %s", params.table, ctx.nominal_at or "now")
        for done in range(0, rows, params.page):
            total += sum([await price(row) for row in range(done, done + params.page)])
            step.progress(min(done + params.page, rows), rows)

    async with ctx.step("Send") as step:
        if ctx.attempt == 1:
            raise Retry(timedelta(seconds=5), "the mail server is busy")  # the next attempt starts from the beginning
        # Side effects may happen twice if a worker dies: the run's id makes a second one recognisable.
        step.log("sent with idempotency key %s", ctx.run_id)
    return ReportResult(rows=rows, total=round(total, 2))


async def price(row: int) -> float:
    """Stands in for a database."""
    await asyncio.sleep(0.001)
    return 10 + row % 7
