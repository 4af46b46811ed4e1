"""PostgreSQL's encodings as Python knows them: names of tables come from a dump as bytes, and are shown as text."""

from __future__ import annotations

import re

UTF8 = "UTF8"
_CODECS = {
    "UTF8": "utf-8", "SQL_ASCII": "utf-8",
    "EUC_CN": "gb2312", "EUC_JIS_2004": "euc_jis_2004", "EUC_JP": "euc_jp", "EUC_KR": "euc_kr",
    "ISO_8859_5": "iso8859-5", "ISO_8859_6": "iso8859-6", "ISO_8859_7": "iso8859-7", "ISO_8859_8": "iso8859-8",
    "KOI8R": "koi8-r", "KOI8U": "koi8-u",
    "LATIN1": "iso8859-1", "LATIN2": "iso8859-2", "LATIN3": "iso8859-3", "LATIN4": "iso8859-4", "LATIN5": "iso8859-9",
    "LATIN6": "iso8859-10", "LATIN7": "iso8859-13", "LATIN8": "iso8859-14", "LATIN9": "iso8859-15",
    "LATIN10": "iso8859-16",
    "WIN866": "cp866", "WIN874": "cp874", "WIN1250": "cp1250", "WIN1251": "cp1251", "WIN1252": "cp1252",
    "WIN1253": "cp1253", "WIN1254": "cp1254", "WIN1255": "cp1255", "WIN1256": "cp1256", "WIN1257": "cp1257",
    "WIN1258": "cp1258",
    # of clients alone: a role's setting can choose one for a dump
    "BIG5": "big5", "GB18030": "gb18030", "GBK": "gbk", "JOHAB": "johab", "SHIFT_JIS_2004": "shift_jis_2004",
    "SJIS": "cp932", "UHC": "cp949",
}  # fmt: skip
_HIGH = rb"[\x80-\xff]"
_PAIRS = {
    name: re.compile(rb"(?:[\x00-\x7f]|\x8e%b{%d}|\x8f%b{2}|[\x80-\x8d\x90-\xff]%b)*" % (_HIGH, second, _HIGH, _HIGH))
    for name, second in (("EUC_CN", 2), ("EUC_JIS_2004", 1), ("EUC_JP", 1), ("EUC_KR", 1), ("EUC_TW", 3))
}
"""What psql takes for characters: a byte above 127 begins one of two, after 8E and 8F of more."""
_CLIENTS = frozenset({"BIG5", "GB18030", "GBK", "JOHAB", "SHIFT_JIS_2004", "SJIS", "UHC"})


def of_databases(encoding: str) -> bool:
    """Whether a database can have it, as far as we know."""
    return (encoding in _CODECS or encoding in _PAIRS) and encoding not in _CLIENTS


def client_of(encoding: str) -> str:
    """In which of them psql is told names of a dump in this one."""
    return encoding if encoding in _PAIRS or _is_single(encoding) else UTF8


def told(name: bytes, encoding: str) -> bytes | None:
    """A name as psql is to be told it, in `client_of`; None: it is no text of its encoding, or of one we do not know.

    Where characters have several bytes, psql takes a quote behind a first byte for the second: what is quoted for us
    would end elsewhere for it. So none is told that has no second byte.
    """
    if _is_single(encoding):
        return name
    if (pairs := _PAIRS.get(encoding)) is not None:
        return name if pairs.fullmatch(name) else None
    try:
        return name.decode(_CODECS.get(encoding, "ascii")).encode()
    except UnicodeError:
        return None


def shown(raw: bytes, encoding: str) -> str:
    """A name as text; bytes that are none by their numbers."""
    try:
        return raw.decode(_CODECS.get(encoding, "ascii"), errors="backslashreplace")
    except UnicodeDecodeError:  # some codecs of many bytes take no handler for an end in the middle
        return raw.decode("ascii", errors="backslashreplace")


def written(text: str, encoding: str) -> bytes:
    """A word for a program that reads its command line in this encoding.

    Raises:
        UnicodeEncodeError: it has no such characters.
    """
    return text.encode(_CODECS.get(encoding, "ascii"))


def _is_single(encoding: str) -> bool:
    """A byte is a character, whatever it means."""
    return encoding in _CODECS and encoding.startswith(("ISO_8859_", "KOI8", "LATIN", "SQL_ASCII", "WIN"))
