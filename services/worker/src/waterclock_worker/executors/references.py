"""Secrets by reference: read in the worker, when a run needs them, and redacted from whatever it tells."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from msgspec import Meta

from waterclock.executors import GiveUp
from waterclock.kit.concealing import Concealer

END = r"$(?!\n)"  # Python's `$` alone lets a last newline pass; to a JSON Schema both are the same
Reference = Annotated[
    str,
    Meta(
        pattern=rf"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00-\x1f]+){END}",
        max_length=1024,
        description="Where the worker finds the secret: `env:NAME` or `file:/path`. Never the secret itself.",
    ),
]
_MOST = 16 * 1024  # characters of a secret


def resolve(field: str, reference: str, environment: Mapping[str, str], *, setting: str, unless_set: str = "*") -> str:
    """The secret that `env:NAME` or `file:/path` stands for, without the line's end.

    The variable `setting` lists in patterns what may be read; without it `unless_set` does.

    Raises:
        GiveUp: this worker may not read it, or there is none; the message names field and reference, never a value.
    """
    kind, _, name = reference.partition(":")
    if kind == "file":
        name = os.path.normpath(name)  # no look at the disk before it is allowed
    allowed = environment.get(setting, unless_set)
    if not any(fnmatchcase(f"{kind}:{name}", one.strip()) for one in allowed.split(",")):
        raise GiveUp(f"{field}: this worker may not read {kind}:{name} ({setting} does not list it)")
    if kind == "env":
        secret = environment.get(name)
        if secret is None:
            raise GiveUp(f"{field}: the worker's environment has no variable {name}")
    else:
        secret = _content(field, Path(name))
    if not secret:
        raise GiveUp(f"{field}: {kind}:{name} is empty")
    return secret


def redacted(text: str, secrets: Iterable[str]) -> str:
    """For a text that is cut before the run tells it: a part of a secret would not be found later."""
    return Concealer(secrets).known(text)


def _content(field: str, path: Path) -> str:
    try:
        with path.open(encoding="utf-8") as file:
            secret = file.read(_MOST + 1)
    except OSError as error:
        raise GiveUp(f"{field}: cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise GiveUp(f"{field}: {path} is not text") from None
    if len(secret) > _MOST:
        raise GiveUp(f"{field}: {path} is longer than a secret can be")
    return secret.rstrip("\r\n")
