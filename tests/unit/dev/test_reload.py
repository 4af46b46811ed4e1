"""Executors are found without being imported, and watched."""

import asyncio
import os
import sys
from pathlib import Path

import pytest

from waterclock_dev.reload import NoExecutors, changed, located


def test_a_path_is_made_absolute(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tides.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert located("tides.py") == (str(tmp_path / "tides.py"), tmp_path / "tides.py")


def test_a_module_of_the_current_folder_is_found_and_not_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "flood").mkdir()
    (tmp_path / "flood" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert located("flood.ebb") == ("flood.ebb", tmp_path / "flood")
    assert "flood" not in sys.modules


@pytest.mark.parametrize("name", ["no/such/file.py", "no_such_module"])
def test_what_is_not_there_is_named(name: str) -> None:
    with pytest.raises(NoExecutors, match=name):
        located(name)


@pytest.mark.asyncio
async def test_a_changed_file_is_noticed(tmp_path: Path) -> None:
    file = tmp_path / "tides.py"
    file.write_text("")
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(changed([tmp_path]), name="watch")
        await asyncio.sleep(0)
        os.utime(file, ns=(1, 1))
        await watching
