"""SQL, one statement a file, read as bytes: the driver takes them as trusted, and no text is ever joined."""

from __future__ import annotations

from functools import cache
from importlib.resources import files


@cache
def statement(name: str, package: str = "waterclock.store") -> bytes:
    """The statement in `sql/<name>.sql` of a package."""
    return (files(package) / "sql" / f"{name}.sql").read_bytes()
