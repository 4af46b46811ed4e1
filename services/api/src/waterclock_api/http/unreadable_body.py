"""Why a body cannot be read, in words for who sent it: in another encoding, packed, broken off, or no JSON."""

from __future__ import annotations

import json
import re

_LONGEST = 200  # characters
_HALF = re.compile("[\ud800-\udfff]")
_MARKS = (
    (b"\x1f\x8b", "is compressed (gzip): send it as it is, for Content-Encoding is not read"),
    (b"PK\x03\x04", "is an archive (zip): send JSON"),
    (b"\xef\xbb\xbf", "begins with a byte order mark (EF BB BF): send UTF-8 without one"),
    (b"\xff\xfe", "is UTF-16 or UTF-32: send UTF-8"),
    (b"\xfe\xff", "is UTF-16: send UTF-8"),
)


def why_unreadable(body: bytes, error: Exception) -> str:
    """What follows "The body": from its first bytes, else from the parser's error."""
    for mark, said in _MARKS:
        if body.startswith(mark):
            return said
    if b"\0" in body[:4]:
        return "is UTF-16, UTF-32 or binary: send UTF-8"
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8: send JSON in UTF-8"
    try:
        text = body.decode()
    except UnicodeDecodeError as wrong:
        return f"is not UTF-8: byte 0x{body[wrong.start]:02x} at byte {wrong.start}; send JSON in UTF-8"
    try:
        read = json.dumps(json.loads(text), ensure_ascii=False)
    except json.JSONDecodeError as found:
        return _where(text, found)
    except (RecursionError, ValueError):  # nested too deeply, or a number with too many digits
        return f"is not valid JSON: {_plain(error)}"
    if _HALF.search(read):
        return "holds half of a surrogate pair (an escape from \\ud800 to \\udfff without its other half)"
    if "NaN" in text or "Infinity" in text:
        return "holds NaN or Infinity, which JSON does not have: send null or a string"
    return f"is not valid JSON: {_plain(error)}"


def _where(text: str, found: json.JSONDecodeError) -> str:
    if not text[found.pos :].strip() or found.msg.startswith("Unterminated"):
        return "is not JSON: it ends too early"
    near = text[found.pos : found.pos + 20].split("\n", maxsplit=1)[0]
    hint = "; names and strings need double quotes" if near.startswith("'") or "property name" in found.msg else ""
    said = found.msg[0].lower() + found.msg[1:].removesuffix(" at")
    return f"is not JSON: {said} at line {found.lineno}, column {found.colno}{hint}"[:_LONGEST]


def _plain(error: Exception) -> str:
    """A number beyond what is read, mostly."""
    return str(error).lower().replace("`", "")[:_LONGEST] or "it cannot be read"
