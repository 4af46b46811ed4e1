"""The body of a webhook is a CloudEvent 1.0, whatever it tells of."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from msgspec.structs import replace

from tests.unit.api.notifier.told import FAILED, INSTALLATION, NAMELESS, TOLD
from waterclock_api.notifier.delivery.cloud_event import cloud_event
from waterclock_api.notifier.delivery.texts import message_of

URI = re.compile(r"(?:[a-z][a-z0-9+.-]*:)?[A-Za-z0-9._~:/?#\[\]@!$&'()*+,;=%-]+")


def event_of(name: str) -> dict[str, Any]:
    return json.loads(cloud_event(TOLD[name], INSTALLATION))


@pytest.mark.parametrize("name", TOLD)
def test_it_has_the_attributes_that_the_specification_wants(name: str) -> None:
    event = event_of(name)

    assert event["specversion"] == "1.0"
    assert event["id"] == TOLD[name].id
    assert event["source"] == "https://waterclock.example"
    assert event["type"] == f"waterclock.notice.{event['data']['kind']}"
    assert event.get("subject", "x")  # where it is, it is not empty
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"])
    assert event["datacontenttype"] == "application/json"
    assert all(re.fullmatch("[a-z0-9]+", attribute) for attribute in event)


def test_the_source_of_an_installation_without_a_url_is_a_uri_too() -> None:
    for name in ("redis.example wc", "ü\n<x>", "[::1]:6379 wc"):
        source = json.loads(cloud_event(FAILED, replace(NAMELESS, name=name)))["source"]

        assert source.startswith("urn:waterclock:")
        assert URI.fullmatch(source), source


def test_the_same_notice_is_the_same_event_again() -> None:
    assert cloud_event(FAILED, INSTALLATION) == cloud_event(FAILED, INSTALLATION)


def test_its_data_hold_the_facts_and_the_texts() -> None:
    data = event_of("failed")["data"]
    message = message_of(FAILED, INSTALLATION)

    assert event_of("failed")["subject"] == "runs/k3v0q1-abc"
    assert data.pop("text") == message.text
    assert data.pop("markdown") == message.markdown
    assert data == {
        "kind": "failed",
        "subject": "reports/nightly failed: KeyError 'SHOP_DSN'",
        "links": {
            "console": "https://waterclock.example/console/runs/k3v0q1-abc",
            "command": "waterclock run show k3v0q1-abc",
        },
        "rule": "nightly",
        "job": {"id": "k3v0q1", "group": "reports", "name": "nightly"},
        "run": "k3v0q1-abc",
        "instant": "2026-11-28T02:00:00.000Z",
        "zone": "Europe/Berlin",
        "since": "2026-11-26T02:00:11.000Z",
        "count": 3,
        "reminder": False,
        "attempt": 3,
        "error": {"type": "KeyError", "message": "'SHOP_DSN'"},
        "position": "0-1-812",
    }


def test_what_does_not_apply_is_left_out() -> None:
    data = event_of("clock-noLeader")["data"]

    assert data["trouble"] == "noLeader"
    assert data.keys().isdisjoint({"job", "run", "instant", "zone", "due", "error", "position", "digest"})


def test_a_digest_has_counts_and_positions() -> None:
    digest = event_of("digest")["data"]["digest"]

    assert digest["counts"] == {"late": 12, "failed": 9400, "timedOut": 1}
    assert (digest["muted"], event_of("digest-muted")["data"]["digest"]["muted"]) == (0, 1204)
    assert digest["positions"][9] == {"first": "9-1-12", "last": "9-1-9412"}


def test_what_others_wrote_does_not_make_it_long() -> None:
    text = "\n\u202e" + "x" * 65_536
    body = cloud_event(
        replace(FAILED, group=text, name=text, error_type=text, error_message=text, explain=text, rule=text,
                reason=text, log_lines=(text,) * 50), INSTALLATION,
    )  # fmt: skip

    assert len(body) < 16_384
    assert json.loads(body)["data"]["job"]["name"].isprintable()
