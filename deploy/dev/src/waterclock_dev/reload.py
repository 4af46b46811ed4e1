"""Which files hold an executor, and when one of them changes."""

import asyncio
import sys
from importlib.machinery import PathFinder
from pathlib import Path

POLL = 0.5  # s


class NoExecutors(Exception):
    """Neither a module nor a file."""


def located(name: str) -> tuple[str, Path]:
    """How a worker is told of `name`, and the file or folder where its code lies.

    A path becomes absolute; a module is looked for in the current folder first, and not imported.

    Raises:
        NoExecutors: there is no such file or module.
    """
    path = Path(name)
    if path.suffix == ".py" or len(path.parts) > 1:
        if not path.exists():
            raise NoExecutors(f"there is no file {name}")
        return str(path.resolve()), path.resolve()
    top = name.partition(".")[0]
    spec = PathFinder.find_spec(top, [str(Path.cwd()), *sys.path])
    if spec is None:
        raise NoExecutors(f"there is no module {name}, neither in this folder nor installed")
    if spec.submodule_search_locations:
        return name, Path(next(iter(spec.submodule_search_locations)))
    return name, Path(spec.origin or top)


async def changed(places: list[Path]) -> None:
    """Wait until a source file in one of `places` changes, comes or goes."""
    before = _state(places)
    while _state(places) == before:  # noqa: ASYNC110  not every file system tells of changes
        await asyncio.sleep(POLL)


def _state(places: list[Path]) -> dict[Path, int]:
    files = [file for place in places for file in ([place] if place.suffix == ".py" else place.rglob("*.py"))]
    return {file: file.stat().st_mtime_ns for file in files if file.exists()}
