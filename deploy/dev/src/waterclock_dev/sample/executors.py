"""The executors of the sample's jobs: they play for real what the past of those jobs tells."""

from __future__ import annotations

import asyncio
import builtins
from typing import Annotated, Any

import msgspec

from waterclock import RunContext, executor
from waterclock.model.outcomes import Error
from waterclock_dev.sample.chance import Chance
from waterclock_dev.sample.plays import Line, Mood, StepPlay, perform
from waterclock_dev.sample.scripts import DOWN, SCRIPTS

Text = Annotated[str, msgspec.Meta(min_length=1, max_length=200)]
Number = Annotated[int, msgspec.Meta(ge=1, le=100_000)]
_PARTS = 20  # steps of a progress


class Params(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, rename="camel"):
    """What all have in common."""


class Backup(Params, frozen=True, kw_only=True):
    """A database, and where its dump goes."""

    database: Text
    bucket: Text
    keep_days: Number = 30


class Report(Params, frozen=True, kw_only=True):
    """A report, and who gets it."""

    report: Text
    recipients: Text


class Sync(Params, frozen=True, kw_only=True):
    """From where to where, and how much at once."""

    source: Text
    target: Text
    page_size: Number = 200


class Clean(Params, frozen=True, kw_only=True):
    """What is deleted, and from which age."""

    what: Text
    older_than: Text


class Invoices(Params, frozen=True, kw_only=True):
    """A ledger and its currency."""

    ledger: Text
    currency: Text = "EUR"


class Pdf(Params, frozen=True, kw_only=True):
    """The template of the documents."""

    template: Text


class Ping(Params, frozen=True, kw_only=True):
    """Who is asked."""

    url: Text


class Load(Params, frozen=True, kw_only=True):
    """From which topic into which warehouse, and how many rows at once."""

    source: Text
    target: Text
    batch: Number = 10_000


class Train(Params, frozen=True, kw_only=True):
    """A model."""

    model: Text


class Reindex(Params, frozen=True, kw_only=True):
    """A search index."""

    index: Text
    shards: Number = 6


class Mail(Params, frozen=True, kw_only=True):
    """What is sent to whom."""

    list: Text
    template: Text


class Certificates(Params, frozen=True, kw_only=True):
    """Whose certificates are looked at."""

    host: Text


class Rates(Params, frozen=True, kw_only=True):
    """Whose rates, against which currency."""

    provider: Text
    base: Text = "EUR"


class Import(Params, frozen=True, kw_only=True):
    """Where files are fetched."""

    host: Text
    folder: Text = "/"


class Vacuum(Params, frozen=True, kw_only=True):
    """The tables of a schema."""

    schema: Text


@executor("backup.dump", timeout=21_600)
async def backup_dump(ctx: RunContext, params: Backup) -> dict[str, Any]:
    """Dump a database into an object store, and read it back."""
    return await _play(ctx, "backup.dump", params)


@executor("report.build", timeout=900)
async def report_build(ctx: RunContext, params: Report) -> dict[str, Any]:
    """Build a report and send it."""
    return await _play(ctx, "report.build", params)


@executor("sync.pull", timeout=3_600)
async def sync_pull(ctx: RunContext, params: Sync) -> dict[str, Any]:
    """Take over what has changed in another system."""
    return await _play(ctx, "sync.pull", params)


@executor("data.clean", timeout=600)
async def data_clean(ctx: RunContext, params: Clean) -> dict[str, Any]:
    """Delete what is older than it is to be kept."""
    return await _play(ctx, "data.clean", params)


@executor("invoice.create", timeout=1_800)
async def invoice_create(ctx: RunContext, params: Invoices) -> dict[str, Any]:
    """Create the invoices of a period and post them."""
    return await _play(ctx, "invoice.create", params)


@executor("invoice.render", timeout=600)
async def invoice_render(ctx: RunContext, params: Pdf) -> dict[str, Any]:
    """Render invoices as PDF."""
    return await _play(ctx, "invoice.render", params)


@executor("health.ping", timeout=30)
async def health_ping(ctx: RunContext, params: Ping) -> dict[str, Any]:
    """Ask a service whether it is well."""
    return await _play(ctx, "health.ping", params)


@executor("etl.load", timeout=1_800)
async def etl_load(ctx: RunContext, params: Load) -> dict[str, Any]:
    """Load events into the warehouse."""
    return await _play(ctx, "etl.load", params)


@executor("ml.train", timeout=2_700)
async def ml_train(ctx: RunContext, params: Train) -> dict[str, Any]:
    """Train a model, evaluate and publish it."""
    return await _play(ctx, "ml.train", params)


@executor("search.reindex", timeout=3_600)
async def search_reindex(ctx: RunContext, params: Reindex) -> dict[str, Any]:
    """Build a search index anew beside the live one, and switch over."""
    return await _play(ctx, "search.reindex", params)


@executor("mail.send", timeout=1_800)
async def mail_send(ctx: RunContext, params: Mail) -> dict[str, Any]:
    """Send a mail to all of a list."""
    return await _play(ctx, "mail.send", params)


@executor("certs.check", timeout=300)
async def certs_check(ctx: RunContext, params: Certificates) -> dict[str, Any]:
    """Look how long certificates are valid."""
    return await _play(ctx, "certs.check", params)


@executor("rates.fetch", timeout=120)
async def rates_fetch(ctx: RunContext, params: Rates) -> dict[str, Any]:
    """Fetch the exchange rates of the day."""
    return await _play(ctx, "rates.fetch", params)


@executor("ftp.import", timeout=600)
async def ftp_import(ctx: RunContext, params: Import) -> dict[str, Any]:
    """Import the files of a partner."""
    return await _play(ctx, "ftp.import", params)


@executor("table.vacuum", timeout=3_600)
async def table_vacuum(ctx: RunContext, params: Vacuum) -> None:
    """Vacuum the tables of a schema."""
    await _play(ctx, "table.vacuum", params)


def mood_now(params: Params) -> Mood:
    """How an attempt with these parameters goes today."""
    return "failing" if isinstance(params, Load) and params.target == DOWN else "well"


async def _play(ctx: RunContext, key: str, params: Params) -> Any:
    words = msgspec.to_builtins(params)
    play = perform(SCRIPTS[key], words, Chance(f"{ctx.run_id} {ctx.attempt}"), mood_now(params))
    rest = play.ms - sum(step.ms for step in play.steps)
    for place, one in enumerate(play.steps):
        async with ctx.step(one.name) as step:
            passed = 0
            for at, tell in _told(one):
                await asyncio.sleep((at - passed) / 1000)
                passed = at
                if isinstance(tell, Line):
                    step.log("%s", tell.text, level=tell.level)
                else:
                    step.progress(tell, one.total)
            await asyncio.sleep((one.ms - passed) / 1000)
            if play.error is not None and place == len(play.steps) - 1:
                raise _exception(play.error)
    await asyncio.sleep(rest / 1000)
    if play.error is not None:
        raise _exception(play.error)
    return play.result


def _told(step: StepPlay) -> list[tuple[int, Line | float]]:
    """Lines and progress of a step, each with its ms."""
    told: list[tuple[int, Line | float]] = [(line.after, line) for line in step.lines]
    if step.total is not None:
        told += [(step.ms * part // _PARTS, step.total * part / _PARTS) for part in range(1, _PARTS + 1)]
    return sorted(told, key=lambda one: one[0])


def _exception(error: Error) -> Exception:
    kind = getattr(builtins, error.type, RuntimeError)
    return kind(error.message)
