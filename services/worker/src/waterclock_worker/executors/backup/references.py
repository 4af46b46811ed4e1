"""Secrets by reference: read in the worker, when a backup runs, and redacted from whatever it tells."""

from __future__ import annotations

import os.path
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from pathlib import Path

from waterclock.executors import GiveUp

ALLOWED = "WATERCLOCK_BACKUP_REFERENCES"
_MOST = 16 * 1024  # characters of a secret
_SHOWN = "[secret]"


def resolve(field: str, reference: str, environment: Mapping[str, str]) -> str:
    """The secret that `env:NAME` or `file:/path` stands for, without the line's end.

    Raises:
        GiveUp: this worker may not read it, or there is none; the message names field and reference, never a value.
    """
    kind, _, name = reference.partition(":")
    if kind == "file":
        name = os.path.normpath(name)  # noqa: PTH - no look at the disk before it is allowed
    allowed = environment.get(ALLOWED, "*")
    if not any(fnmatchcase(f"{kind}:{name}", one.strip()) for one in allowed.split(",")):
        raise GiveUp(f"{field}: this worker may not read {kind}:{name} ({ALLOWED} does not list it)")
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
    for secret in secrets:
        text = text.replace(secret, _SHOWN)
    return text


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
