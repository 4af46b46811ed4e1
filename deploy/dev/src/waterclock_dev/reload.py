"""Which files hold an executor, and when one of them changes."""

from collections.abc import Iterator, Mapping
from contextlib import aclosing
from importlib.machinery import ModuleSpec, PathFinder
from importlib.metadata import entry_points
from importlib.util import find_spec
from pathlib import Path

import msgspec
from watchfiles import awatch  # pyright: ignore[reportUnknownVariableType]

from waterclock.kit import settings
from waterclock_worker.registry import GROUP

OURS = "waterclock-worker"


class Named(msgspec.Struct, frozen=True):
    """Executors that the environment names, as a worker reads it."""

    executors: tuple[str, ...] = ()


class NoExecutors(Exception):
    """Neither a module nor a file."""


class CannotWatch(Exception):
    """Changes of files are not told."""


def named(environment: Mapping[str, str]) -> tuple[str, ...]:
    """The modules and files of WATERCLOCK_EXECUTORS.

    Raises:
        SettingsError: it is no text.
    """
    return settings.read(Named, environment).executors


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
    spec = _spec(name)
    if spec is None:
        raise NoExecutors(f"there is no module {name}, neither in this folder nor installed")
    if spec.submodule_search_locations:
        return name, Path(next(iter(spec.submodule_search_locations)))
    return name, Path(spec.origin or name)


def installed() -> Iterator[Path]:
    """Where the code of executors lies that workers load by an entry point; Waterclock's own change with it alone.

    Raises:
        NoExecutors: an entry point names no module.
    """
    for point in entry_points(group=GROUP):
        package = point.dist.name if point.dist is not None else ""
        if package == OURS:
            continue
        try:
            yield located(point.module)[1]
        except NoExecutors as error:
            raise NoExecutors(f"entry point {point.name} of {package}: {error}") from None


def _spec(name: str) -> ModuleSpec | None:
    """Of the outermost module or package that holds code: a namespace is shared by packages in several places."""
    top, *inner = name.split(".")
    here = PathFinder.find_spec(top, [str(Path.cwd())])
    try:
        spec = here if here is not None and here.loader is not None else find_spec(top)
    except ValueError:  # no name of a module, or one without a file
        return None
    while spec is not None and spec.origin is None and spec.submodule_search_locations and inner:
        top = f"{top}.{inner.pop(0)}"
        spec = PathFinder.find_spec(top, list(spec.submodule_search_locations))
    return spec


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
