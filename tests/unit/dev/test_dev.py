"""What `waterclock dev` says once everything runs."""

from __future__ import annotations

from waterclock_dev.dev import how_to_ask


def test_an_api_that_verbs_do_not_ask_by_default_is_told_with_its_setting() -> None:
    assert how_to_ask("http://127.0.0.1:18080") == ("  Verbs     export WATERCLOCK_API_URL=http://127.0.0.1:18080",)
    assert how_to_ask("http://127.0.0.1:8080") == ()
