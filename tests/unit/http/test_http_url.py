"""URLs of requests go out as they are written."""

from __future__ import annotations

import re
from urllib.parse import quote

import hypothesis
import hypothesis.strategies as st
import pytest

from waterclock.kit.http.exchange import joined
from waterclock.model.parameters.http_url import http_url

EXACT = [
    "/a%2Fb/%7Efoo/echo?sig=a%2Bb%2F%3D&t=12%3A00",
    "/x/../echo",
    "/./x//y/.",
    "/?q=%zz",
    "/%",
    "/%c3%A4",
    "/?a=b?c=/d&&=;x",
    "/a+b?c+d",
    "/path;v=1,2!$'()*:@",
    "/q?redirect=https://other.example/%2e%2e#",
    '/[x]{y}|z^`"<>\\',
]


@pytest.mark.parametrize("target", EXACT)
def test_the_request_line_is_what_was_written(target: str) -> None:
    assert http_url(f"https://books.example{target}").target == target.partition("#")[0]


@pytest.mark.parametrize(
    ("written", "goes_out"),
    [
        ("https://books.example", "/"),
        ("https://books.example?x=1", "/?x=1"),
        ("https://books.example/#part", "/"),
        ("https://books.example/ä/ü?q=ß", "/%C3%A4/%C3%BC?q=%C3%9F"),
        ("https://books.example/\u3000\u00a0\u2028", "/%E3%80%80%C2%A0%E2%80%A8"),
        ("https://books.example/%zz/é", "/%zz/%C3%A9"),
        ("https://books.example/\U0001f40b", "/%F0%9F%90%8B"),
        ("https://books.example/\x85\x9f", "/%C2%85%C2%9F"),
    ],
)
def test_what_cannot_stand_in_a_request_line_is_encoded(written: str, goes_out: str) -> None:
    assert http_url(written).target == goes_out


@pytest.mark.parametrize(
    ("written", "host", "port", "authority"),
    [
        ("http://BOOKS.example", "books.example", 80, "books.example"),
        ("http://books.example.:80/", "books.example.", 80, "books.example"),
        ("https://books.example:080/", "books.example", 80, "books.example:80"),
        ("https://books.example:/", "books.example", 443, "books.example"),
        ("http://bücher.internal:8080/", "xn--bcher-kva.internal", 8080, "xn--bcher-kva.internal:8080"),
        ("http://BÜCHER.internal/", "xn--bcher-kva.internal", 80, "xn--bcher-kva.internal"),
        ("http://bücher。internal/", "xn--bcher-kva.internal", 80, "xn--bcher-kva.internal"),
        ("http://my_host/", "my_host", 80, "my_host"),
        ("http://①②⑦.0.0.1/", "127.0.0.1", 80, "127.0.0.1"),
        ("http://[2001:DB8::7]:81/", "2001:db8::7", 81, "[2001:db8::7]:81"),
        ("http://10.0.0.7/", "10.0.0.7", 80, "10.0.0.7"),
    ],
)
def test_a_host_is_read_as_name_servers_know_it(written: str, host: str, port: int, authority: str) -> None:
    found = http_url(written)
    assert (found.host, found.port, found.authority) == (host, port, authority)


@pytest.mark.parametrize(
    "written",
    [
        *("http://h:99999/", "http://h:0/", "http://h:65536", "http://h:-1/", "http://h:8o/", "http://h:٨٠/"),
        *("http://h:1:2/", f"http://h:{'9' * 5000}/", "http://:80/", "http:///x", "http://", "http:/x", "http:x", ""),
        *("ftp://h/", "file:///etc/passwd", "//h/", "/x", "h/x", "javascript:alert(1)"),
        *("http://u:hush@h/", "http://u@h/", "http://@h/", "http://h\\@evil/", "http://a\\b/"),
        *("http://a..b/", "http://.a/", "http://a b/", f"http://{'a' * 64}.example/", f"http://{'a.' * 140}b/"),
        *("http://[::1/", "http://::1/", "http://[]/", "http://[127.0.0.1]/", "http://[::1]x/", "http://a%41/"),
        *("http://h/a b", "http://h/\tx", "http://h/\r\nHost: b", "http://h/\x00", "http://h/\x7f", " http://h/"),
        *(
            "http://h\n/",
            "http://h/?a\nb",
            "http://-ü-.example\u200b\u202e/",
            "http://（/",
            "http://h／x/",
            "http://xn--ü/",
        ),
    ],
)
def test_what_is_no_url_for_a_request_is_refused_in_one_line_without_a_secret(written: str) -> None:
    with pytest.raises(ValueError, match=r"\w") as raised:
        http_url(written)
    assert "hush" not in str(raised.value)
    assert str(raised.value).isprintable()
    assert "^" not in str(raised.value)


@hypothesis.given(st.text(st.characters(exclude_characters="#", exclude_categories=["Cs"]), max_size=30))
def test_no_text_splits_a_request_line_and_ascii_stays_as_it_is(text: str) -> None:
    try:
        target = http_url(f"http://h/{text}").target
    except ValueError:
        assert re.search(r"[\x00-\x20\x7f]", text)
        return
    assert re.fullmatch(r"[\x21-\x7e]+", target)
    assert target == "/" + "".join(sign if sign.isascii() else quote(sign) for sign in text)


@pytest.mark.parametrize(
    ("location", "leads_to"),
    [
        ("/a%2Fb?sig=a%2Bb%2F%3D&q=%zz", "https://h.example/a%2Fb?sig=a%2Bb%2F%3D&q=%zz"),
        ("http://other.example:81/x/../%7Ey?sig=%2B", "http://other.example:81/x/../%7Ey?sig=%2B"),
        ("//cdn.example/x", "https://cdn.example/x"),
        ("next?y", "https://h.example/a/next?y"),
        ("../next", "https://h.example/next"),
        ("?y=%2F", "https://h.example/a/b?y=%2F"),
        ("#part", "https://h.example/a/b?x=1"),
        ("/ü/é b", "https://h.example/%C3%BC/%C3%A9%20b"),
        (" https://bücher.example/ä\t", "https://xn--bcher-kva.example/%C3%A4"),
        ("HTTPS://H.example/", "https://h.example/"),
    ],
)
def test_a_redirect_is_followed_as_it_is_written(location: str, leads_to: str) -> None:
    assert str(joined(http_url("https://h.example/a/b?x=1"), location)) == leads_to


@pytest.mark.parametrize(
    "location", ["http:x", "mailto:a@b", "https://a b/", "//", "https://u:p@h/", "data:,x", "http://[x]/"]
)
def test_a_redirect_that_leads_nowhere_is_refused(location: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        joined(http_url("https://h.example/a"), location)
