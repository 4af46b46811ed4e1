"""Which file of notices `waterclock dev` takes, and what its notifier is told beside it."""

from __future__ import annotations

from pathlib import Path

import pytest

from waterclock.kit.settings import read
from waterclock_api.settings import NotifierSettings
from waterclock_dev.notices import found, telling


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "here"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_the_file_that_is_named_comes_first_then_that_beside_the_executors_then_that_here(
    here: Path, tmp_path: Path
) -> None:
    beside = tmp_path / "shop"
    beside.mkdir()
    executors = [tmp_path / "elsewhere" / "tides.py", beside / "reports.py"]
    assert found({}, executors) is None
    for folder in (here, beside):
        (folder / "notices.yaml").write_text("rules: []")
        assert found({}, executors) == folder / "notices.yaml"
    assert found({"WATERCLOCK_NOTICES": "mine.yaml"}, executors) == here / "mine.yaml"


def test_its_notifier_links_to_the_api_and_may_tell_programs_of_this_machine(tmp_path: Path) -> None:
    settings = read(NotifierSettings, telling(tmp_path / "n.yaml", {}, url="http://127.0.0.1:8080"))
    assert settings.notices == str(tmp_path / "n.yaml")
    assert settings.public_url == "http://127.0.0.1:8080"
    assert settings.notices_services == ("json", "ntfy")
    assert settings.http_allow == "127.0.0.1,::1"


def test_what_the_environment_says_of_these_holds(tmp_path: Path) -> None:
    said = {"WATERCLOCK_PUBLIC_URL": "https://me.example", "WATERCLOCK_NOTICES_SERVICES": "gotify", "ONCALL_URL": "x"}
    told = telling(tmp_path / "n.yaml", said, url="http://127.0.0.1:8080")
    assert {name: told[name] for name in said} == said
    assert told["WATERCLOCK_HTTP_ALLOW"] == "127.0.0.1,::1"
