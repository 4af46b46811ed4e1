"""The API reference at `/api`, and at `/` for who is no browser: Swagger UI over our OpenAPI document.

Every asset is served from here.
"""

from __future__ import annotations

import asyncio
import gzip
import re
from collections.abc import Callable
from functools import lru_cache
from html import escape
from importlib.resources import files
from typing import Any

import msgspec
from litestar import Request, get
from litestar.handlers import HTTPRouteHandler

from waterclock_api.documents import asyncapi, openapi
from waterclock_api.http.gateway import prefix_of
from waterclock_api.http.problem_types import KINDS, PAGE
from waterclock_api.http.response import Answer
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.routes.system import console

Draw = Callable[[tuple[HTTPRouteHandler, ...], str], dict[str, Any]]
HTML = b"text/html; charset=utf-8"
CSS = b"text/css; charset=utf-8"
JAVASCRIPT = b"text/javascript; charset=utf-8"
VENDORED = "5.35.0"  # of swagger-ui-dist, in assets/swagger-ui; the paths hold it, so browsers may keep the files
_SAFE = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
    "img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'; trusted-types dompurify default",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Cache-Control": "no-cache",
}


def page_handlers(routes: tuple[HTTPRouteHandler, ...]) -> tuple[HTTPRouteHandler, ...]:
    """The page, its assets and the document of `routes`."""

    @lru_cache(maxsize=16)
    def drawn(draw: Draw, prefix: str) -> bytes:
        return msgspec.json.encode(draw(routes, prefix))

    drawn(openapi.document, "")  # a flaw of ours stops the start

    @get("/schema/openapi.json", spec=Spec(scope="open", answers={200: None}))
    async def openapi_document(request: AnyRequest) -> Answer:
        return Answer(drawn(openapi.document, prefix_of(request)), headers={"Cache-Control": "no-cache"})

    @get("/schema/asyncapi.json", spec=Spec(scope="open", answers={200: None}))
    async def asyncapi_document(request: AnyRequest) -> Answer:
        return Answer(drawn(asyncapi.document, prefix_of(request)), headers={"Cache-Control": "no-cache"})

    return (openapi_document, asyncapi_document, _problems(), *_ASSETS, *console.console_handlers())


def _problems() -> HTTPRouteHandler:
    """The page that the types of problem documents refer to."""
    told = "".join(
        f'<section id="{kind.name}"><h2>{kind.name}</h2><p><b>{kind.status} {escape(kind.title)}</b></p>'
        f"<p>{_marked(kind.meaning)}</p><p>What to do: {_marked(kind.remedy)}</p></section>\n"
        for kind in KINDS.values()
    )
    body = (
        (files("waterclock_api") / "assets" / "problems.html")
        .read_text("utf-8")
        .replace("<!-- kinds -->", told)
        .encode()
    )

    @get(PAGE, scope="open")
    async def problems(request: Request[Any, Any, Any]) -> Answer:  # noqa: ARG001
        return Answer(body, headers=_SAFE, kind=HTML)

    return problems


def _marked(text: str) -> str:
    return re.sub(r"`([^`]+)`", r"<code>\1</code>", escape(text))


def _asset(path: str, name: str, kind: bytes) -> HTTPRouteHandler:
    body = (files("waterclock_api") / "assets" / name).read_bytes()

    @get(path, name=path, scope="open")
    async def asset(request: Request[Any, Any, Any]) -> Answer:  # noqa: ARG001
        return Answer(body, headers=_SAFE, kind=kind)

    return asset


def _vendored(path: str, name: str, kind: bytes) -> HTTPRouteHandler:
    """A large file of others: compressed for who takes that, and kept by browsers for a year."""
    kept = {**_SAFE, "Cache-Control": "public, max-age=31536000, immutable", "Vary": "Accept-Encoding"}

    @lru_cache(maxsize=2)
    def body(*, compressed: bool) -> bytes:
        plain = (files("waterclock_api") / "assets" / "swagger-ui" / name).read_bytes()
        return gzip.compress(plain, mtime=0) if compressed else plain

    @get(path, name=name, scope="open")
    async def vendored(request: AnyRequest) -> Answer:
        compressed = "gzip" in request.headers.get("accept-encoding", "")
        coding = {"Content-Encoding": "gzip"} if compressed else {}
        return Answer(await asyncio.to_thread(body, compressed=compressed), headers={**kept, **coding}, kind=kind)

    return vendored


def _root() -> HTTPRouteHandler:
    """The console for browsers, the API reference for other callers."""
    body = (files("waterclock_api") / "assets" / "page.html").read_bytes()

    @get("/", name="/", scope="open")
    async def root(request: AnyRequest) -> Answer:
        return console.redirected(request) or Answer(body, headers={**_SAFE, "Vary": "Accept"}, kind=HTML)

    return root


_ASSETS = (
    _root(),
    _asset("/api", "page.html", HTML),
    _asset("/page.css", "page.css", CSS),
    _asset("/page.js", "page.js", JAVASCRIPT),
    _vendored(f"/swagger-ui-{VENDORED}.css", "swagger-ui.css", CSS),
    _vendored(f"/swagger-ui-{VENDORED}.js", "swagger-ui-bundle.js", JAVASCRIPT),
)
