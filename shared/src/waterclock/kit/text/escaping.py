"""Texts of others in a line: nothing in them begins another line, is obeyed by a terminal, or passes for a field.

What has no picture of its own (controls, marks that turn the direction of writing, line separators, halves of
surrogate pairs, invisible ones) is written as JSON escapes it, so that a JSON text with it means the same as before.
"""

from __future__ import annotations

import json
import re

VALUE_MOST = 1024
"""Bytes of one value, as it is written."""

_BARE = re.compile(r'[^\s"=\\]+')
_TWICE = '"\\\n\r\t\b\f'


def escaped(text: str, keep: str = "") -> str:
    """Without signs that cannot be seen, but for those to keep; also of a JSON text, which has them in strings only."""
    if text.isprintable():
        return text
    return "".join([sign if sign.isprintable() or sign in keep else json.dumps(sign)[1:-1] for sign in text])


def quoted(text: str) -> str:
    """As a JSON string."""
    return escaped(json.dumps(text, ensure_ascii=False))


def field(text: str) -> str:
    """A value, or a name, that cannot be taken for more than one."""
    return text if _BARE.fullmatch(text) and text.isprintable() else quoted(text)


def phrase(text: str) -> str:
    """Words before fields: bare, where nothing in them looks like a field."""
    bare = text.isprintable() and text and text == text.strip() and '"' not in text and "=" not in text
    return text if bare else quoted(text)


def cut(text: str, most: int = VALUE_MOST, *, beyond: int = 0) -> str:
    """A text of at most so many bytes, as they will be written: itself, or its beginning and how much is left out.

    `beyond`: how many characters follow it, which are left out in any case.
    """
    place = _fitting(text[:most], most)
    missing = len(text) - place + beyond
    return f"{text[:place]} … [cut, {missing} more characters]" if missing else text


def _fitting(text: str, most: int) -> int:
    """How many characters of a text can be written in so many bytes."""
    if text.isascii() and text.isprintable() and len(text) + text.count('"') + text.count("\\") <= most:
        return len(text)
    size = 0
    for place, sign in enumerate(text):
        size += _cost(sign)
        if size > most:
            return place
    return len(text)


def _cost(sign: str) -> int:
    if sign in _TWICE:
        return 2
    if sign.isprintable():
        return len(sign.encode())
    return 6 if ord(sign) < 0x10000 else 12
