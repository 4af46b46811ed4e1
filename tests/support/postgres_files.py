"""Data folders of Postgres, each a copy of one that `initdb` made for this process: a tenth of its time."""

from __future__ import annotations

import atexit
import contextlib
import os
import shutil
import tempfile
from pathlib import Path

from waterclock_dev.servers.postgres import Postgres

_MEMORY, _MEMORY_LEAST = "/dev/shm", 4 << 30
_made: list[Postgres] = []


async def filled(postgres: Postgres) -> Postgres:
    """The same, its data folder as `initdb` makes it. All copies have one password."""
    if not _made:
        _made.append(await _template())
    (template,) = _made
    data = postgres.data
    data.parent.mkdir(parents=True, exist_ok=True)
    shutil.copytree(template.data, data)
    shutil.copy2(_password_file(template.data), _password_file(data))
    return postgres


def in_memory() -> str | None:
    """Where files are kept in memory, if there is room: what they hold outlives a killed server, as on a disk."""
    with contextlib.suppress(OSError):
        if os.environ.get("TMPDIR") is None and shutil.disk_usage(_MEMORY).free > _MEMORY_LEAST:
            return _MEMORY
    return None


async def _template() -> Postgres:
    folder = tempfile.mkdtemp(prefix="waterclock-template-", dir=in_memory())
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    template = Postgres(data=Path(folder) / "data")
    await template.prepare()
    return template


def _password_file(data: Path) -> Path:
    return data.with_name(f"{data.name}.password")
