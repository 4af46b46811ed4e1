"""What all verbs share: the API that is named, errors as one line and an exit code, answers as lines."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Concatenate, Literal, ParamSpec, TypeAlias, TypeVar

import click

from waterclock.cli.connection.options import KEY_FILE, connection_options
from waterclock.cli.connection.resolve import KEY_VARIABLE, Connection, resolve
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
from waterclock.client.exchange import decode, following
from waterclock.client.http import TIMEOUT, Client
from waterclock.client.models import Page
from waterclock.client.request import Call
from waterclock.kit.settings import SettingsError

P = ParamSpec("P")
T = TypeVar("T")

NO = 1
"""Exit code where the API was asked, and the answer is no: it refused, or a run did not succeed."""
Order: TypeAlias = Literal["oldest", "newest"]
PATIENCE = 2.0  # s; who waits at a terminal would rather know


class Failure(click.ClickException):
    """The answer is no: one line that says why."""

    exit_code = NO


class NotAsked(Failure):
    """It was not asked, or did not answer: wrong usage, a wrong setting, an unreachable API."""

    exit_code = 2


class NotTold(Failure):
    """What was followed goes on, and the credential that it was followed with has ended."""

    exit_code = 3


def connect(
    environment: Mapping[str, str] | None = None, *, timeout: float = TIMEOUT, patience: float = PATIENCE
) -> Client:
    """The API that options, the environment or a context name.

    Raises:
        NotAsked: one of them is wrong.
    """
    return client_of(connected(environment), timeout=timeout, patience=patience)


def connected(environment: Mapping[str, str] | None = None) -> Connection:
    """As `connect`, what names the API."""
    try:
        return resolve(environment)
    except SettingsError as error:
        raise NotAsked(str(error)) from None


def client_of(own: Connection, *, timeout: float = TIMEOUT, patience: float = PATIENCE) -> Client:
    return Client(own.url, key=own.key, timeout=timeout, patience=patience, proxies=True)


def speaking(verb: Callable[Concatenate[Client, P], None]) -> Callable[P, None]:
    """A verb that is given the API first; what that refuses ends the verb. It takes the options that name the API."""

    @connection_options
    @wraps(verb)
    def spoken(*args: P.args, **kwargs: P.kwargs) -> None:
        own = connected()
        with client_of(own) as client, told_apart(own):
            verb(client, *args, **kwargs)

    return spoken


@contextmanager
def told_apart(own: Connection) -> Generator[None]:
    """What an API refuses, or that it does not answer, ends the verb in a line that says where its name comes from."""
    try:
        yield
    except (Unauthenticated, Forbidden) as error:
        raise Failure(unlocked(error, own)) from None
    except (Refused, Ambiguous) as error:
        raise Failure(str(error)) from None
    except Unreachable as error:
        raise NotAsked(str(error).replace(own.url, f"{own.url} ({own.url_from})", 1)) from None
    except Closed as error:
        raise NotTold(f"{error} ({own.key_from})") from None
    except ApiError as error:
        raise NotAsked(f"{error} ({own.url_from})") from None


def unlocked(error: Unauthenticated | Forbidden, own: Connection) -> str:
    """What is wrong with the key, and where it comes from."""
    if isinstance(error, Unauthenticated) and own.key is None:
        return (
            f"Authentication required: set {KEY_VARIABLE} to an API key (`waterclock key create`) or a token, or "
            f"give its file with {KEY_FILE}."
        )
    return f"{error} ({own.key_from})"


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
        complain("note: this API lists the oldest entries first")
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


json_option = click.option("--json", "as_json", is_flag=True, help="Print the API's JSON response.")
limit_option = click.option(
    "--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="Maximum number of items."
)
cursor_option = click.option("--cursor", help="Cursor from the previous page.")
reason_option = click.option("--reason", help="Reason; stored in the event.")
param_option = click.option(
    "--param", "given", metavar="NAME=VALUE", multiple=True, help="Parameter of the executor; repeatable."
)
params_option = click.option("--params", "whole", metavar="JSON", help="All parameters as a JSON object.")
unknown_option = click.option(
    "--allow-unknown", is_flag=True, help="Accept an executor that no worker has ever announced."
)
delay_option = click.option("--delay", metavar="DURATION", help="Start after this time: seconds, 1h30m, or ISO 8601.")
wait_option = click.option("--wait", is_flag=True, help="Wait until the run ends; exit code 1 if it does not succeed.")
follow_option = click.option(
    "--follow", is_flag=True, help="Follow the run until it ends; exit code 1 if it does not succeed."
)
version_option = click.option("--version", type=int, help="Only if the job has this version.")
