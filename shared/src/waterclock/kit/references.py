"""Secrets by reference, `env:NAME` or `file:/path`: read where they are needed, told to nobody."""

from __future__ import annotations

import re
import stat
from collections.abc import Mapping
from pathlib import Path

END = r"$(?!\n)"  # Python's `$` alone lets a last newline pass; to a JSON Schema both are the same
PATTERN = rf"^(env:[A-Za-z_][A-Za-z0-9_]*|file:/[^\x00-\x1f]+){END}"
_REFERENCE = re.compile(PATTERN)
_MOST = 16 * 1024  # characters of a secret


def is_reference(text: str) -> bool:
    return _REFERENCE.match(text) is not None


def secret_behind(reference: str, environment: Mapping[str, str], *, owner: str) -> str:
    """The secret that `env:NAME` or `file:/path` stands for, without the line's end.

    `owner`: whose environment it is.

    Raises:
        ValueError: there is none; the message names the reference, never a value.
    """
    kind, _, name = reference.partition(":")
    if kind == "env":
        secret = environment.get(name)
        if secret is None:
            raise ValueError(f"the {owner}'s environment has no variable {name}")
    else:
        secret = _content(Path(name))
    secret = secret.rstrip("\r\n")  # a Kubernetes Secret keeps the one that an editor has added
    if not secret:
        raise ValueError(f"{kind}:{name} is empty")
    return secret


def _content(path: Path) -> str:
    try:
        if not stat.S_ISREG(path.stat().st_mode):  # a pipe would be waited for
            raise ValueError(f"no such file: {path}")
        with path.open(encoding="utf-8") as file:
            secret = file.read(_MOST + 1)
    except OSError as error:
        raise ValueError(f"cannot read {path}: {error.strerror}") from None
    except UnicodeDecodeError:
        raise ValueError(f"{path} is not text") from None
    if len(secret) > _MOST:
        raise ValueError(f"{path} is longer than a secret can be")
    return secret
