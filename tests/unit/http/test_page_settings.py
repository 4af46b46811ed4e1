"""Settings that the page about HTTP requests shows."""

from __future__ import annotations

import json

import pytest

from tests.support.pages import every_block
from tests.support.repository import DOCS
from waterclock.kit.http.guard import ALLOW, Guard, Refused
from waterclock_worker.executors.http.references import http_references

PAGE = DOCS / "how-to" / "call-http.md"


def shown(language: str) -> str:
    return "".join(block.text for block in every_block(PAGE) if block.language == language)


def test_the_settings_open_what_the_page_says_and_nothing_else() -> None:
    settings = dict(line.split("=", 1) for line in shown("ini").splitlines())
    guard = Guard(settings[ALLOW])
    guard.check("wiki.internal", "192.168.7.7")
    guard.check("other.internal", "10.20.3.4")
    with pytest.raises(Refused):
        guard.check("other.internal", "192.168.7.7")

    reference = json.loads(shown("json"))["headers"]["Authorization"]["from"]
    [listed] = http_references(settings)
    assert listed.names(reference)
    assert [host.name for host in listed.hosts] == ["books.example.com"]
