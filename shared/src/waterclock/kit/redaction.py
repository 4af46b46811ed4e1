"""Secrets kept out of what is told, in whatever common spelling they come."""

from __future__ import annotations

import base64
import os
import re
from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from pathlib import Path
from urllib.parse import unquote

SHOWN = "[secret]"

_IN_URL = re.compile(r"(://[^\s:/?#@]*):(?!password@)[^\s/@\"'<>]+@")  # our own messages show what a URL is like
_URL = re.compile(r"://(?P<user>[^:/@]*):(?P<password>.+)@(?P<rest>[^@]*)")  # also of one that lacks percent signs
_OPTION = re.compile(r"\bpassword=([^\s&]+)")
_HEADERS = re.compile(r"OTEL_EXPORTER_OTLP_(?:\w+_)?HEADERS")
_NAMED = re.compile(r"WATERCLOCK_\w*(?:SECRET_KEY|API_KEY)")
_LISTS = ("WATERCLOCK_HTTP_REFERENCES", "WATERCLOCK_BACKUP_REFERENCES")
_PLACES = "WATERCLOCK_PLACES"
_NOTICES = "WATERCLOCK_NOTICES"
_VARIABLES = re.compile(r"""["'](env:[^"'@]+)[@"']""")  # in a file of places
_ACCESS_KEYS = re.compile(r"""^\s*accessKey\s*=\s*["']env:([^"'@]+)""", re.MULTILINE)
_OF_NOTICES = re.compile(r"\benv:([A-Za-z_][A-Za-z0-9_]*)")  # in a file of notices, whose YAML needs no quotes
_FILE = "_FILE"
_OF_A_FILE = re.compile(rf"(?:WATERCLOCK_\w+|REDIS_URL){_FILE}")
_HTML = {"&": "amp", '"': "quot", "'": "apos", "<": "lt", ">": "gt"}
_SHORTEST = 4  # characters: what is shorter is everywhere, and no secret
_SHORTEST_HEADER = 8  # the same of a header's value: many are words
_SHORTEST_CORE = 6  # the same of Base64 and Base32


class Redactor:
    """Takes secrets out of texts, and passwords out of URLs, whoever they belong to. Immutable."""

    __slots__ = ("_codes", "_patterns", "_secrets")

    def __init__(self, secrets: Iterable[str] = ()) -> None:
        """A secret of less than 4 characters is not looked for."""
        self._secrets = frozenset(secret for secret in secrets if len(secret) >= _SHORTEST)
        longest_first = sorted(self._secrets, key=len, reverse=True)  # one may hold another
        self._patterns = [re.compile("".join(map(_sign, secret))) for secret in longest_first]
        self._codes = _by_sign({code for secret in self._secrets for code in _encoded(secret)})

    def adding(self, *secrets: str) -> Redactor:
        return Redactor({*self._secrets, *secrets})

    def __call__(self, text: str) -> str:
        if "@" in text and "://" in text:
            text = _IN_URL.sub(rf"\1:{SHOWN}@", text)
        return self.known(text)

    def known(self, text: str) -> str:
        """Without the secrets alone: for what is data, and may hold URLs that mean what they say."""
        for pattern in self._patterns:
            text = pattern.sub(SHOWN, text)
        for sign, codes in self._codes:
            if sign in text:  # hardly ever, but for those that have none
                for code in codes:
                    if code in text:  # a fifth of what a pattern takes
                        text = text.replace(code, SHOWN)
        return text


def passwords(environment: Mapping[str, str]) -> set[str]:
    """What the environment holds that nobody shall see.

    Passwords of URLs, what a setting calls a secret, and the variables that jobs may refer to, where those are listed.
    Not a password that is a word of its URL, as in `shop_owner:owner@db/shop`, or its own access key: lines would have
    holes.
    """
    environment = _with_files(environment)
    found = {
        value
        for name, value in environment.items()
        if _NAMED.fullmatch(name) and not ("SECRET_KEY" in name and value == _access_key(name, environment))
    }
    patterns = [entry.partition("@")[0].strip() for name in _LISTS for entry in environment.get(name, "").split(",")]
    places = _text_of(environment.get(_PLACES))
    patterns += _VARIABLES.findall(places)
    access = {environment.get(name, "") for name in _ACCESS_KEYS.findall(places)}
    patterns += [f"env:{name}" for name in _OF_NOTICES.findall(_text_of(environment.get(_NOTICES)))]
    listed = [one.removeprefix("env:") for one in patterns if one.startswith("env:") and one != "env:*"]
    for name, value in environment.items():
        if any(fnmatchcase(name, pattern) for pattern in listed) and value not in access:
            found.add(value)
        found |= _of_url(value)
        if _HEADERS.fullmatch(name):
            found |= _of_headers(value)
    return {secret.rstrip("\r\n") for secret in found}  # as it is read, and found in a line


@cache
def own() -> Redactor:
    """Of what this process was told in its environment."""
    return Redactor(passwords(os.environ))


