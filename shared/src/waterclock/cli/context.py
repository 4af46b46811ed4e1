"""`waterclock context`: APIs by name, so that a verb needs no more than `--context prod`.

`waterclock whoami` asks the API that is meant who the key stands for.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, ParamSpec

import click
import msgspec
from click.shell_completion import CompletionItem

from waterclock.cli.connection import contexts
from waterclock.cli.connection.contexts import Context, ContextError
from waterclock.cli.connection.resolve import resolve, url_text
from waterclock.cli.options.arguments import times
from waterclock.cli.options.moments import shown
from waterclock.cli.output import complain, put_json, say
from waterclock.cli.tables import Part, Table, facts, table
from waterclock.cli.terminal import NotAsked, json_option, speaking
from waterclock.cli.terminal import show as show_answer
from waterclock.client import endpoints
from waterclock.client.environment import key_text
from waterclock.client.http import Client
from waterclock.client.models import Me
from waterclock.kit.settings import SettingsError, text_of_file

P = ParamSpec("P")

_LONGEST = 1 << 20  # bytes of a key


class _Name(click.ParamType[str]):
    name = "name"

    def shell_complete(self, ctx: click.Context, param: click.Parameter, incomplete: str) -> list[CompletionItem]:  # noqa: ARG002
        return [CompletionItem(name) for name in contexts.names() if name.startswith(incomplete)]


def _local(verb: Callable[P, None]) -> Callable[P, None]:
    """A verb that asks nobody; what is wrong with a context ends it."""

    @wraps(verb)
    def done(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            verb(*args, **kwargs)
        except (ContextError, SettingsError) as error:
            raise NotAsked(str(error)) from None

    return done


def _url(_ctx: click.Context, _param: click.Parameter, text: str) -> str:
    try:
        return url_text(text)
    except ValueError as error:
        raise click.BadParameter(str(error)) from None


_name = click.argument("name", metavar="NAME", type=_Name())


@click.group()
def context() -> None:
    """Contexts: add, list, use, show, remove."""


@context.command(short_help="Store the URL and the key of an API under a name.")
@click.argument("name", metavar="NAME")
@click.option("--url", required=True, callback=_url, help="URL of the API, such as https://waterclock.example.")
@click.option(
    "--api-key-file", "path", type=click.Path(dir_okay=False), metavar="FILE", help="File to copy the key from."
)
@click.option("--no-key", is_flag=True, help="Store no key; WATERCLOCK_API_KEY is used if it is set.")
@click.option("--replace", is_flag=True, help="Overwrite a context of this name.")
@_local
def add(name: str, url: str, path: str | None, *, no_key: bool, replace: bool) -> None:
    """Store the URL and the key of an API under a name. Without --api-key-file it asks for the key, or reads a pipe.

    They are stored in your configuration folder, readable only by you. The key is an API key or a token.
    """
    if no_key and path is not None:
        raise click.UsageError("--api-key-file and --no-key: give one of them")
    kept = contexts.path_of(name)
    if not replace and name in contexts.names():
        raise ContextError(f"the context {name} already exists: overwrite it with --replace")
    contexts.save(name, Context(url=url, key=None if no_key else _key(path)))
    complain(f"Saved in {kept}. Make it the default with `waterclock context use {name}`.")


def _key(path: str | None) -> str:
    """
    Raises:
        NotAsked: there is none, or it is no key.
    """
    where = "standard input" if path is None else "--api-key-file"
    try:
        if path is not None:
            return key_text(text_of_file(path))
        closed = sys.stdin is None  # pyright: ignore[reportUnnecessaryComparison] - at the start
        if not closed and sys.stdin.isatty():
            return key_text(click.prompt("Key or token", hide_input=True, err=True).strip())
        text = "" if closed else sys.stdin.buffer.read(_LONGEST).decode("ascii", errors="replace").strip()
        if not text:
            raise NotAsked("standard input holds no key: pipe it in, give its file with --api-key-file, or --no-key")
        return key_text(text)
    except ValueError as error:
        raise NotAsked(f"{where}: {error}") from None


@context.command("list")
@json_option
@_local
def list_(*, as_json: bool) -> None:
    """List the contexts; a star marks the one in use."""
    found = [_told(name) for name in contexts.names()]
    if as_json:
        put_json(msgspec.json.encode({"items": found}))
    else:
        say(_table(found))


def _told(name: str) -> dict[str, Any]:
    """What is shown of a context: never its key."""
    told: dict[str, Any] = {"name": name, "inUse": contexts.in_use() == name}
    try:
        found = contexts.load(name)
    except ContextError as error:
        return told | {"url": None, "hasKey": None, "flaw": str(error)}
    return told | {"url": found.url, "hasKey": found.key is not None, "flaw": None}


def _table(found: list[dict[str, Any]]) -> Iterator[Part]:
    keys = {None: None, True: "kept", False: "none"}
    rows = [("*" if one["inUse"] else " ", one["name"], one["url"], keys[one["hasKey"]], one["flaw"]) for one in found]
    yield table((" ", "context", "url", "key", "flaw"), rows, wraps={"flaw"})


@context.command(short_help="Use a context in all commands.")
@click.argument("name", metavar="[NAME]", type=_Name(), required=False)
@click.option("--none", "nothing", is_flag=True, help="Use no context.")
@_local
def use(name: str | None, *, nothing: bool) -> None:
    """Use the context NAME in all commands, unless an option or a variable says otherwise."""
    if nothing == (name is not None):
        raise click.UsageError("give one context, or --none")
    contexts.use(name)


@context.command(short_help="Show a context, or what commands use now.")
@click.argument("name", metavar="[NAME]", type=_Name(), required=False)
@json_option
@_local
def show(name: str | None, *, as_json: bool) -> None:
    """Show a context, or without NAME the URL that commands use now and where it comes from. Keys are not shown."""
    if name is not None:
        found = contexts.load(name)
        told: dict[str, Any] = {"name": name, "url": found.url, "hasKey": found.key is not None}
        told["file"] = str(contexts.path_of(name))
    else:
        own = resolve()
        told = {"url": own.url, "urlFrom": own.url_from, "hasKey": own.key is not None}
        told["keyFrom"] = None if own.key is None else own.key_from
    if as_json:
        put_json(msgspec.json.encode(told))
    else:
        say([facts(told)])


@context.command(short_help="Remove a context.")
@_name
@_local
def remove(name: str) -> None:
    """Remove a context. Its key stays valid: `waterclock key revoke` revokes it."""
    contexts.remove(name)


@click.command(short_help="Show who the API takes you for, and what you may do.")
@json_option
@times
@speaking
def whoami(client: Client, *, as_json: bool) -> None:
    """Show who the API takes you for, and what you may do. Any valid API key or token will do."""
    show_answer(client, endpoints.get_me(), _who, as_json=as_json)


def _who(me: Me) -> Iterator[Part]:
    kind = "API key" if me.kind == "key" else me.kind
    pace = me.limits.requests_per_second
    yield Table(
        (),
        [
            ("caller", f"{kind} {me.name}" if me.name else "anybody: the API asks nobody for credentials"),
            ("scopes", ", ".join(me.scopes) or "none"),
            ("expires", shown(me.expires_at) or "never"),
            ("rate limit", "none" if pace is None else f"{pace:g} requests per second"),
        ],
    )
