"""The pictures of policies are drawn from what the product decides, and are as they would be drawn now."""

from __future__ import annotations

import runpy
import subprocess
import sys
from collections import Counter
from typing import Any

import pytest

from tests.support.repository import DOCS, ROOT
from waterclock.model.instants.simulate import simulate

SCRIPT = ROOT / "deploy" / "docs" / "timelines.py"
PICTURES = DOCS / "pictures"
MADE = runpy.run_path(str(SCRIPT))
DRAWN: dict[str, Any] = MADE["DRAWN"]


def test_the_pictures_are_what_the_script_draws() -> None:
    words = [sys.executable, str(SCRIPT), "--check"]
    done = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", [name for name in DRAWN if name.startswith("misfire")])
def test_an_outage_is_drawn_as_simulate_tells_it(name: str) -> None:
    picture = DRAWN[name]
    assert picture.outage is not None
    start, back = picture.outage
    told = simulate(picture.job, from_ms=start, to_ms=back)
    drawn = Counter(mark.fate for mark in MADE["play"](picture).marks if start < mark.instant <= back)
    assert (told.fired, told.skipped, told.coalesced) == (drawn["fired"], drawn["skipped"], drawn["merged"])
    assert told.instants == 3


def test_each_picture_shows_another_end() -> None:
    ends = {name: MADE["play"](picture) for name, picture in DRAWN.items()}
    fates = {name: "".join(mark.fate[0] for mark in end.marks) for name, end in ends.items()}
    assert [fates[f"misfire-{one}"] for one in ("skip", "run-once", "run-all")] == ["fsssff", "fmmfff", "ffffff"]
    assert fates["overlap-skip"] == "fssff"
    assert fates["overlap-buffer-one"] == "ffmff"
    assert [run.cancelled for run in ends["overlap-cancel-other"].runs] == [True, False, False, False, False]
    late = {name: [run.start != run.nominal for run in ends[name].runs] for name in ends}
    assert late["overlap-allow"] == [False] * 5
    assert late["overlap-buffer-all"] == [False, True, True, True, False]


@pytest.mark.parametrize("name", DRAWN)
def test_a_picture_can_be_read_in_light_and_dark_and_loads_nothing(name: str) -> None:
    text = (PICTURES / f"{name}.svg").read_text()
    assert "prefers-color-scheme: dark" in text
    assert text.count("http") == 1  # the name of the namespace
