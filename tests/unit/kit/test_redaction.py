"""Secrets are found in whatever way they are written, and nothing else is taken for one."""

from __future__ import annotations

import base64
import html
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from waterclock.kit.redaction import SHOWN, Redactor, passwords

AWKWARD = "pa/ss%+&@\"w'o\\rd é€😀"


@pytest.mark.parametrize("secret", [AWKWARD, "plain1", "%41%41%41", "a b c d", '<"&">\''])
def test_it_is_found_in_every_common_spelling(secret: str) -> None:
    raw = secret.encode()
    ways = [
        secret, repr(secret), repr(raw), repr(f"'{secret}\""), repr(repr(secret)), json.dumps(secret),
        json.dumps(json.dumps(secret)), json.dumps(secret, ensure_ascii=False), quote(secret), quote(secret, safe=""),
        quote(quote(secret, safe=""), safe=""), quote_plus(secret), quote(secret, safe="").lower(), html.escape(secret),
        *(base64.b64encode(b"user:"[:n] + raw + b"tail"[:m]).decode() for n in range(6) for m in range(5)),
        base64.urlsafe_b64encode(raw).decode(),
    ]  # fmt: skip
    concealed = Redactor([secret])
    for way in ways:
        assert SHOWN in concealed(f"before {way} after"), way


@pytest.mark.parametrize("secret", [AWKWARD, "plain1", "%41%41%41", "a b c d", "hush-token-€"])
def test_it_is_found_where_every_character_of_it_is_encoded(secret: str) -> None:
    raw, units = secret.encode(), secret.encode("utf-16-be").hex()
    ways = [
        raw.hex(), raw.hex().upper(), f"ff{raw.hex()}ff", "".join(f"%{byte:02X}" for byte in raw),
        "".join(f"%{byte:02x}" for byte in raw), "".join(rf"\x{byte:02x}" for byte in raw),
        "".join(rf"\u{units[n : n + 4]}" for n in range(0, len(units), 4)),
        "".join(rf"\u{units[n : n + 4].upper()}" for n in range(0, len(units), 4)),
        "".join(f"&#{ord(sign)};" for sign in secret), "".join(f"&#x{ord(sign):x};" for sign in secret),
        "".join(f"&#x{ord(sign):X};" for sign in secret),
        *(base64.b32encode(b"user:"[:n] + raw + b"tail"[:m]).decode() for n in range(6) for m in range(5)),
    ]  # fmt: skip
    concealed = Redactor([secret])
    for way in ways:
        assert SHOWN in concealed(f"before {way} after"), way
        assert secret not in concealed(way)


@given(st.text(min_size=6, max_size=30))
def test_what_is_told_holds_no_secret_whatever_it_is_made_of(secret: str) -> None:
    assume(set(secret) != {"a"})  # of which there would be one more
    assume(secret not in SHOWN)
    concealed = Redactor([secret])
    assert concealed(f"a{secret}b") == f"a{SHOWN}b"
    assert secret not in concealed.known(json.dumps({"deep": [secret]}))


def test_texts_without_a_secret_are_as_they_were() -> None:
    text = "http://host:80/x?at=a@b.example 'quoted' %2F 100% of https://user@host"
    assert Redactor([AWKWARD])(text) == text


def test_one_secret_within_another_leaves_no_rest() -> None:
    concealed = Redactor(["hushed", "hushed-up"]).adding("all-hushed-up")
    assert concealed("all-hushed-up hushed-up hushed") == f"{SHOWN} {SHOWN} {SHOWN}"


def test_too_short_a_secret_would_be_everywhere() -> None:
    assert Redactor(["a", ""])("a cat") == "a cat"


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("at postgresql://shop:hush@db/shop", f"at postgresql://shop:{SHOWN}@db/shop"),
        ("('redis://:hush@h:1', 2)", f"('redis://:{SHOWN}@h:1', 2)"),
        ("like postgresql://user:password@host:5432/name", "like postgresql://user:password@host:5432/name"),
    ],
)
def test_no_password_of_a_url_is_told(text: str, told: str) -> None:
    assert Redactor()(text) == told


