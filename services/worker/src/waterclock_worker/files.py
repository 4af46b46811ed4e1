"""Modules loaded by the path of their file."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path


def load_file(path: Path, *, name: str) -> None:
    """Load a file as the module `name`. Its folder comes onto the path, so that it may import its neighbours.

    Raises:
        FileNotFoundError: there is no such file.
    """
    if not path.is_file():
        raise FileNotFoundError(f"there is no file {path}")
    folder = str(path.resolve().parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)
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
