"""The console at `/console/`: its files, and the page that every other path below answers.

What a path names is drawn by the page's script. The page names its files relative to a `<base>`, and that is relative,
too: as many `../` as the path that was asked is deep. So it is right below every prefix that a gateway puts in front,
whether the gateway leaves the prefix in the path, strips it and says so, or strips it and says nothing.
"""

from __future__ import annotations

import gzip
import hashlib
import re
from collections.abc import Mapping
from functools import lru_cache
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import msgspec
from litestar import get
from litestar.exceptions import NotFoundException
from litestar.handlers import HTTPRouteHandler

from waterclock_api.http.gateway import prefix_of
from waterclock_api.http.headers import lists
from waterclock_api.http.response import Answer, nothing
from waterclock_api.http.route import AnyRequest

INDEX = "index.html"
HTML = b"text/html; charset=utf-8"
KINDS = {
    ".css": b"text/css; charset=utf-8",
    ".html": HTML,
    ".ico": b"image/x-icon",
    ".js": b"text/javascript; charset=utf-8",
    ".json": b"application/json",
    ".png": b"image/png",
    ".svg": b"image/svg+xml",
    ".txt": b"text/plain; charset=utf-8",
    ".woff2": b"font/woff2",
}
"""Of a file by the end of its name. A path that ends so is a file's, and one that is not there is no page instead."""
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; base-uri 'self'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types svelte-trusted-html"
)
SAFE = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}
DEEPEST = 16  # segments below the console; no page of it has more than a few
_COMPACT = {".ico", ".png", ".woff2"}
_BASE = re.compile(rb'<base href="\./" ?/?>')


class Coded(msgspec.Struct, frozen=True):
    """A body in one coding, and the headers that go with it."""

    body: bytes
    headers: dict[str, str]


class File(msgspec.Struct, frozen=True, kw_only=True):
    """A file as it is and, where that is smaller, compressed."""

    kind: bytes
    plain: Coded
    compressed: Coded | None


def file_of(name: str, body: bytes) -> File:
    suffix = _suffix(name)
    small = None if suffix in _COMPACT else gzip.compress(body, mtime=0)
    return File(
        kind=KINDS[suffix],
        plain=_coded(body),
        compressed=_coded(small, {"Content-Encoding": "gzip"})
        if small is not None and len(small) < len(body)
        else None,
    )


def files_of(folder: Traversable, below: str = "") -> dict[str, File]:
    """Those of a folder that browsers ask for, by the path of each in it."""
    found: dict[str, File] = {}
    for one in folder.iterdir():
        if one.is_dir():
            found |= files_of(one, f"{below}{one.name}/")
        elif _suffix(one.name) in KINDS:
            found[below + one.name] = file_of(one.name, one.read_bytes())
    return found


class Shell:
    """The page, for a path of any depth."""

    def __init__(self, page: bytes) -> None:
        """
        Raises:
            ValueError: the page has no place for its base, or several.
        """
        head, *tail = _BASE.split(page)
        if len(tail) != 1:
            raise ValueError(f'the page of the console needs one <base href="./">, and has {len(tail)}')

        @lru_cache(maxsize=DEEPEST + 2)
        def at(base: str) -> File:
            return file_of(INDEX, b'%s<base href="%s">%s' % (head, base.encode(), tail[0]))

        self.at = at


def base_of(raw_path: bytes) -> str | None:
    """How the folder of the console is called from `/console/…`, as a browser sees that; None: it is too deep.

    `raw_path` is as it was sent, for an escaped slash (`%2F`) is none to a browser.
    """
    deep = raw_path.count(b"/") - 2
    if deep < 0:
        return "console/"
    return None if deep > DEEPEST else "../" * deep or "./"


def sent(file: File, request: AnyRequest) -> Answer:
    """The file, or that it has not changed."""
    asked = _told(request, b"accept-encoding")
    coded = file.compressed if file.compressed is not None and lists(asked, "gzip") else file.plain
    given = {one.strip().removeprefix("W/") for one in _told(request, b"if-none-match").split(",")}
    if coded.headers["ETag"] in given or "*" in given:
        return nothing(status=304, headers=coded.headers)
    return Answer(coded.body, headers=coded.headers, kind=file.kind)


def console_handlers() -> tuple[HTTPRouteHandler, ...]:
    """The routes below `/console`; nobody who opens the console uses up the requests of an address by its files."""
    known = files_of(files("waterclock_api") / "assets" / "console")
    assert INDEX in known, "assets/console has no page: build it by `make console`"
    shell = Shell(known.pop(INDEX).plain.body)

    @get(["/console", "/console/{path:path}"], name="console", scope="probe")
    async def console(request: AnyRequest) -> Answer:
        name = request.scope["path"].removeprefix("/console").removeprefix("/")
        if (file := known.get(name)) is not None:
            return sent(file, request)
        base = base_of(request.scope["raw_path"])
        if base is None or _suffix(name) in KINDS or name.endswith(".map"):
            raise NotFoundException
        return sent(shell.at(base), request)

    return (console,)


def redirected(request: AnyRequest) -> Answer | None:
    """To the console, for a browser that opens the root; None for every other caller.

    Relative where no prefix is known, for there may be one all the same.
    """
    if not lists(_told(request, b"accept"), "text/html"):
        return None
    where = "/console/" if prefix_of(request) else "console/"
    return nothing(status=303, headers={"Location": where, "Vary": "Accept", "Cache-Control": "no-cache"})


def _coded(body: bytes, more: Mapping[str, str] | None = None) -> Coded:
    tag = hashlib.sha256(body).hexdigest()[:32]
    return Coded(body, {**SAFE, "ETag": f'"{tag}"', "Vary": "Accept-Encoding", **(more or {})})


def _suffix(name: str) -> str:
    return name[name.rfind(".") :] if "." in name.rpartition("/")[2] else ""


def _told(request: AnyRequest, name: bytes) -> str:
    """All that a header says, also where it is repeated."""
    told: Any = request.scope["headers"]
    return ",".join(value.decode("latin-1") for key, value in told if key == name)
