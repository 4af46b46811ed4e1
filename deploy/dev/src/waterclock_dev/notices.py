"""Whom `waterclock dev` tells of runs that fail: those whom a file of notices names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import Path

from waterclock.kit import settings
from waterclock.kit.settings import PREFIX

FILE = "notices.yaml"
_SETTING = f"{PREFIX}NOTICES"
_HERE = {f"{PREFIX}NOTICES_SERVICES": "json,ntfy", f"{PREFIX}HTTP_ALLOW": "127.0.0.1,::1"}
"""What may be told beside hosted services, unless somebody says else: programs of this machine, and phones by ntfy."""


def found(environment: Mapping[str, str], executors: Iterable[Path]) -> Path | None:
    """The file that the environment names, or one beside the executors, or in the current folder; None: there is none.

    Raises:
        SettingsError: the environment names none by text.
    """
    if (named := settings.given(environment, _SETTING)) is not None:
        return Path(named).resolve()
    folders = (*(place.parent for place in executors), Path.cwd())
    return next((folder / FILE for folder in folders if (folder / FILE).is_file()), None)


def telling(file: Path, environment: Mapping[str, str], *, url: str) -> dict[str, str]:
    """The environment of a notifier that tells after this file. `url`: of the API, unless people reach it elsewhere."""
    ours = {**_HERE, f"{PREFIX}PUBLIC_URL": url}
    unsaid = {name: value for name, value in ours.items() if settings.given(environment, name) is None}
    return {**environment, **unsaid, _SETTING: str(file)}
