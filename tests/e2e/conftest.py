"""One installation for all tests here: each works on jobs of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import pages
from tests.support.installation import Installation, running

EXECUTORS = Path(__file__).parent / "tides.py"


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    executors = [shutil.copy(EXECUTORS, folder), *pages.save_executors(folder)]
    for name in ("token", "queue", "signal", "email"):  # never take the place of the standard library
        (folder / f"{name}.py").write_text(f"raise RuntimeError('{name} of this folder')\n", "ascii")
    options = [word for file in executors for word in ("--executors", str(file))]
    with running(folder, "--no-demo", "--reload", *options) as started:
        yield started
