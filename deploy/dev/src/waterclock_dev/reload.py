"""Which files hold an executor, and when one of them changes."""

import sys
from collections.abc import Iterator
from contextlib import aclosing
from importlib.machinery import PathFinder
from pathlib import Path

from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]


class NoExecutors(Exception):
    """Neither a module nor a file."""


class CannotWatch(Exception):
    """Changes of files are not told."""


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
    """Wait until a source file in one of `places` changes, comes or goes; what follows within 50 ms is the same change.

    Raises:
        CannotWatch: the system does not let us; the message says why.
    """
    found = [place.resolve() for place in places]
    while True:
        folders = {folder for place in found for folder in _folders(place)}
        watching = awatch(*folders, watch_filter=None, recursive=False, ignore_permission_denied=True)
        try:
            async with aclosing(watching) as changes:
                async for change in changes:
                    if any(_concerns(Path(path), place) for _, path in change for place in found):
                        return
        except FileNotFoundError:  # one of them went meanwhile
            continue
        except (OSError, RuntimeError) as error:  # as when the user has no watch left
            raise CannotWatch(str(error)) from error


def _folders(place: Path) -> Iterator[Path]:
    """Those of a package, and the one around it, which tells when it comes and goes: that of a file may be a home."""
    yield next(folder for folder in place.parents if folder.is_dir())
    if place.is_dir():
        yield from (folder for folder in place.glob("**/") if not _is_hidden(folder, place))


def _concerns(path: Path, place: Path) -> bool:
    if not path.is_relative_to(place):
        return place.is_relative_to(path)
    return path == place or (not _is_hidden(path, place) and (path.suffix == ".py" or path.is_dir()))


def _is_hidden(path: Path, place: Path) -> bool:
    return any(part.startswith((".", "__pycache__")) for part in path.relative_to(place).parts)
