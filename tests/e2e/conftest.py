"""One installation for all tests here: each works on jobs of its own."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import pages
from tests.support.installation import Installation, running
from tests.support.pages import blocks
from tests.support.repository import DOCS
from waterclock_dev.servers.ports import free_port

BE_TOLD = DOCS / "how-to/be-told.md"
RECEIVER = "9000"
"""The port of the page's receiver."""
EXECUTORS = Path(__file__).parent / "tides.py"


@pytest.fixture(scope="session")
def installation(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Installation]:
    folder = tmp_path_factory.mktemp("installation")
    executors = [shutil.copy(EXECUTORS, folder), *pages.save_executors(folder)]
    for name in ("token", "queue", "signal", "email"):  # never take the place of the standard library
        (folder / f"{name}.py").write_text(f"raise RuntimeError('{name} of this folder')\n", "ascii")
    rules = blocks(BE_TOLD)[0].text.replace(RECEIVER, str(free_port()))  # nobody is there but in a test of that page
    (folder / "notices.yaml").write_text(rules.replace("    on:", "    match: {group: told}\n    on:"))
    options = [word for file in executors for word in ("--executors", str(file))]
    with running(folder, "--no-demo", "--reload", *options) as started:
        yield started