def _access_key(name: str, environment: Mapping[str, str]) -> str:
    return environment.get(name.replace("SECRET_KEY", "ACCESS_KEY"), "")


def _with_files(environment: Mapping[str, str]) -> Mapping[str, str]:
    """With what stands in files that variables of ours name by `_FILE`, as if it were in the variables themselves."""
    files = {name.removesuffix(_FILE): path for name, path in environment.items() if _OF_A_FILE.fullmatch(name)}
    return {**{name: _text_of(path).strip() for name, path in files.items()}, **environment}


def _text_of(path: str | None) -> str:
    """Nothing, where it cannot be read: who needs the file says so."""
    if not path:
        return ""
    try:
        return Path(path).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _of_url(value: str) -> set[str]:
    found = {way for option in _OPTION.findall(value) for way in (option, unquote(option))}
    if url := _URL.search(value):
        words = {url["user"], *re.split(r"[\W_]", f"{url['user']} {url['rest']}")}
        found |= {url["password"], unquote(url["password"])} - words
    return found


def _of_headers(value: str) -> set[str]:
    """Of `name=value,…`: the values, and what has no name. The exporter says whatever it cannot read."""
    found = {value or name for name, _, value in (one.strip().partition("=") for one in value.split(","))}
    ways = {way for one in found for way in (one, unquote(one), unquote(one).rpartition(" ")[2])}
    return {way for way in ways if len(way) >= _SHORTEST_HEADER}


def _by_sign(codes: set[str]) -> list[tuple[str, list[str]]]:
    """The longest first, by what a text with one of them has in it."""
    longest_first = sorted(codes, key=len, reverse=True)
    found = {sign: [code for code in longest_first if code.startswith(sign)] for sign in ("%", "\\", "&#")}
    found[""] = [code for code in longest_first if not code.startswith(tuple(found))]
    return list(found.items())


def _encoded(secret: str) -> set[str]:
    """What it is in Base64, Base32 and hexadecimal, and with every character escaped, as nobody must but some do."""
    raw = secret.encode(errors="surrogatepass")
    cores = {_core(raw, before) for before in range(3)}
    cores |= {core.replace("+", "-").replace("/", "_") for core in cores}
    cores |= {_core_32(raw, before) for before in range(5)}
    units = secret.encode("utf-16-be", errors="surrogatepass")
    hexadecimal = raw.hex()
    escaped = {
        hexadecimal,
        "".join(f"%{byte:02x}" for byte in raw),
        "".join(rf"\x{byte:02x}" for byte in raw),
        "".join(rf"\u{units[n : n + 2].hex()}" for n in range(0, len(units), 2)),
        "".join(f"&#x{ord(sign):x};" for sign in secret),
    }
    upper = {re.sub(r"(?<![0-9a-z])[0-9a-f]+|(?<=[xu])[0-9a-f]+", _upper, code) for code in escaped}
    decimal = "".join(f"&#{ord(sign)};" for sign in secret)
    return {core for core in cores if len(core) >= _SHORTEST_CORE} | escaped | upper | {decimal}


def _upper(found: re.Match[str]) -> str:
    return found[0].upper()


def _sign(sign: str) -> str:
    """A character in any of its ways; quoting it again only adds backslashes."""
    if sign.isascii() and sign.isalnum():
        return sign
    utf8 = sign.encode(errors="surrogatepass")
    octets = "".join(rf"(?:%(?:25)*|\\+x){_either_case(f'{byte:02x}')}" for byte in utf8)
    utf16 = sign.encode("utf-16-be", errors="surrogatepass").hex()
    units = "".join(rf"\\+u{_either_case(utf16[n : n + 4])}" for n in range(0, len(utf16), 4))
    html = f"&(?:#0*{ord(sign)}|#x0*{ord(sign):x}|{_HTML.get(sign, 'amp')});"
    ways = [rf"\\*{re.escape(sign)}", octets, units, html]
    if ord(sign) < 256:
        ways.append(rf"\\+x{_either_case(f'{ord(sign):02x}')}")
    if sign == " ":
        ways.append(r"\+")
    return f"(?:{'|'.join(ways)})"


def _either_case(digits: str) -> str:
    return "".join(f"[{digit}{digit.upper()}]" if digit.isalpha() else digit for digit in digits)


def _core(raw: bytes, before: int) -> str:
    """What is the same in Base64 wherever these bytes stand so many places, modulo three, behind its beginning."""
    text = base64.b64encode(bytes(before) + raw).decode().rstrip("=")
    partial = (before + len(raw)) % 3 != 0
    return text[(0, 2, 3)[before] : len(text) - partial]


def _core_32(raw: bytes, before: int) -> str:
    """The same of Base32, in whose groups are five bytes."""
    text = base64.b32encode(bytes(before) + raw).decode().rstrip("=")
    partial = (before + len(raw)) % 5 != 0
    return text[(0, 2, 4, 5, 7)[before] : len(text) - partial]
