"""`--url`, `--api-key-file` and `--context`: which API a verb speaks to. They stand before the verb or behind it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar, cast

import click
from click.shell_completion import CompletionItem

F = TypeVar("F", bound=Callable[..., Any])

URL, KEY_FILE, CONTEXT = "--url", "--api-key-file", "--context"
_CHOSEN = "waterclock.connection"
"""Where the context of a command keeps what was chosen."""


def chosen() -> Mapping[str, str]:
    """What the command that is executed was given, by the option."""
    ctx = click.get_current_context(silent=True)
    return {} if ctx is None else cast("dict[str, str]", ctx.meta.get(_CHOSEN, {}))


def refuse_unused(verb: str) -> None:
    """
    Raises:
        UsageError: something was chosen, and `verb` asks no API.
    """
    if given := chosen():
        raise click.UsageError(f"`waterclock {verb}` does not use the API: leave out {' and '.join(given)}")


def connection_options(verb: F) -> F:
    url = _option(URL, metavar="URL", help="URL of the API, such as https://waterclock.example.")
    key = _option(
        KEY_FILE,
        metavar="FILE",
        type=click.Path(dir_okay=False),
        help="File with the API key or token. There is no option for the key itself.",
    )
    context = _option(
        CONTEXT,
        metavar="NAME",
        shell_complete=_contexts,
        help="Use the URL and key of a context (`waterclock context add`).",
    )
    return url(key(context(verb)))


def _option(name: str, **more: Any) -> Callable[[F], F]:
    return click.option(name, is_eager=True, expose_value=False, callback=_choose, **more)


def _choose(ctx: click.Context, param: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    if not value.strip():
        raise click.BadParameter("is empty: leave it out, or give a value")
    name = param.opts[0]
    found = cast("dict[str, str]", ctx.meta.setdefault(_CHOSEN, {}))
    if name in found:
        raise click.BadParameter("is given before and after the command: give it once")
    found[name] = value.strip()
    if URL in found and CONTEXT in found:
        raise click.BadParameter(f"{URL} and {CONTEXT} cannot be combined: give one of them")


def _contexts(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[CompletionItem]:
    from waterclock.cli.connection import contexts  # noqa: PLC0415 - every process of ours imports this module

    return [CompletionItem(name) for name in contexts.names() if name.startswith(incomplete)]
