from __future__ import annotations

import pytest

from waterclock_api.queries.logs.transcript import prefers_text


@pytest.mark.parametrize(
    ("accept", "text"),
    [
        (None, False),
        ("*/*", False),
        ("application/json", False),
        ("text/plain", True),
        ("text/*", True),
        ("text/plain, application/json", False),
        ("text/plain, application/json;q=0.9", True),
        ("text/plain;q=0.2, application/json;q=0.1", True),
        ("text/plain;q=0.1, */*;q=0.5", False),
        ("text/plain;q=0", False),
        ("text/plain;q=often", False),
        ("TEXT/PLAIN; charset=utf-8", True),
        ("text/event-stream", False),
        (",;,", False),
    ],
)
def test_text_is_for_those_who_would_rather_have_it(accept: str | None, text: bool) -> None:
    assert prefers_text(accept) is text
