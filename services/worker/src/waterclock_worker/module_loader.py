"""Modules of executors: where they are looked for, and how one is loaded by the path of its file.

Whatever lies beside a user's module, `token.py` or `queue.py`, never takes the place of the standard library: such
a folder comes after it on the path, and before what is installed.
"""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Sequence
from importlib.machinery import PathFinder
from pathlib import Path

_STANDARD = Path(os.__file__).parent
_ZIPPED = f"python{sys.version_info[0]}{sys.version_info[1]}.zip"


def load_file(path: Path, *, name: str) -> None:
    """Load a file as the module `name`. Its folder comes onto the path, so that it may import its neighbours.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"no such file: {path}")
    look_in(path.resolve().parent)
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise


def look_here_for(module: str) -> None:
    """Have a module found that lies in the current folder, as `python -m` would find it."""
    here = Path.cwd()
    found = PathFinder.find_spec(module.partition(".")[0], [str(here)])
    if found is not None and found.loader is not None:
        look_in(here)


def look_in(folder: Path) -> None:
    """Have modules found that lie in a folder, after those of the standard library."""
    if str(folder) not in sys.path:
        sys.path.insert(len(_of_standard(sys.path)), str(folder))
    sys.path[:] = standard_first(sys.path)


def standard_first(path: Sequence[str]) -> list[str]:
    """A module path in its order, but for the standard library, which comes first."""
    standard = _of_standard(path)
    return [*standard, *(one for one in path if one not in standard)]


def _of_standard(path: Sequence[str]) -> list[str]:
    return [one for one in path if Path(one) in {_STANDARD, _STANDARD / "lib-dynload"} or Path(one).name == _ZIPPED]
