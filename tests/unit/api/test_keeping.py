"""What the settings of retention say."""

from datetime import timedelta

import pytest

from waterclock.kit.settings import SettingsError
from waterclock.store.retention import ENDED
from waterclock_api.keeping import kept


def test_without_a_word_everything_is_kept() -> None:
    assert (kept(None, ()).events, dict(kept(None, ()).runs)) == (None, {})


def test_a_status_that_is_named_has_its_own_age() -> None:
    keep = kept("365d", ("failed=90d", "30d", "died=72h"))
    assert keep.events == timedelta(days=365)
    assert keep.runs == {
        **dict.fromkeys(ENDED, timedelta(days=30)),
        "failed": timedelta(days=90),
        "died": timedelta(days=3),
    }


@pytest.mark.parametrize(
    ("events", "runs", "named"),
    [("1d", (), "EVENTS"), ("90", (), "EVENTS"), (None, ("x=9d",), "RUNS"), (None, ("running=9d",), "RUNS")],
)
def test_what_cannot_be_is_refused_by_name(events: str | None, runs: tuple[str, ...], named: str) -> None:
    with pytest.raises(SettingsError, match=f"WATERCLOCK_KEEP_{named}"):
        kept(events, runs)
