"""Where modules of executors are looked for: beside what is installed, never in place of the standard library."""

import os
import sys
from pathlib import Path

import pytest

from waterclock_worker.module_loader import look_here_for, look_in, standard_first

STANDARD = str(Path(os.__file__).parent)


@pytest.fixture(autouse=True)
def path_as_before(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "path", list(sys.path))


def test_a_folder_comes_after_the_standard_library_and_before_what_is_installed(tmp_path: Path) -> None:
    sys.path.insert(0, str(tmp_path))
    look_in(tmp_path)
    look_in(tmp_path / "other")
    for folder in (tmp_path, tmp_path / "other"):
        assert sys.path.count(str(folder)) == 1
        assert sys.path.index(STANDARD) < sys.path.index(str(folder)) < sys.path.index(installed())


def test_what_a_child_gets_has_the_standard_library_first_and_all_else_in_its_order() -> None:
    given = ["/app", *sys.path, "/more"]
    found = standard_first(given)
    assert sorted(found) == sorted(given)
    assert found.index(STANDARD) < found.index("/app")
    others = [one for one in given if found.index(one) >= found.index("/app")]
    assert [one for one in found if one in others] == others


def test_a_module_that_lies_here_is_found_here_and_a_folder_that_is_none_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shop.py").touch()
    (tmp_path / "data").mkdir()
    monkeypatch.chdir(tmp_path)
    look_here_for("data.jobs")
    look_here_for("nothing")
    assert str(tmp_path) not in sys.path
    look_here_for("shop.jobs")
    assert str(tmp_path) in sys.path


def installed() -> str:
    return next(one for one in sys.path if one.endswith("site-packages"))
