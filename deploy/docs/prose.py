"""Spelling and length of the pages: `python deploy/docs/prose.py` prints a report; it ends with 1 if a bound is broken.

Prose is what is left of a page without code, addresses and comments. Words that are not English are known by
`words.txt`. Bounds: a mean sentence of at most 16 words on each page of tutorial and how-to, and 32 minutes for all of
these together.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path
from statistics import fmean

from spellchecker import SpellChecker

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
WORDS = Path(__file__).with_name("words.txt")
NEWCOMERS = ("tutorial", "how-to")
SENTENCE_MOST, MINUTES_MOST = 16.0, 32.0
WORDS_A_MINUTE = 200
_CUT = (
    re.compile(r"^---\n.*?^---\n", re.DOTALL),
    re.compile(r"^( *)```.*?^\1```", re.DOTALL | re.MULTILINE),
    re.compile(r"<!--.*?-->", re.DOTALL),
    re.compile(r"^\s*\|?[\s:|-]+\|[\s:|-]*$", re.MULTILINE),
    re.compile(r"<[^>]+>"),
)
_CODE = re.compile(r"``[^`]+``|`[^`]+`")
_LINK = re.compile(r"!?\[([^\]]*)\]\([^)]*\)|!?\[([^\]]*)\]\[[^\]]*\]")
_ADDRESS = re.compile(r"\bhttps?://\S+|\S+@\S+\.\w+")
_END = re.compile(r"(?<=[.!?:])[\"')*_]*\s+(?=[A-Z\"'(*_])|\n\s*\n|\n(?=\s*(?:[-*] |\d+\. |\||#))")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]*")


def prose(page: Path) -> str:
    """The page without code blocks, comments, tags and targets of links; a code span is one word."""
    text = page.read_text("utf-8")
    for cut in _CUT:
        text = cut.sub("\n", text)
    text = _LINK.sub(lambda found: found[1] or found[2] or "", _CODE.sub(" CODE ", text))
    return _ADDRESS.sub(" ", text)


def sentences(page: Path) -> list[int]:
    """How many words each sentence has; headings and cells of tables are none."""
    lines = [line for line in prose(page).split("\n") if not line.lstrip().startswith(("|", "#"))]
    counts = [_count(part) for part in _END.split("\n".join(lines)) if part]
    return [count for count in counts if count > 1]


def length(page: Path) -> int:
    return _count(prose(page).replace("|", " "))


def _count(text: str) -> int:
    return sum(any(map(str.isalnum, word)) for word in text.split())


def misspelt(pages: list[Path]) -> Iterator[tuple[Path, str]]:
    """Words that are neither English nor in the list, and the page that has them first."""
    known = {line.strip().lower() for line in WORDS.read_text("utf-8").splitlines() if not line.startswith("#")}
    english = SpellChecker(language="en", distance=1)
    seen: set[str] = set()
    for page in pages:
        text = prose(page).replace("CODE", " ").replace("’", "'")
        for word in _WORD.findall(text):
            plain = re.sub(r"'(?:s|t|re|ll|ve|d|m)?$", "", word).lower()
            if len(plain) > 2 and plain not in known and plain not in seen and not word.isupper():
                seen.add(plain)
                if english.unknown([plain]):
                    yield page, word


def main() -> int:
    pages = [ROOT / "README.md", *sorted(DOCS.rglob("*.md"))]
    flaws = [f"{page.relative_to(ROOT)}: {word!r} is no word of {WORDS.name}" for page, word in misspelt(pages)]
    newcomers = [page for page in pages if page.parent.name in NEWCOMERS]
    for page in newcomers:
        mean = fmean(sentences(page))
        print(f"{mean:5.1f} words a sentence, {length(page):5d} words  {page.relative_to(ROOT)}")
        if mean > SENTENCE_MOST:
            flaws.append(f"{page.relative_to(ROOT)}: {mean:.1f} words a sentence, at most {SENTENCE_MOST:.0f}")
    minutes = sum(map(length, newcomers)) / WORDS_A_MINUTE
    print(f"tutorial and how-to: {minutes:.0f} minutes of reading; all pages: {sum(map(length, pages))} words")
    if minutes > MINUTES_MOST:
        flaws.append(f"tutorial and how-to take {minutes:.0f} minutes, at most {MINUTES_MOST:.0f}")
    print("\n".join(flaws))
    return 1 if flaws else 0


if __name__ == "__main__":
    sys.exit(main())
