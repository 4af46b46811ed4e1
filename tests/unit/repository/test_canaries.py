"""The search that the canary test relies on finds what it should."""

from __future__ import annotations

import base64
import json
from urllib.parse import quote

from tests.support.canaries import canary, found, shown_once


def test_a_canary_is_found_in_each_form_and_in_part() -> None:
    one, other = canary("one"), canary("other")
    forms = [
        one.value, json.dumps(one.value), quote(one.value, safe=""), one.value.upper(), one.value[:20], one.value[-16:],
        one.value.encode().hex(), base64.b64encode(f"user:{one.value}".encode()).decode(),
        base64.urlsafe_b64encode(f"x{one.value}y".encode()).decode(), base64.b64encode(one.pieces[0].encode()).decode(),
    ]  # fmt: skip
    for form in forms:
        assert found([one, other], {"here": b"before " + form.encode() + b" after"}), form
    assert found([other], {"here": "".join(forms).encode()}) == []
    assert found([shown_once("token", "head.body.0123456789abcdef0123", "0123456789abcdef0123")],
                 {"here": b"0123456789abcdef"})  # fmt: skip
