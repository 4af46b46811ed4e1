"""Why a body cannot be read, as its sender is told."""

from __future__ import annotations

import gzip

import msgspec
import pytest

from waterclock_api.http.unreadable_body import why_unreadable

BODIES = (
    (b'{"a":"\\ud800b"}', "holds half of a surrogate pair"),
    (b'{"a":"\\udc00\\ud800"}', "holds half of a surrogate pair"),
    (b'{"a":"\\ud83d\\ude00","b":1e400}', "is not valid JSON: number out of range"),
    (b"\xef\xbb\xbf{}", "begins with a byte order mark (EF BB BF)"),
    ("{}".encode("utf-16"), "is UTF-16"),
    ("{}".encode("utf-16-le"), "is UTF-16"),
    ("{}".encode("utf-16-be"), "is UTF-16"),
    ("{}".encode("utf-32-be"), "UTF-32"),
    (gzip.compress(b"{}", mtime=0), "is compressed (gzip)"),
    (b'{"a":"\xff"}', "is not UTF-8"),
    ('{"ü":1}'.encode("latin-1"), "is not UTF-8"),
    (b'{"a":1', "ends too early"),
    (b'{"a":"b', "ends too early"),
    (b"{'a':1}", "need double quotes"),
    (b"{a:1}", "need double quotes"),
    (b'{"a":NaN}', "holds NaN or Infinity"),
    (b'{"a":\n[1,]}', "is not JSON: expecting value at line 2, column 4"),
    (b"[1] x", "is not JSON: extra data at line 1, column 5"),
    (b'{"a":"\x01"}', "is not JSON: invalid control character at line 1, column 7"),
    (b"9" * 5_000, "is not valid JSON"),
)


@pytest.mark.parametrize(("body", "said"), BODIES, ids=lambda each: repr(each)[:24])
def test_the_reason_is_said_in_words(body: bytes, said: str) -> None:
    with pytest.raises((msgspec.MsgspecError, UnicodeDecodeError)) as refused:
        msgspec.json.decode(body)
    told = why_unreadable(body, refused.value)
    assert said in told
    assert len(told) <= 200
