import pytest

from waterclock.model.durations import moment, moment_ms, seconds, short_seconds


@pytest.mark.parametrize(
    ("written", "read"),
    [
        (0, 0),
        (1.5, 1.5),
        ("PT1M30S", 90),
        ("pt0.25s", 0.25),
        ("P1DT12H", 129_600),
        ("P2W", 1_209_600),
        ("PT1.5H", 5_400),
    ],
)
def test_durations_are_seconds_or_iso_8601(written: float | str, read: float) -> None:
    assert seconds(written) == read


@pytest.mark.parametrize("written", ["", "P", "PT", "P1DT", "1m", "P1Y", "P1M", "-PT1S", "PT1S ", "60", float("inf")])
def test_other_durations_are_refused(written: float | str) -> None:
    with pytest.raises(ValueError, match=r"finite|ISO 8601"):
        seconds(written)


@pytest.mark.parametrize(
    ("written", "read"),
    [("30s", 30), ("4h", 14_400), ("1h30m", 5_400), ("1.5d", 129_600), ("250ms", 0.25), ("PT1M", 60), (7, 7)],
)
def test_durations_may_be_written_short(written: float | str, read: float) -> None:
    assert short_seconds(written) == read


@pytest.mark.parametrize("written", ["", "4", "4 h", "h", "-4h", "4h ago", "4y", "9h" * 40])
def test_what_is_no_short_duration_is_refused(written: str) -> None:
    with pytest.raises(ValueError, match="is no duration: write 4h"):
        short_seconds(written)


@pytest.mark.parametrize(
    ("written", "read"),
    [
        ("2026-03-29T01:00:00Z", "2026-03-29T01:00:00.000Z"),
        ("2026-03-29T03:00:00.123456+02:00", "2026-03-29T01:00:00.123Z"),
        ("2026-03-29 01:00:00z", "2026-03-29T01:00:00.000Z"),
    ],
)
def test_moments_may_have_any_offset_and_are_kept_in_utc(written: str, read: str) -> None:
    assert moment(written) == read


@pytest.mark.parametrize(
    "written",
    [
        "",
        "2026",
        "2026-03-29",
        "2026-03-29T01:00:00",
        "2026-13-01T00:00:00Z",
        "now",
        "0001-01-01T00:00:00Z",
        "0001-01-01T00:00:00+14:00",
    ],
)
def test_other_moments_are_refused(written: str) -> None:
    with pytest.raises(ValueError, match=r"RFC 3339|offset|range"):
        moment_ms(written)
