"""Scripts of the release before this one, to be called beside those of this one."""

from __future__ import annotations

import tarfile
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest

from tests.support.repository import ROOT
from waterclock.log.connection import scripts
from waterclock.log.connection.scripts import Script

ARCHIVE = ROOT / "tests" / "golden" / "previous.tar.gz"
_FOLDER = "shared/src/waterclock/log/lua"


def previous_sources(folder: Path) -> list[str]:
    """Where the packages of that release are, below a folder that they are put into once."""
    place = folder / "previous"
    if not place.exists():
        with tarfile.open(ARCHIVE) as archive:
            archive.extractall(place, filter="data")
    return [str(place / "shared" / "src"), *(str(each / "src") for each in sorted((place / "services").iterdir()))]


@cache
def previous(name: str, reply: type[Any] = object) -> Script[Any]:
    """A script as that release has it, called by a name of its own; its reply is read as it comes, or as a type."""
    with TemporaryDirectory() as temporary, tarfile.open(ARCHIVE) as archive, pytest.MonkeyPatch.context() as patch:
        scripts_of_it = [one for one in archive.getmembers() if one.name.startswith(_FOLDER)]
        archive.extractall(temporary, scripts_of_it, filter="data")
        folder = Path(temporary) / _FOLDER
        parts = tuple(part for part in scripts.PRELUDE if (folder / "prelude" / f"{part}.lua").exists())
        patch.setattr(scripts, "_folder", folder)
        patch.setattr(scripts, "PRELUDE", parts)
        scripts._prelude.cache_clear()  # pyright: ignore[reportPrivateUsage]
        script = Script(name, reply)
        scripts._prelude.cache_clear()  # pyright: ignore[reportPrivateUsage]
    script.name = f"{name} of the release before"
    return script
