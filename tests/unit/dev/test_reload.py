"""Executors are found without being imported, and watched."""

import asyncio
import os
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from shutil import move

import pytest
from watchfiles import main

from waterclock_dev.reload import CannotWatch, NoExecutors, changed, installed, located, named


def test_the_environment_names_executors_as_a_worker_reads_them() -> None:
    assert named({"WATERCLOCK_EXECUTORS": "tides.py, flood.ebb"}) == ("tides.py", "flood.ebb")
    assert named({"WATERCLOCK_EXECUTORS": ""}) == named({}) == ()


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


@pytest.mark.parametrize("name", ["no/such/file.py", "no_such_module", "no_such.module", ".relative"])
def test_what_is_not_there_is_named(name: str) -> None:
    with pytest.raises(NoExecutors, match=name):
        located(name)


def test_a_folder_here_is_no_package_that_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "src" / "harbour").mkdir(parents=True)
    (tmp_path / "src" / "harbour" / "__init__.py").write_text("")
    (tmp_path / "harbour").mkdir()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [str(tmp_path / "src"), *sys.path])
    assert located("harbour") == ("harbour", tmp_path / "src" / "harbour")


def test_of_a_namespace_the_package_within_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for one in ("first", "second"):
        (tmp_path / one / "estuary" / one).mkdir(parents=True)
        (tmp_path / one / "estuary" / one / "__init__.py").write_text("raise SystemExit")
        monkeypatch.setattr(sys, "path", [str(tmp_path / one), *sys.path])
    assert located("estuary.first.tides")[1] == tmp_path / "first" / "estuary" / "first"
    assert located("estuary.second")[1] == tmp_path / "second" / "estuary" / "second"


class Finder(MetaPathFinder):
    """As an editable install leaves one, for a package whose folder is on no path."""

    def __init__(self, place: Path) -> None:
        self._place = place

    def find_spec(self, fullname: str, path: object, target: object = None) -> ModuleSpec | None:  # noqa: ARG002
        file = self._place / fullname / "__init__.py"
        if not file.is_file():
            return None
        return spec_from_file_location(fullname, file, submodule_search_locations=[str(file.parent)])


def test_a_package_is_found_whose_folder_is_on_no_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "mudflat").mkdir()
    (tmp_path / "mudflat" / "__init__.py").write_text("raise SystemExit")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder(tmp_path)])
    assert located("mudflat.crabs")[1] == tmp_path / "mudflat"


def entry_point(folder: Path, value: str) -> None:
    """An installed package with an entry point of executors."""
    info = folder / "sands-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: sands\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text(f"[waterclock.executors]\ndunes = {value}\n")


def test_executors_by_entry_point_lie_in_their_package_and_ours_are_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "sands").mkdir()
    (tmp_path / "sands" / "__init__.py").write_text("raise SystemExit")
    entry_point(tmp_path, "sands.dunes")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    assert list(installed()) == [tmp_path / "sands"]


def test_an_entry_point_that_leads_nowhere_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    entry_point(tmp_path, "no_such_sands")
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    with pytest.raises(NoExecutors, match="entry point dunes of sands: there is no module no_such_sands"):
        list(installed())


@asynccontextmanager
async def noticed(*places: Path) -> AsyncGenerator[asyncio.Task[None]]:
    """What is done meanwhile is noticed in the end."""
    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(changed(list(places)), name="watch")
        await asyncio.sleep(0)
        yield watching


async def is_quiet(watching: asyncio.Task[None]) -> bool:
    """Whether nothing is noticed in six times the quiet that ends a change."""
    done, _ = await asyncio.wait([watching], timeout=0.3)
    return not done


@pytest.fixture
def tides(tmp_path: Path) -> Path:
    file = tmp_path / "tides.py"
    file.write_text("")
    return file


@pytest.fixture
def package(tmp_path: Path) -> Path:
    (tmp_path / "flood" / "deep").mkdir(parents=True)
    (tmp_path / "flood" / "deep" / "ebb.py").write_text("")
    return tmp_path / "flood"


async def test_a_changed_file_is_noticed(tides: Path) -> None:
    async with noticed(tides):
        os.utime(tides, ns=(1, 1))


async def test_a_file_that_an_editor_replaces_is_noticed_and_then_watched(tides: Path) -> None:
    for _ in range(2):
        async with noticed(tides):
            new = tides.parent / "new"
            new.write_text("# new")
            new.replace(tides)


async def test_what_vanishes_is_noticed_and_so_is_its_return(package: Path) -> None:
    away = package.parent / "away"
    file = package / "deep" / "ebb.py"
    for place in (file, package):
        async with noticed(place):
            file.unlink()
        async with noticed(place):
            file.write_text("")
        async with noticed(package):
            move(package, away)
        async with noticed(place):
            move(away, package)


async def test_a_new_folder_and_what_it_holds_are_noticed(package: Path) -> None:
    async with noticed(package):
        (package / "neap").mkdir()
    async with noticed(package):
        (package / "neap" / "low.py").write_text("")


async def test_what_is_no_source_of_theirs_is_not_noticed(tides: Path, package: Path) -> None:
    async with noticed(tides, package / "deep") as watching:
        for other in (tides.parent / "other.py", package / "other.py", package / "deep" / "notes.txt"):
            other.write_text("")
        for hidden in ("__pycache__", ".git"):
            (package / "deep" / hidden).mkdir()
            (package / "deep" / hidden / "ebb.py").write_text("")
        assert await is_quiet(watching)
        (package / "deep" / "ebb.py").write_text("# new")


async def test_a_burst_is_one_change(package: Path) -> None:
    async with noticed(package):
        for number in range(100):
            (package / f"{number}.py").write_text("")
    async with noticed(package) as watching:
        assert await is_quiet(watching)
        (package / "1.py").write_text("# new")


async def test_without_places_nothing_is_noticed() -> None:
    async with asyncio.TaskGroup() as tasks:
        watching = tasks.create_task(changed([]), name="watch")
        assert await is_quiet(watching)
        watching.cancel()


async def test_a_system_that_lets_nothing_be_watched_says_why(tides: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(*_: Path, **__: object) -> None:
        raise RuntimeError("Too many open files (os error 24)")

    monkeypatch.setattr(main, "RustNotify", refuses)
    with pytest.raises(CannotWatch, match="Too many open files"):
        await changed([tides])
