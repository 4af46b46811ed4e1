"""What a request is asked, and what it answers."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta

from waterclock.kit.references import END
from waterclock.model.parameters.builtin_checks import SIGNATURE, http_flaws, refuse
from waterclock_worker.executors.reach.references import Reference

_NAME = rf"^[A-Za-z0-9!#$%&'*+.^_`|~-]{{1,100}}{END}"
_VALUE = rf"^[ \t\x21-\x7e]*{END}"

HeaderName = Annotated[
    str,
    Meta(
        pattern=_NAME,
        description="A header's name: 1 to 100 letters, digits, hyphens and what else HTTP lets stand in a token",
        examples=["X-Request-Id"],
    ),
]
HeaderValue = Annotated[
    str,
    Meta(pattern=_VALUE, max_length=8000, description="Visible ASCII, blanks and tabs.", examples=["application/json"]),
]
_URL = rf"^https?://[^\x00-\x20\x7f/@?#]+([/?][^\x00-\x20\x7f]*)?{END}"  # no user, no password
Url = Annotated[
    str,
    Meta(
        pattern=_URL,
        max_length=4000,
        description="Begins with http:// or https://, and holds no blank, no control and no user or password. "
        "What follows a #, which stands after a / or ?, is not sent.",
        examples=["https://books.example/hooks/nightly"],
    ),
]
Status = (
    Annotated[int, Meta(ge=100, le=599)]
    | Annotated[
        str,
        Meta(
            pattern=rf"^[1-5]\d\d-[1-5]\d\d{END}",
            description="A range of two statuses; one of them is a number.",
            examples=["200-299"],
        ),
    ]
)


class Secret(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A header's value that the worker reads where the reference says, after a prefix such as `Bearer `."""

    from_: Reference = msgspec.field(name="from")
    prefix: HeaderValue = ""


class Sign(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A header `t=<seconds>,v1=<hex>`: HMAC-SHA256 under the key, of the seconds, a dot, and the body."""

    key: Reference
    header: HeaderName = SIGNATURE


class HttpParams(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """One request. Credentials are named, never given."""

    url: Url
    method: Literal["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"] = "GET"
    headers: Annotated[dict[HeaderName, HeaderValue | Secret], Meta(max_length=50)] = {}
    json: Any = UNSET
    """The body, as JSON."""
    text: Annotated[str, Meta(max_length=1_000_000)] | None = None
    """The body, as it is, in UTF-8."""
    expect: Annotated[tuple[Status, ...], Meta(min_length=1, max_length=50)] = ("200-299",)
    """Statuses that mean success: numbers, and ranges like `"200-299"`."""
    timeout: Annotated[float, Meta(gt=0, le=3600)] = 30
    """Seconds for all of it: connecting, redirects, the answer."""
    redirects: Annotated[int, Meta(ge=0, le=10)] = 0
    """How many to follow, each checked as the first address is."""
    sign: Sign | None = None
    keep_headers: Annotated[tuple[HeaderName, ...], Meta(max_length=20)] = ()
    """Further headers of the answer to put into the result."""
    keep_body: Annotated[int, Meta(ge=0, le=32_768)] = 4096
    """Bytes of the answer's body to put into the result."""

    def __post_init__(self) -> None:
        given: dict[str, Any] = {"url": self.url, "headers": self.headers, "text": self.text}
        if self.json is not UNSET:
            given["json"] = self.json
        if self.sign is not None:
            given["sign"] = {"header": self.sign.header}
        refuse(http_flaws(given, stored=True))

    def expects(self, status: int) -> bool:
        return any(status == one if isinstance(one, int) else _within(status, one) for one in self.expect)

    def body(self) -> bytes | None:
        if self.text is not None:
            return self.text.encode()
        return None if self.json is UNSET else msgspec.json.encode(self.json)


class HttpResult(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """An answer that was expected."""

    status: int
    url: str
    """Where the answer came from: after redirects another than was asked."""
    headers: dict[str, str]
    size: int
    """Bytes of the body that were read; all of it, unless `cut`."""
    cut: bool
    """The body was longer than 1 MiB; what came after was not read."""
    body: str | None
    """Its beginning; null where it is no plain text."""
    duration_ms: int


def _within(status: int, span: str) -> bool:
    low, _, high = span.partition("-")
    return int(low) <= status <= int(high)
