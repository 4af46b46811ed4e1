"""What a request may be asked."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from waterclock.model.parameters.http_url import http_url
from waterclock_worker.executors.http.params import HttpParams
from waterclock_worker.executors.http_request import http_request, signature
from waterclock_worker.registry import spec_of

URL = "https://example.com/hook?x=1"


def params(**given: Any) -> HttpParams:
    return msgspec.convert({"url": URL} | given, HttpParams)


@pytest.mark.parametrize(
    ("given", "word"),
    [
        ({"url": "ftp://example.com"}, "url"),
        ({"url": "file:///etc/passwd"}, "url"),
        ({"url": "https://user:hush@example.com/"}, "url"),
        ({"url": "https://example.com/\nX"}, "url"),
        ({"url": "https:///x"}, "url"),
        ({"method": "TRACE"}, "method"),
        ({"json": {}, "text": ""}, "one body"),
        ({"headers": {"Host": "x"}}, "Host"),
        ({"headers": {"Content-length": "3"}}, "Content-length"),
        ({"headers": {"waterclock-fence": "3"}}, "waterclock-fence"),
        ({"headers": {"X": "a\r\nHost: b"}}, "headers"),
        ({"headers": {"X y": "a"}}, "headers"),
        ({"headers": {"X": "a", "x": "b"}}, "twice"),
        ({"headers": {"X": {"from": "hush"}}}, "headers"),
        ({"sign": {"key": "hush"}}, "sign"),
        ({"expect": []}, "expect"),
        ({"expect": ["2xx"]}, "expect"),
        ({"expect": [99]}, "expect"),
        ({"timeout": 0}, "timeout"),
        ({"redirects": 11}, "redirects"),
        ({"proxy": "x"}, "proxy"),
    ],
)
def test_what_does_not_fit_is_refused_by_name_and_not_shown(given: dict[str, Any], word: str) -> None:
    with pytest.raises(msgspec.ValidationError, match=word) as raised:
        params(**given)

    assert "hush" not in str(raised.value)


def test_expected_statuses_are_numbers_and_ranges() -> None:
    asked = params(expect=[204, "400-404"])

    assert [status for status in range(100, 600) if asked.expects(status)] == [204, 400, 401, 402, 403, 404]


def test_a_body_is_json_or_text_or_none() -> None:
    assert params(json=None).body() == b"null"
    assert params(json={"a": [1, "ä"]}).body() == '{"a":[1,"ä"]}'.encode()
    assert params(text="").body() == b""
    assert params().body() is None


def test_a_signature_is_that_of_the_time_and_the_body() -> None:
    assert signature("key", b'{"a":1}', at=1_700_000_000) == (
        "t=1700000000,v1=a438e398bfafc57e4396bb7fc2304422f0f768e965d073ca313cb52e22e6ad03"
    )


def test_its_schema_can_be_announced() -> None:
    schema = spec_of(http_request).params_schema

    assert schema["required"] == ["url"]
    assert schema["additionalProperties"] is False


@pytest.mark.parametrize(
    ("url", "sent"),
    [
        ("https://h.example/a#part", "/a"),
        ("https://h.example/#", "/"),
        ("https://h.example?q=1#part", "/?q=1"),
        ("https://h.example/a%23b", "/a%23b"),
        ("https://h.example#part", None),
        ("https://h.example/a b", None),
        ("https://h.example/a\x7f", None),
        ("https://u:p@h.example/", None),
        ("ftp://h.example/", None),
    ],
)
def test_a_url_is_taken_as_its_description_says(url: str, sent: str | None) -> None:
    if sent is None:
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"url": url}, HttpParams)
    else:
        assert http_url(msgspec.convert({"url": url}, HttpParams).url).target == sent


def test_a_status_in_text_is_a_range_and_a_header_has_the_signs_of_a_token() -> None:
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert({"url": "https://h.example/", "expect": ["200"]}, HttpParams)
    signs = "!#$%&'*+-.^_`|~"
    assert msgspec.convert({"url": "https://h.example/", "headers": {f"x{signs}": "1"}}, HttpParams).headers
