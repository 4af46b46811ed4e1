"""What can become of the log's server while it is down: nothing left, an older copy, a file without its end."""

import shutil
from pathlib import Path


def empty(data: Path) -> None:
    """It starts with nothing."""
    shutil.rmtree(data)
    data.mkdir(mode=0o700)


def copy(data: Path, to: Path) -> None:
    """As it is on disk now; nothing is lost by it while the server runs, but what is not synced yet."""
    shutil.copytree(data, to)


def restore(data: Path, copied: Path) -> None:
    """It starts with an older copy."""
    shutil.rmtree(data)
    shutil.copytree(copied, data)


def size(data: Path) -> int:
    """How much it has written since its last rewrite, bytes."""
    return _growing(data).stat().st_size


def cut(data: Path, to: int) -> None:
    """It starts without the end of what it had written, as after a crash between two syncs; `to` bytes are left."""
    with _growing(data).open("r+b") as file:
        file.truncate(to)


def _growing(data: Path) -> Path:
    (file,) = (data / "appendonlydir").glob("*.incr.aof")
    return file
