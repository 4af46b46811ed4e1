"""Which API the verbs speak to, and with which key: by option, by variable, by context, or the default.

A context names both: with another URL its key is not shown, so that a key reaches nobody whom it was not made for.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import Annotated
from urllib.parse import urlsplit

import msgspec

from waterclock.cli.connection import contexts
from waterclock.cli.connection.contexts import ContextError
from waterclock.cli.connection.options import CONTEXT, KEY_FILE, URL, chosen
from waterclock.client.environment import CallerSettings, key_text
from waterclock.client.exchange import api_root
from waterclock.kit.settings import FILE, PREFIX, SettingsError, given, helps, text_of_file


def url_text(text: str) -> str:
    """A URL that may stand where everybody sees it.

    Raises:
        ValueError: it is none, or holds a user or a password; neither is repeated.
    """
    root = api_root(text)
    if "@" in urlsplit(root).netloc:
        raise ValueError(f"holds a user or password, which others on this machine can see: use {PREFIX}API_URL")
    return root


class ClientSettings(CallerSettings, frozen=True, kw_only=True):
    context: Annotated[
        str | None,
        helps(
            "Context that names the URL and the key; unset: the one in use.",
            example="staging",
            more="`--context` overrides it. It cannot be combined with `WATERCLOCK_API_URL`.",
        ),
    ] = None


DEFAULT = ClientSettings()
URL_VARIABLE, KEY_VARIABLE, CONTEXT_VARIABLE = (f"{PREFIX}{name}" for name in ("API_URL", "API_KEY", "CONTEXT"))


class Connection(msgspec.Struct, frozen=True, kw_only=True):
    """`url_from`, `key_from`: what named them, as people know it. `is_default`: nothing names a URL."""

    url: str
    url_from: str
    key: str | None = None
    key_from: str = KEY_VARIABLE
    is_default: bool = False

    def __repr__(self) -> str:
        return f"Connection({self.url!r}, {self.url_from})"


def resolve(environment: Mapping[str, str] | None = None) -> Connection:
    """What the command that is executed, its environment and its user's contexts name.

    Raises:
        SettingsError: one of them is wrong, or two contradict each other.
    """
    env = os.environ if environment is None else environment
    options = chosen()
    try:
        found = _by_url(options, env)
        key_file = options.get(KEY_FILE)
        if key_file is not None:
            key = _read(KEY_FILE, key_text, _of_file(key_file))
            return msgspec.structs.replace(found, key=key, key_from=KEY_FILE)
        if CONTEXT in options and found.key is not None:
            return found
        name, text = _variable(env, KEY_VARIABLE)
    except ContextError as error:
        raise SettingsError(str(error)) from None
    return found if text is None else msgspec.structs.replace(found, key=_read(name, key_text, text), key_from=name)


def _by_url(options: Mapping[str, str], env: Mapping[str, str]) -> Connection:
    """The URL, and the key of the context that has named it."""
    if (text := options.get(URL)) is not None:
        return Connection(url=_read(URL, url_text, text), url_from=URL)
    if (name := options.get(CONTEXT)) is not None:
        return _of_context(name, CONTEXT)
    variable, text = _variable(env, URL_VARIABLE)
    _, named = _variable(env, CONTEXT_VARIABLE)
    if text is not None and named is not None:
        raise SettingsError(f"{variable} and {CONTEXT_VARIABLE} are both set: unset one of them")
    if text is not None:
        return Connection(url=_read(variable, api_root, text), url_from=variable)
    if named is not None:
        return _of_context(named, CONTEXT_VARIABLE)
    if (used := contexts.in_use()) is not None:
        return _of_context(used, "in use")
    said = f"the default; set {URL_VARIABLE}, {URL} or a context"
    return Connection(url=DEFAULT.api_url, url_from=said, is_default=True)


def _of_context(name: str, named_by: str) -> Connection:
    try:
        found = contexts.load(name)
        where = f"context {name}"
        key = None if found.key is None else _read(where, key_text, found.key)
        return Connection(
            url=_read(where, api_root, found.url), url_from=where, key=key, key_from=where if key else KEY_VARIABLE
        )
    except ContextError as error:
        raise SettingsError(f"{error} ({named_by})") from None


def _variable(env: Mapping[str, str], name: str) -> tuple[str, str | None]:
    """The variable that says it, by itself or by its file, and what it says."""
    text = given(env, name)
    return (name if text is None or env.get(name, "").strip() else name + FILE), text


def _read(name: str, read: Callable[[str], str], text: str) -> str:
    try:
        return read(text)
    except ValueError as error:
        raise SettingsError(f"{name}: {error}") from None


def _of_file(path: str) -> str:
    try:
        return text_of_file(path)
    except ValueError as error:
        raise SettingsError(f"{KEY_FILE}: {error}") from None
