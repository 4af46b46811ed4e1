"""The channels of the notices file, and what their references stand for.

    channels:
      oncall: {apprise: "env:ONCALL_URL"}
      ops:    {webhook: "https://ops.example/hook", secret: "file:/run/secrets/ops"}

References are read when the process starts, so that a missing one is told at once, and again at each delivery, so that
a changed secret is used without a restart. What they stand for is never shown: not by `repr`, not in a message.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, NamedTuple

import msgspec

from waterclock.kit.references import PATTERN, is_reference, secret_behind
from waterclock.kit.text.members import said
from waterclock.kit.text.validation_messages import message_of, pointer_of
from waterclock.model.notices.rule_file import BadRules, RuleFlaw
from waterclock.model.notices.rules import Heartbeat
from waterclock.model.parameters.http_url import HttpUrl, http_url

CHANNELS, HEARTBEAT = "channels", "heartbeat.url"
_KEY_PREFIX = "whsec_"
_KEY_BYTES = range(24, 65)  # as Standard Webhooks has it
_KEYS_MOST = 4
_ADDRESS_MOST = 4096  # characters
_SCHEME = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")


class WrittenChannel(msgspec.Struct, frozen=True, kw_only=True, rename="camel", forbid_unknown_fields=True):
    """As the file has it: `apprise`, or `webhook` with its `secret`."""

    apprise: Annotated[
        str | None,
        said("Address of a service, as Apprise writes it, or where it is found: `env:NAME` or `file:/path`.",
             "env:ONCALL_URL"),
    ] = None  # fmt: skip
    webhook: Annotated[
        str | None,
        said("URL that notices are posted to, or where it is found: `env:NAME` or `file:/path`.",
             "https://ops.example/hook"),
    ] = None  # fmt: skip
    secret: Annotated[
        str | None,
        said("Where the key of a webhook's signature is found: `env:NAME` or `file:/path`. Never the key itself.",
             "env:OPS_SECRET"),
    ] = None  # fmt: skip

    def __repr__(self) -> str:
        return "WrittenChannel(…)"


class AppriseChannel(msgspec.Struct, frozen=True, kw_only=True, tag="apprise"):
    name: str
    address: str  # or a reference to it

    def __repr__(self) -> str:
        return f"AppriseChannel({self.name!r})"


class WebhookChannel(msgspec.Struct, frozen=True, kw_only=True, tag="webhook"):
    name: str
    url: str  # or a reference to it
    secret: str  # a reference

    def __repr__(self) -> str:
        return f"WebhookChannel({self.name!r})"


Channel = AppriseChannel | WebhookChannel


class AppriseTarget(NamedTuple):
    """What must not be shown: the address holds credentials."""

    address: str

    def __repr__(self) -> str:
        return "AppriseTarget(…)"


class WebhookTarget(NamedTuple):
    """What must not be shown. Several keys sign while one takes the place of another."""

    url: HttpUrl
    keys: tuple[str, ...]

    def __repr__(self) -> str:
        return "WebhookTarget(…)"


def read_channels(found: Mapping[str, object]) -> dict[str, Channel]:
    """The member `channels` of the file, whose names are checked already.

    Raises:
        BadRules: some are malformed; names every flaw, and shows no secret.
    """
    channels: dict[str, Channel] = {}
    flaws: list[RuleFlaw] = []
    for name, member in found.items():
        read = _channel(name, member)
        if isinstance(read, list):
            flaws += read
        else:
            channels[name] = read
    if flaws:
        raise BadRules(*flaws)
    return channels


def resolve(channel: Channel, environment: Mapping[str, str]) -> AppriseTarget | WebhookTarget:
    """What its references stand for, now.

    Raises:
        BadRules: one does not resolve, or not to what it should.
    """
    match channel:
        case AppriseChannel(name=name, address=address):
            return AppriseTarget(_address(f"{CHANNELS}.{name}.apprise", address, environment))
        case WebhookChannel(name=name, url=url, secret=secret):
            return WebhookTarget(
                url_behind(f"{CHANNELS}.{name}.webhook", url, environment),
                _keys(f"{CHANNELS}.{name}.secret", secret, environment),
            )


def unresolved(channels: Iterable[Channel], environment: Mapping[str, str]) -> tuple[RuleFlaw, ...]:
    """What is wrong with the references of some channels; nothing, if all can be used."""
    flaws: list[RuleFlaw] = []
    for channel in channels:
        try:
            resolve(channel, environment)
        except BadRules as error:
            flaws += error.flaws
    return tuple(flaws)


def heartbeat_flaws(heartbeat: Heartbeat, environment: Mapping[str, str] | None) -> tuple[RuleFlaw, ...]:
    """What keeps a heartbeat from being sent; without an environment, what is wrong with a URL that is no reference."""
    if environment is None and is_reference(heartbeat.url):
        return ()
    try:
        url_behind(HEARTBEAT, heartbeat.url, environment or {})
    except BadRules as error:
        return error.flaws
    return ()


def schema() -> dict[str, Any]:
    """The JSON Schema of one channel in the file, for editors."""
    _, components = msgspec.json.schema_components([WrittenChannel])
    found = components["WrittenChannel"]
    members: dict[str, dict[str, Any]] = found["properties"]
    for name, member in members.items():
        del member["default"], member["anyOf"]
        member["type"] = "string"
        if name == "secret":
            member["pattern"] = PATTERN
    return {
        "description": "Where notices go.",
        "type": "object",
        "properties": members,
        "additionalProperties": False,
        "oneOf": [
            {"required": ["apprise"], "maxProperties": 1},
            {"required": ["webhook", "secret"], "maxProperties": 2},
        ],
    }


def _channel(name: str, member: object) -> Channel | list[RuleFlaw]:
    at = f"{CHANNELS}.{name}"
    try:
        written = msgspec.convert(member, WrittenChannel)
    except msgspec.ValidationError as error:
        return [RuleFlaw(f"{at}{pointer_of(error).replace('/', '.')}", message_of(error, WrittenChannel))]
    if written.apprise is not None:
        beside = [name for name in ("webhook", "secret") if getattr(written, name) is not None]
        flaws = [RuleFlaw(f"{at}.{one}", "stands beside `apprise`: leave one of them out") for one in beside]
        flaws += _flaws(_address, f"{at}.apprise", written.apprise)
        return flaws or AppriseChannel(name=name, address=written.apprise)
    if written.webhook is None:
        return [RuleFlaw(at, "needs `apprise`, or `webhook` with `secret`")]
    flaws = _flaws(url_behind, f"{at}.webhook", written.webhook)
    if written.secret is None:
        flaws.append(RuleFlaw(f"{at}.secret", "is missing: webhooks are signed"))
    elif not is_reference(written.secret):
        flaws.append(RuleFlaw(f"{at}.secret", "is no reference: write env:NAME or file:/path, never the key itself"))
    return flaws or WebhookChannel(name=name, url=written.webhook, secret=written.secret or "")


def _flaws(read: Callable[[str, str, Mapping[str, str]], object], path: str, text: str) -> list[RuleFlaw]:
    """What is wrong with a text that is no reference."""
    if is_reference(text):
        return []
    try:
        read(path, text, {})
    except BadRules as error:
        return list(error.flaws)
    return []


def _value(path: str, text: str, environment: Mapping[str, str]) -> str:
    if not is_reference(text):
        return text
    try:
        return secret_behind(text, environment, owner="notifier")
    except ValueError as error:
        raise BadRules(RuleFlaw(path, str(error))) from None


def _address(path: str, text: str, environment: Mapping[str, str]) -> str:
    """Whether Apprise knows and may use it, is found out in the child."""
    address = _value(path, text, environment).strip()
    if len(address) > _ADDRESS_MOST or not address.isprintable() or _SCHEME.match(address) is None:
        raise BadRules(RuleFlaw(path, "is no address such as mailto://name@mail.example, nor env:NAME or file:/path"))
    return address


def url_behind(path: str, text: str, environment: Mapping[str, str]) -> HttpUrl:
    """The URL that is written there, or that a reference stands for, now.

    Raises:
        BadRules: it does not resolve, or is no URL.
    """
    try:
        return http_url(_value(path, text, environment).strip())
    except ValueError as error:
        raise BadRules(RuleFlaw(path, f"is no URL to send to: {error}")) from None


def _keys(path: str, text: str, environment: Mapping[str, str]) -> tuple[str, ...]:
    keys = tuple(_value(path, text, environment).split())
    if not 1 <= len(keys) <= _KEYS_MOST or not all(map(_is_key, keys)):
        raise BadRules(RuleFlaw(path, f"is no key of Standard Webhooks: `{_KEY_PREFIX}` and 24 to 64 bytes in Base64"))
    return keys


def _is_key(text: str) -> bool:
    """The library takes what is no Base64, and makes a short key of it."""
    bare = text.removeprefix(_KEY_PREFIX)
    try:
        raw = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True)
    except (binascii.Error, ValueError):
        return False
    return len(raw) in _KEY_BYTES
