"""The kinds of problem documents, made from the table that the API answers by."""

from __future__ import annotations

import textwrap

from waterclock_api.http.problem_types import KINDS, Kind

WIDTH = 120


def text() -> str:
    rows = [f"| [`{kind.name}`](#{kind.name}) | {kind.status} | {kind.title} |" for kind in KINDS.values()]
    table = "\n".join(("## All problems", "", "| Name | Status | Title |", "|---|---|---|", *rows))
    return f"{table}\n\n{''.join(map(_section, KINDS.values()))}"


def _section(kind: Kind) -> str:
    told = _wrapped(f"**{kind.status} {kind.title}.** {kind.meaning}")
    return f"## {kind.name}\n\n{told}\n\n{_wrapped(f'**What to do:** {kind.remedy}')}\n\n"


def _wrapped(said: str) -> str:
    return textwrap.fill(said, WIDTH, break_long_words=False, break_on_hyphens=False)
