"""What all verbs share: the API that the environment names, errors as one line and an exit code, answers as lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Annotated, Any, Concatenate, Literal, ParamSpec, Protocol, TypeAlias, TypeVar

import click
import msgspec

from waterclock.cli.moments import moment, use_zone, zone_named
from waterclock.cli.output import complain, put_json, say
from waterclock.cli.tables import Part
from waterclock.client.errors import (
    Ambiguous,
    ApiError,
    BadRequest,
    Closed,
    Forbidden,
    Refused,
    Unauthenticated,
    Unreachable,
)
from waterclock.client.exchange import api_root, decode, following
from waterclock.client.http import Client
from waterclock.client.models import Page
from waterclock.client.request import Call
from waterclock.kit.settings import PREFIX, SettingsError, read, reading

P = ParamSpec("P")
T = TypeVar("T")
F = TypeVar("F", bound=Callable[..., Any])

NO = 1
"""Exit code where the API was asked, and the answer is no: it refused, or a run did not succeed."""
Order: TypeAlias = Literal["oldest", "newest"]
PATIENCE = 2.0  # s; who waits at a terminal would rather know


def _key(text: str) -> str:
    """
    Raises:
        ValueError: no header can hold it; no part of it is repeated.
    """
    for place, sign in enumerate(text):
        if not "!" <= sign <= "~":
            what = "a blank" if sign.isspace() else "a character that is not ASCII" if sign > "~" else "a control"
            raise ValueError(f"holds {what} as character {place + 1} of {len(text)}: a key or token is one word")
    return text


class ClientSettings(msgspec.Struct, frozen=True, kw_only=True):
    api_url: Annotated[str, reading(api_root)] = "http://127.0.0.1:8080"
    api_key: Annotated[str, reading(_key)] | None = None


class Failure(click.ClickException):
    """The answer is no: one line that says why."""

    exit_code = NO


class NotAsked(Failure):
    """It was not asked, or did not answer: wrong usage, a wrong setting, an API out of reach."""

    exit_code = 2


class NotTold(Failure):
    """What was followed goes on, and the credential that it was followed with has ended."""

    exit_code = 3


def connect(environment: Mapping[str, str] | None = None) -> Client:
    """The API that the environment names.

    Raises:
        NotAsked: the setting is wrong.
    """
    try:
        own = read(ClientSettings, os.environ if environment is None else environment)
        return Client(own.api_url, key=own.api_key, patience=PATIENCE, proxies=True)
    except SettingsError as error:
        raise NotAsked(str(error)) from None


def speaking(verb: Callable[Concatenate[Client, P], None]) -> Callable[P, None]:
    """A verb that is given the API first; what that refuses ends the verb."""

    @wraps(verb)
    def spoken(*args: P.args, **kwargs: P.kwargs) -> None:
        with connect() as client:
            try:
                verb(client, *args, **kwargs)
            except (Unauthenticated, Forbidden) as error:
                raise Failure(unlocked(error)) from None
            except (Refused, Ambiguous) as error:
                raise Failure(str(error)) from None
            except Unreachable as error:
                message = str(error).replace(client.url, f"{client.url} ({PREFIX}API_URL)", 1)
                raise NotAsked(message) from None
            except Closed as error:
                raise NotTold(f"{error} ({PREFIX}API_KEY)") from None
            except ApiError as error:
                raise NotAsked(f"{error} ({PREFIX}API_URL)") from None

    return spoken


def unlocked(error: Unauthenticated | Forbidden) -> str:
    """What is wrong with the key, and where it comes from."""
    if isinstance(error, Unauthenticated) and not os.environ.get(f"{PREFIX}API_KEY"):
        return f"The API asks who calls: set {PREFIX}API_KEY to a key (`waterclock key create`) or a token."
    return f"{error} ({PREFIX}API_KEY)"


def show(client: Client, call: Call[T], told: Callable[[T], Iterable[Part]], *, as_json: bool) -> None:
    """Print an answer as it is, or in the lines that tell it."""
    if as_json:
        put_json(client.fetch(call))
        return
    say(told(client.send(call)))


def show_newest(
    client: Client,
    call: Callable[[Order | None], Call[T]],
    told: Callable[[T], Iterable[Part]],
    *,
    as_json: bool,
    oldest: bool = False,
) -> None:
    """As `show`, newest first; an API of an earlier release knows one order, and that is said."""
    try:
        show(client, call(None if oldest else "newest"), told, as_json=as_json)
    except BadRequest as error:
        if oldest or all(flaw.pointer != "?order" for flaw in error.errors):
            raise
        complain("note: this API lists the oldest first")
        show(client, call(None), told, as_json=as_json)


def show_pages(client: Client, call: Call[Page[Any]]) -> None:
    """Print this page of a list and all that follow as they are, one a line."""
    while True:
        answer = client.fetch(call)
        put_json(answer)
        cursor = decode(answer, call.kind).next_cursor
        if cursor is None:
            return
        call = following(call, cursor)


def more(page: Page[Any]) -> Iterable[str]:
    """Says how to ask for what follows a page, if anything does."""
    if page.next_cursor is not None:
        yield f"There are more: the same with --cursor {page.next_cursor}"


class JobName(click.ParamType[str]):
    """group/name, or an id."""

    name = "job"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        if not str(value).strip():
            self.fail("an empty name is no job: give group/name, such as reports/nightly, or an id", param, ctx)
        return value


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
        is_eager=True,
        expose_value=False,
        callback=_zone,
        help="Read and show times in this zone; by default in this machine's, or that of TZ.",
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
JOB = JobName()
json_option = click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it is.")
limit_option = click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most.")
cursor_option = click.option("--cursor", help="Where the page before ended.")
reason_option = click.option("--reason", help="Why; kept in the log.")
param_option = click.option("--param", "given", metavar="NAME=VALUE", multiple=True, help="A parameter; repeatable.")
params_option = click.option("--params", "whole", metavar="JSON", help="All parameters, as a JSON object.")
unknown_option = click.option("--allow-unknown", is_flag=True, help="Also an executor that no worker ever announced.")
delay_option = click.option("--delay", metavar="DURATION", help="How long after now: seconds, 1h30m, or ISO 8601.")
at_option = moments("--at", "run_at", wanted="When: 1h is in an hour, 03:00 the next, or a date and time.", ahead=True)
wait_option = click.option("--wait", is_flag=True, help="Wait for its end; exit code 1 if it does not succeed.")
follow_option = click.option("--follow", is_flag=True, help="Follow it to its end; exit code 1 if it does not succeed.")
job_argument = click.argument("job", metavar="JOB", type=JOB)
version_option = click.option("--version", type=int, help="Only if the job still has this version.")
