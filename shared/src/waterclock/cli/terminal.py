"""What all verbs share: the API that the environment names, errors as one line and an exit code, answers as lines."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from functools import wraps
from typing import Annotated, Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar

import click
import msgspec

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
from waterclock.client.http import TIMEOUT, Client
from waterclock.client.models import Page
from waterclock.client.request import Call
from waterclock.kit.settings import PREFIX, SettingsError, read, reading

P = ParamSpec("P")
T = TypeVar("T")

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


def connect(
    environment: Mapping[str, str] | None = None, *, timeout: float = TIMEOUT, patience: float = PATIENCE
) -> Client:
    """The API that the environment names.

    Raises:
        NotAsked: the setting is wrong.
    """
    try:
        own = read(ClientSettings, os.environ if environment is None else environment)
        return Client(own.api_url, key=own.api_key, timeout=timeout, patience=patience, proxies=True)
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
        yield f"More results: add --cursor {page.next_cursor}"


json_option = click.option("--json", "as_json", is_flag=True, help="Print the API's answer as it is.")
limit_option = click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="At most.")
cursor_option = click.option("--cursor", help="Cursor from the previous page.")
reason_option = click.option("--reason", help="Why; kept in the log.")
param_option = click.option("--param", "given", metavar="NAME=VALUE", multiple=True, help="A parameter; repeatable.")
params_option = click.option("--params", "whole", metavar="JSON", help="All parameters, as a JSON object.")
unknown_option = click.option("--allow-unknown", is_flag=True, help="Also an executor that no worker ever announced.")
delay_option = click.option("--delay", metavar="DURATION", help="How long after now: seconds, 1h30m, or ISO 8601.")
wait_option = click.option("--wait", is_flag=True, help="Wait for its end; exit code 1 if it does not succeed.")
follow_option = click.option("--follow", is_flag=True, help="Follow it to its end; exit code 1 if it does not succeed.")
version_option = click.option("--version", type=int, help="Only if the job still has this version.")
