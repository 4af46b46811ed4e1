"""What verbs take: jobs, runs, queues, executors and zones, which a shell completes, and moments."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol, TypeVar

import click
from click.shell_completion import CompletionItem

from waterclock.cli.options import suggestions
from waterclock.cli.options.moments import moment, use_zone, zone_named

F = TypeVar("F", bound=Callable[..., Any])
Suggest = Callable[[str], list[CompletionItem]]


class Named(click.ParamType[str]):
    """The name of something that there may be."""

    def __init__(self, name: str, suggest: Suggest, *, empty: str | None = None) -> None:
        """`empty`: what is said where it is none."""
        self.name = name
        self._suggest = suggest
        self._empty = empty

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if self._empty is not None and not str(value).strip():
            self.fail(self._empty, param, ctx)
        return value

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        with ctx.scope(cleanup=False):  # what is typed so far may name the API
            return self._suggest(incomplete)


JOB = Named("job", suggestions.jobs, empty="the job name is empty: give group/name, such as reports/nightly, or an id")
RUN = Named("run", suggestions.runs, empty="the run id is empty: give an id, or group/name for the last run of a job")
QUEUE = Named("queue", suggestions.queues)
WORKER = Named("worker", suggestions.workers)
EXECUTOR = Named("executor", suggestions.executors)
ZONE = Named("zone", suggestions.zones)


class Option(Protocol):
    """Puts an option to a verb."""

    def __call__(self, verb: F, /) -> F: ...


class Moment(click.ParamType[str]):
    """As `moments.moment` reads it."""

    name = "time"

    def __init__(self, *, end: bool = False, ahead: bool = False) -> None:
        self._end, self._ahead = end, ahead

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            return moment(str(value), end=self._end, ahead=self._ahead)
        except ValueError as error:
            self.fail(f"{value!r} {error}", param, ctx)


def _zone(ctx: click.Context, _param: click.Parameter, name: str | None) -> None:
    if name is None:
        return
    try:
        use_zone(ctx, zone_named(name))
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


def times(verb: F) -> F:
    """Options that say in which zone moments are read and shown."""
    in_zone = click.option(
        "--zone",
        metavar="ZONE",
        type=ZONE,
        is_eager=True,
        expose_value=False,
        callback=_zone,
        help="Time zone for times read and shown; by default that of TZ, else of this machine.",
    )
    return in_zone(utc_option(verb))


def moments(*names: str, wanted: str, end: bool = False, ahead: bool = False, required: bool = False) -> Option:
    """An option that takes a moment."""
    kind = Moment(end=end, ahead=ahead)
    return click.option(*names, metavar="TIME", type=kind, required=required, help=wanted)


def since(wanted: str, *, required: bool = False) -> Option:
    how = f"{wanted} Such as 1h, yesterday, '2026-11-28 03:00' or RFC 3339."
    return moments("--from", "--since", "from_", wanted=how, required=required)


def until(wanted: str, *, required: bool = False) -> Option:
    return moments("--to", "--until", "to", wanted=wanted, end=True, required=required)


utc_option = click.option(
    "--utc", flag_value="UTC", is_eager=True, expose_value=False, callback=_zone, help="Read and show times in UTC."
)
at_option = moments(
    "--at", "run_at", wanted="Start at: 1h is in an hour, 03:00 is the next one, or a date and time.", ahead=True
)
job_argument = click.argument("job", metavar="JOB", type=JOB)
run_argument = click.argument("run_id", metavar="RUN", type=RUN)
