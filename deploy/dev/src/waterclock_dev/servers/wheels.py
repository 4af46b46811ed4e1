"""Programs that came in a wheel."""

import functools
import importlib.metadata
from pathlib import Path


@functools.cache
def program(distribution: str, name: str) -> Path:
    """Where the installed `distribution` put the executable `name`.

    Found by what the wheel says it installed: to import these wheels takes time, and one of them looks for a running
    server when it is imported.

    Raises:
        PackageNotFoundError: it is not installed.
        FileNotFoundError: it brings no such program.
    """
    for file in importlib.metadata.files(distribution) or ():
        if file.name == name:
            return Path(str(file.locate())).resolve()
    raise FileNotFoundError(f"{distribution} brings no program {name!r}")
