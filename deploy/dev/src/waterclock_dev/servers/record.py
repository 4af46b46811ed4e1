"""`dev.json`: where everything is, for tests and tools; and the hold on the folder in which it lies."""

import contextlib
import fcntl
import os
from collections.abc import Generator
from pathlib import Path

import msgspec

FILE = "dev.json"


class FolderTaken(Exception):
    """Another `waterclock dev` runs on this folder."""


class Bucket(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An S3 bucket and the keys to it."""

    endpoint: str
    bucket: str
    access_key: str
    secret_key: str


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """URLs, and the pid of each process that we started; a server named by the environment has none.

    `metrics`: where Prometheus reads the metrics of services, by the name of each.
    """

    api: str
    redis: str
    postgres: str
    s3: Bucket
    pids: dict[str, int]
    metrics: dict[str, str] = {}


def write(data_dir: Path, record: Record) -> None:
    """Replace the record as a whole: a reader sees the old or the new. It holds secrets, so only its owner may read."""
    fresh = data_dir / f"{FILE}.new"
    handle = os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(handle, "wb") as file:
        file.write(msgspec.json.format(msgspec.json.encode(record), indent=2) + b"\n")
    fresh.replace(data_dir / FILE)


def read(data_dir: Path) -> Record | None:
    """None while not all is ready."""
    try:
        return msgspec.json.decode((data_dir / FILE).read_bytes(), type=Record)
    except FileNotFoundError:
        return None


@contextlib.contextmanager
def held(data_dir: Path) -> Generator[None]:
    """Make the folder and hold it. There is no record of a run before, nor of this one once it is over.

    Raises:
        FolderTaken: another process holds it.
    """
    data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
    handle = os.open(data_dir / "dev.lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise FolderTaken(f"another `waterclock dev` uses {data_dir}: stop it, or use another folder") from None
        (data_dir / FILE).unlink(missing_ok=True)
        try:
            yield
        finally:
            (data_dir / FILE).unlink(missing_ok=True)
    finally:
        os.close(handle)
