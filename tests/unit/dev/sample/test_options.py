"""`waterclock dev --sample --until`: what is refused before anything is started."""

from __future__ import annotations

from pathlib import Path

import pytest
from click.testing import CliRunner

from waterclock_dev.main import dev
from waterclock_dev.sample.fill import Mark, NotEmpty, check_empty, is_filled, leave_mark, mark_in


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--until", "2026-11-30T09:00:00Z"), "--until belongs to --sample"),
        (("--sample", "--until", "yesterday"), "Invalid value for --until"),
        (("--sample", "--until", "2026-11-30T09:00:00"), "has no offset"),
        (("--sample", "--until", "2999-01-01T00:00:00Z"), "is not between 2000-01-01 and now"),
        (("--sample", "--until", "1999-12-31T00:00:00Z"), "is not between 2000-01-01 and now"),
    ],
)
def test_a_moment_that_cannot_be_is_refused_by_its_option(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = CliRunner().invoke(dev, ["--data-dir", str(tmp_path / "data"), *words], terminal_width=200)
    assert done.exit_code == 2
    assert said in done.output
    assert not (tmp_path / "data").exists()


@pytest.mark.parametrize("name", ["redis", "postgres"])
def test_a_folder_with_data_of_servers_has_no_room_for_the_sample(name: str, tmp_path: Path) -> None:
    check_empty(tmp_path)
    check_empty(tmp_path / "none yet")
    (tmp_path / name).mkdir()
    with pytest.raises(NotEmpty, match="name another --data-dir"):
        check_empty(tmp_path)


@pytest.mark.parametrize(("ends", "wanted"), [(None, None), (17, None), (17, 17)])
def test_a_sample_that_is_there_is_started_again(ends: int | None, wanted: int | None, tmp_path: Path) -> None:
    assert not is_filled(tmp_path, wanted)
    (tmp_path / "redis").mkdir()
    leave_mark(tmp_path, Mark(until=ends))
    assert is_filled(tmp_path, wanted)


@pytest.mark.parametrize(("ends", "told"), [(None, "lives on"), (17, "ends at 1970-01-01T00:00:00.017Z")])
def test_a_sample_that_ends_at_another_moment_is_refused(ends: int | None, told: str, tmp_path: Path) -> None:
    leave_mark(tmp_path, Mark(until=ends))
    with pytest.raises(NotEmpty, match=f"holds a sample that {told}: leave out --until"):
        is_filled(tmp_path, 18)


def test_a_folder_remembers_what_was_filled_in(tmp_path: Path) -> None:
    assert mark_in(tmp_path) is None
    leave_mark(tmp_path, Mark(until=17))
    assert mark_in(tmp_path) == Mark(until=17)
