"""Fields that list what a caller takes."""

from __future__ import annotations

import pytest

from waterclock_api.http.headers import lists


@pytest.mark.parametrize("field", ["gzip", "br, gzip", "br;q=1, GZIP ; q=0.5", "gzip;q=0.001", "identity,gzip;level=1"])
def test_what_is_named_is_taken(field: str) -> None:
    assert lists(field, "gzip")


@pytest.mark.parametrize("field", ["", "br", "gzip;q=0", "gzip; Q = 0.000", "x-gzip", "*", "gzipped"])
def test_what_is_refused_or_not_named_is_not(field: str) -> None:
    assert not lists(field, "gzip")
