"""From which place a notifier tells: what its settings name, however they write it."""

from __future__ import annotations

import pytest

from waterclock.log.client import LogSettings
from waterclock_api.followers.origin import origin_of


def address(url: str) -> str:
    return origin_of(LogSettings(url=url, prefix="wc"), None).address


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("redis://a:6379/0", "redis://user:secret@A/0"),
        ("redis://a:6379,b:6380/0", "redis://b:6380,a:6379/0"),
        ("redis://a:6379/0", "rediss://a:6379/0"),
        ("redis://127.0.0.1:6379/0", "redis://localhost:7000/0"),
        ("redis://[::1]:6379/0", "redis://127.0.0.2:6379/0"),
        (
            "redis+sentinel://u:p@a:26379,b:26379/main?sentinel_password=p",
            "redis+sentinel://b,a/main",
        ),
        ("valkey://a/0", "redis://a"),
    ],
)
def test_the_same_place_is_written_in_several_ways(one: str, other: str) -> None:
    assert address(one) == address(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("redis://a:6379/0", "redis://b:6379/0"),
        ("redis://a:6379/0", "redis://a:6380/0"),
        ("redis://a:6379/0", "redis://a:6379/1"),
        ("redis://a:6379/0", "redis://a:6379,b:6379/0"),
        ("redis+sentinel://a,b/main", "redis+sentinel://a,b/other"),
        ("redis+sentinel://a:6379/main", "redis://a:6379"),
        ("unix:///run/a.sock", "unix:///run/b.sock"),
    ],
)
def test_other_places_are_told_apart(one: str, other: str) -> None:
    assert address(one) != address(other)


def test_no_secret_is_in_it() -> None:
    url = "redis+sentinel://user:secret@a/main?sentinel_username=watcher&sentinel_password=secret"
    assert "secret" not in address(url)
    assert "user" not in address(url)
    assert "secret" not in str(origin_of(LogSettings(url=url, prefix="wc"), "https://user:secret@scheduler.example"))


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("https://scheduler.example", "https://Scheduler.example/"),
        ("http://127.0.0.1:8000", "http://localhost:8001/"),
        (None, ""),
    ],
)
def test_a_public_url_is_the_same_however_it_is_written(one: str | None, other: str) -> None:
    log = LogSettings(url="redis://a", prefix="wc")
    assert origin_of(log, one) == origin_of(log, other)


def test_another_public_url_or_prefix_is_another_place() -> None:
    one = origin_of(LogSettings(url="redis://a", prefix="wc"), "https://scheduler.example")
    assert one != origin_of(LogSettings(url="redis://a", prefix="wc"), "https://scheduler.example/staging")
    assert one != origin_of(LogSettings(url="redis://a", prefix="other"), "https://scheduler.example")
    assert one != origin_of(LogSettings(url="redis://a", prefix="wc"), None)
