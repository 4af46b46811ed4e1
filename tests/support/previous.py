"""Scripts of releases before this one, to be called beside those of this one."""

from __future__ import annotations

import tarfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.repository import GOLDEN
from waterclock.log.connection import scripts
from waterclock.log.connection.scripts import Script

ARCHIVE = GOLDEN / "previous.tar.gz"
UNANNOUNCED = GOLDEN / "unannounced.tar.gz"
checked = getattr(tarfile, "data_filter", None)
"""Lets no member out of its folder; Python has it from 3.11.4 on."""
_FOLDER = "shared/src/waterclock/log/lua"


def previous_sources(folder: Path) -> list[str]:
    """Where the packages of that release are, below a folder that they are put into once."""
    place = folder / "previous"
    if not place.exists():
        with tarfile.open(ARCHIVE) as archive:
            archive.extraction_filter = checked
            archive.extractall(place)
    return [str(place / "shared" / "src"), *(str(each / "src") for each in sorted((place / "services").iterdir()))]


@cache
def unannounced(name: str, reply: type[Any] = object) -> Script[Any]:
    """A script of the last release whose sessions do not say what they can run, and which knows no runs aside.

    It is called by a name of its own; its reply is read as it comes, or as a type.
    """
    with TemporaryDirectory() as temporary, tarfile.open(UNANNOUNCED) as archive, pytest.MonkeyPatch.context() as patch:
        scripts_of_it = [one for one in archive.getmembers() if one.name.startswith(_FOLDER)]
        archive.extraction_filter = checked
        archive.extractall(temporary, scripts_of_it)
        folder = Path(temporary) / _FOLDER
        parts = tuple(part for part in scripts.PRELUDE if (folder / "prelude" / f"{part}.lua").exists())
        patch.setattr(scripts, "_folder", folder)
        patch.setattr(scripts, "PRELUDE", parts)
        scripts._prelude.cache_clear()  # pyright: ignore[reportPrivateUsage]
        script = Script(name, reply)
        scripts._prelude.cache_clear()  # pyright: ignore[reportPrivateUsage]
    script.name = f"{name} of a release before"
    return script
