"""`--idempotency-key`, which was `--key`: the word by which the API knows a request that is repeated."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, TypeVar

import click

from waterclock.cli.connection.resolve import resolve
from waterclock.cli.output import complain
from waterclock.kit.settings import PREFIX, SettingsError

F = TypeVar("F", bound=Callable[..., Any])

_FORMER = "waterclock.former_key"
_CREDENTIAL = re.compile(r"\s*(?:wck_|Bearer\s|[\w-]+\.[\w-]+\.[\w-]{20})")
"""How keys of the API and tokens begin."""


def key_option(verb: F) -> F:
    """The option `key` of a verb; its former name is still read."""
    name = click.option(
        "--idempotency-key",
        "key",
        metavar="KEY",
        callback=_key,
        help="Idempotency key: a repeated request with the same key has no effect.",
    )
    former = click.option("--key", "former", hidden=True, is_eager=True, expose_value=False, callback=_former)
    return name(former(verb))


def _former(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
    if value is None:
        return
    _check(value)
    complain("note: --key is deprecated: use --idempotency-key")
    ctx.meta[_FORMER] = value


def _key(ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    former: str | None = ctx.meta.get(_FORMER)
    if value is None:
        return former
    if former is not None:
        raise click.BadParameter("--key is its former name: give one of them")
    _check(value)
    return value


def _check(value: str) -> None:
    """
    Raises:
        BadParameter: somebody mistakes it for the credential; it is not repeated.
    """
    if _CREDENTIAL.match(value) or value == _shown():
        raise click.BadParameter(
            f"this looks like an API key or token, which belongs in {PREFIX}API_KEY; an idempotency key is a text "
            "of your choice, such as nightly-2026-11-28"
        )


def _shown() -> str | None:
    """The key that the verb shows, if that can be told."""
    try:
        return resolve().key
    except SettingsError:  # the verb says so
        return None
