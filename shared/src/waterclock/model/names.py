"""Names that people read: what one may hold, and when two are one.

A name is one line of what can be seen: letters, digits, marks, punctuation, symbols, and single blanks between them. It
is kept in NFC, so that one letter is not written in two ways. Two names are one if nothing but what is invisible sets
them apart (Unicode: Default_Ignorable_Code_Point). Names of earlier releases may hold anything but C0 controls: this is
asked where a name is written, not where one is read.
"""

from __future__ import annotations

import re
from unicodedata import category, name, normalize

LONGEST = 64  # characters

_IGNORABLE = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff"
    "\uffa0\ufff0-\ufff8\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff]"
)
_BLANK = frozenset("\u2800\U0001d159\U00016fe4")
"""Signs that show nothing, though their kinds are those of signs."""
_JOINERS = frozenset("\u200c\u200d")
_VARIATIONS = re.compile("[\u180b-\u180d\u180f\ufe00-\ufe0f\U000e0100-\U000e01ef]")
_SEEN = frozenset("LNMPS")


def normal(text: str) -> str:
    """The text in NFC."""
    return text if text.isascii() else normalize("NFC", text)


def common(text: str) -> str:
    """What a name has in common with all that are one with it, and with no other."""
    return text if text.isascii() else normal(_IGNORABLE.sub("", normal(text)))


def name_flaw(text: str, *, slash: bool = True) -> str | None:
    """Why a text in NFC is no name; None if it is one. `slash`: whether it may hold a `/`."""
    if not text.strip(" "):
        return "must be a line of visible text"
    if text != text.strip(" "):
        return f"{'begins' if text[0] == ' ' else 'ends'} with a space: leave it out"
    if "  " in text:
        return "holds two consecutive spaces: leave one out"
    if "/" in text and not slash:
        return "holds a slash, which separates the group from the name of a job: use - or . instead"
    if text.isascii() and text.isprintable():
        return None
    return next((said for place in range(len(text)) if (said := _flaw_at(text, place)) is not None), None)


def queue_flaw(text: str) -> str | None:
    """As `name_flaw`, of a queue, which stands in paths of the API and in bodies."""
    if "/" in text:
        return "holds a slash, which separates parts of a URL path: use - or . instead"
    if len(text) > LONGEST:
        return f"has {len(text)} characters in NFC; the maximum is {LONGEST}"
    return name_flaw(text)


def _flaw_at(text: str, place: int) -> str | None:
    sign = text[place]
    if sign == " " or _is_seen(sign) or _is_part_of_others(text, place):
        return None
    number = f"U+{ord(sign):04X}"
    told = f"{number} ({name(sign, '')})" if name(sign, "") else number
    match category(sign):
        case "Zs":
            return f"holds {told}, which looks like a space: use a plain one (U+0020)"
        case "Cc" | "Zl" | "Zp":
            return f"must be a line of visible text: it holds {told}, which is a control character"
        case "Co" | "Cn":
            return f"must be a line of visible text: it holds {told}, which is not a character"
        case _:
            return f"must be a line of visible text: it holds {told}, which is invisible"


def _is_seen(sign: str) -> bool:
    return category(sign)[0] in _SEEN and sign not in _BLANK and _IGNORABLE.match(sign) is None


def _is_part_of_others(text: str, place: int) -> bool:
    """Whether it joins, parts or varies what is seen beside it, as in emoji and in Persian."""
    sign, following = text[place], text[place + 1 : place + 2]
    before = text[place - 1] if place else " "
    if _VARIATIONS.match(sign) is not None:
        return _is_seen(before) and (following not in {"", " "} or _may_vary(before))
    if sign not in _JOINERS:
        return False
    if _VARIATIONS.match(before) is not None and place > 1:
        before = text[place - 2]
    return _is_seen(before) and following != "" and _is_seen(following)


def _may_vary(sign: str) -> bool:
    """Whether a selector after it shows, also at an end: after signs and ideographs, not after letters of alphabets."""
    kind = category(sign)
    return not sign.isascii() and (kind[0] in "SP" or kind == "Lo")