def test_a_process_knows_the_secrets_of_its_environment(tmp_path: Path) -> None:
    places = tmp_path / "places.toml"
    places.write_text(
        """
        [books]
        accessKey = "env:PLACE_ACCESS"
        secretKey = "env:PLACE_SECRET"
        references = ["file:/run/*@h", 'env:PLACE_OTHER@other.example']
        """
    )
    environment = {
        "WATERCLOCK_REDIS_URL": "rediss://:hush%2Fone@h/0",
        "WATERCLOCK_POSTGRES_URL": "postgresql://u:hu/sh@two@h/d",
        "OTHER_URL": "postgresql://h/d?user=u&password=hush-three",
        "DEV_URL": "postgresql://postgres:postgres@db:5432/postgres",
        "TRIED_URL": "redis://waterclock-worker:worker@valkey:6379/0",
        "OWNERS_URL": "postgresql://waterclock_owner:owner@postgres:5432/waterclock",
        "WATERCLOCK_OTHER_ACCESS_KEY": "waterclock",
        "WATERCLOCK_OTHER_SECRET_KEY": "waterclock",
        "WATERCLOCK_S3_SECRET_KEY": "hush-four",
        "BOOKS_TOKEN": "hush-five",
        "SHOP_URL": "postgresql://u:hush-six@h/d",
        "WATERCLOCK_HTTP_REFERENCES": "file:/run/*, env:BOOKS_*@books.example|a.example",
        "WATERCLOCK_BACKUP_REFERENCES": "*,env:*, env:*@anywhere",
        "WATERCLOCK_PLACES": str(places),
        "PLACE_ACCESS": "waterclock",
        "PLACE_SECRET": "hush-seven",
        "PLACE_OTHER": "hush-eight",
        "HOME": "/home/hush",
    }
    assert passwords(environment) == {
        "hush%2Fone", "hush/one", "hu/sh@two", "hush-three", "hush-four", "hush-five", "hush-six",
        "hush-seven", "hush-eight",
    }  # fmt: skip


def test_what_a_file_of_notices_refers_to_is_hidden(tmp_path: Path) -> None:
    notices = tmp_path / "notices.yaml"
    notices.write_text(
        "channels:\n  oncall: {apprise: env:ONCALL_URL}\n  ops: {webhook: 'env:OPS_URL', secret: \"env:OPS_SECRET\"}\n"
    )
    environment = {
        "WATERCLOCK_NOTICES": str(notices),
        "ONCALL_URL": "slack://hush/one/two",
        "OPS_URL": "https://ops.example/hush",
        "OPS_SECRET": "whsec_hush",
        "OTHER": "no secret",
    }

    assert passwords(environment) == {"slack://hush/one/two", "https://ops.example/hush", "whsec_hush"}


def test_a_secret_is_hidden_without_the_end_of_line_that_it_was_set_with() -> None:
    found = passwords({"WATERCLOCK_HTTP_REFERENCES": "env:BOOKS_TOKEN@books.example", "BOOKS_TOKEN": "hush-hush\n"})
    assert Redactor(found).known("token hush-hush.") == f"token {SHOWN}."


def test_headers_for_the_collector_are_secrets_also_where_they_cannot_be_read() -> None:
    environment = {
        "OTEL_EXPORTER_OTLP_HEADERS": "authorization=Bearer%20hush-token-1, x-on=true",
        "OTEL_EXPORTER_OTLP_TRACES_HEADERS": "hush-token-2: no header",
    }
    concealed = Redactor(passwords(environment))

    assert concealed("bad header Bearer hush-token-1, it is true") == f"bad header {SHOWN}, it is true"
    assert concealed("Header format invalid! hush-token-2: no header") == f"Header format invalid! {SHOWN}"
    assert "hush" not in concealed("token hush-token-1")
