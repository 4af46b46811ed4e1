"""Texts of others in a message: short, on one line, and without what a chat, a mail or a terminal would obey."""

from __future__ import annotations

import re

from waterclock.kit.text.escaping import escaped

_AHEAD = 4  # characters read for each that may be shown: a text of 64 KiB is not looked through
_TERMINAL = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]?|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.?)")  # colours, titles, movements
_MENTION = re.compile(r"@(?=(?:everyone|here|channel|all|room|online)\b)|<(?=[!@#&])|\](?=\()", re.IGNORECASE)
_MARKUP = re.compile(r"([\\`*_\[\]<>~|#])")
_MOST_MARKS = re.compile(
    r"([\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]{3})"
    r"[\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f]+"
)


def one_line(text: str, most: int) -> str:
    """At most so many characters of a text, blanks and line ends as single blanks."""
    return _plain(" ".join(_TERMINAL.sub("", text[: most * _AHEAD]).split()), most, cut=len(text) > most * _AHEAD)


def log_line(text: str, most: int) -> str:
    """The same of a line whose indentation says something."""
    shown = _TERMINAL.sub("", text[: most * _AHEAD]).expandtabs(4).rstrip()
    return _plain(shown, most, cut=len(text) > most * _AHEAD)


def in_markdown(text: str) -> str:
    """A harmless text among words in Markdown."""
    return _MARKUP.sub(r"\\\1", text)


def as_code(text: str) -> str:
    """A harmless text as code in Markdown, where nothing in it means anything."""
    return f"`{text.replace('`', chr(39))}`"


def _plain(text: str, most: int, *, cut: bool) -> str:
    text = _MENTION.sub(r"\g<0> ", _MOST_MARKS.sub(r"\1", escaped(text)))
    return f"{text[: most - 1].rstrip()}…" if cut or len(text) > most else text
