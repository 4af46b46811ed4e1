"""Which API a program calls, and with which key, as its environment says."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Annotated

import msgspec

from waterclock.client.exchange import api_root
from waterclock.kit.settings import helps, read, reading


def key_text(text: str) -> str:
    """
    Raises:
        ValueError: no header can hold it; no part of it is repeated.
    """
    for place, sign in enumerate(text):
        if not "!" <= sign <= "~":
            what = "a blank" if sign.isspace() else "a character that is not ASCII" if sign > "~" else "a control"
            raise ValueError(f"holds {what} as character {place + 1} of {len(text)}: a key or token has no spaces")
    return text


class CallerSettings(msgspec.Struct, frozen=True, kw_only=True):
    api_url: Annotated[
        str,
        reading(api_root),
        helps("URL of the API.", example="https://waterclock.example", more="`--url` overrides it."),
    ] = "http://127.0.0.1:8080"
    api_key: Annotated[
        Annotated[str, reading(key_text)] | None,
        helps("API key or token to authenticate with.", secret=True, more="`--api-key-file` overrides it."),
    ] = None


def caller_settings(environment: Mapping[str, str] | None = None) -> CallerSettings:
    """`WATERCLOCK_API_URL` and `WATERCLOCK_API_KEY`, or the files that are named with `_FILE` behind.

    Raises:
        SettingsError: one of them is wrong.
    """
    return read(CallerSettings, os.environ if environment is None else environment)
