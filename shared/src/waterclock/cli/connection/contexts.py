"""Contexts: APIs that a user has named, each with its URL and key, in the user's own folder for configuration.

waterclock/contexts/prod.json    URL and key, for nobody else to read
waterclock/context               the name of the one in use
"""

from __future__ import annotations

import re
import stat
from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from waterclock.kit.randomness import token

NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_ENDING = ".json"
_OTHERS = stat.S_IRWXG | stat.S_IRWXO


class ContextError(Exception):
    """A context is not there, or cannot be used; the message is one line and names it."""


class Context(msgspec.Struct, frozen=True, kw_only=True):
    url: str
    key: str | None = None

    def __repr__(self) -> str:
        return f"Context({self.url!r})"


def folder() -> Path:
    return Path(click.get_app_dir("waterclock"))


def path_of(name: str) -> Path:
    """Where a context is kept.

    Raises:
        ContextError: none can have this name.
    """
    if NAME.fullmatch(name) is None:
        raise ContextError(f"{name!r} must be 1 to 64 of a-z, 0-9, '.', '_', '-', a letter or digit first")
    return folder() / "contexts" / f"{name}{_ENDING}"


def names() -> list[str]:
    """Of all contexts, by the alphabet."""
    return sorted(_names())


def _names() -> Iterator[str]:
    try:
        found = [path.name for path in (folder() / "contexts").iterdir()]
    except OSError:  # there is no folder: no context was kept
        return
    for each in found:
        name = each.removesuffix(_ENDING)
        if each != name and NAME.fullmatch(name):
            yield name


def load(name: str) -> Context:
    """
    Raises:
        ContextError: there is none of the name, others may read it, or it cannot be read.
    """
    path = path_of(name)
    try:
        mode = path.stat().st_mode
        raw = path.read_bytes()
    except FileNotFoundError:
        known = ", ".join(names()) or "none: create one with `waterclock context add`"
        raise ContextError(f"unknown context {name}; known contexts: {known}") from None
    except OSError as error:
        raise ContextError(f"context {name}: {path} cannot be read: {error.strerror or error}") from None
    if mode & _OTHERS:
        raise ContextError(f"context {name}: others may reach the key in {path}: chmod 600 '{path}'")
    try:
        return msgspec.json.decode(raw, type=Context)
    except msgspec.MsgspecError:  # its message may hold a part of the key
        raise ContextError(
            f"context {name}: {path} is not a context file: remove it, and add the context again"
        ) from None


def save(name: str, context: Context) -> None:
    """
    Raises:
        ContextError: none can have this name, or it cannot be written.
    """
    _write(path_of(name), msgspec.json.encode(context))


def remove(name: str) -> None:
    """
    Raises:
        ContextError: there is none of the name, or it cannot be removed.
    """
    try:
        path_of(name).unlink()
    except FileNotFoundError:
        raise ContextError(f"unknown context {name}") from None
    except OSError as error:
        raise ContextError(f"context {name}: {error.strerror or error}") from None
    if in_use() == name:
        use(None)


def in_use() -> str | None:
    """The name of the context that is in use.

    Raises:
        ContextError: it cannot be told.
    """
    path = folder() / "context"
    try:
        return path.read_text(encoding="utf-8").strip() or None
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise ContextError(f"the current context cannot be read: {path}: {error}") from None


def use(name: str | None) -> None:
    """
    Raises:
        ContextError: there is no such context, or that cannot be written.
    """
    if name is not None:
        load(name)
    _write(folder() / "context", b"" if name is None else name.encode())


def _write(path: Path, content: bytes) -> None:
    """All of it or nothing, for nobody else to read."""
    beside = path.with_name(f".{path.name}.{token(8)}")
    try:
        folder().parent.mkdir(parents=True, exist_ok=True)
        for each in dict.fromkeys((folder(), path.parent)):
            each.mkdir(mode=0o700, exist_ok=True)
        beside.touch(mode=0o600, exist_ok=False)
        beside.write_bytes(content)
        beside.replace(path)
    except OSError as error:
        beside.unlink(missing_ok=True)
        raise ContextError(f"{path} cannot be written: {error.strerror or error}") from None
