"""Secrets by reference: listed with the hosts they may be sent to, read when a run needs them, told to nobody.

    env:BOOKS_*@books.example        file:/run/secrets/hooks@*.hooks.example:443|10.0.0.7

A list has entries `PATTERN@HOST|HOST…`, with commas between. What follows the last `@` are the hosts, so a path that
holds an `@` in its last part must be listed with hosts. An entry without hosts is the older form: for any host.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase
from typing import Annotated

import msgspec
from msgspec import Meta

from waterclock.executors.context import GiveUp
from waterclock.kit.redaction import Redactor
from waterclock.kit.references import PATTERN, secret_behind
from waterclock.model.places import ReferenceSpec
from waterclock.model.places import reference as plain_reference
from waterclock_worker.executors.reach.hosts import Host, HostPattern, host_pattern, written

Reference = Annotated[
    str,
    Meta(
        pattern=PATTERN,
        max_length=1024,
        description="Where the worker finds the secret: `env:NAME` or `file:/path`. Never the secret itself.",
        examples=["env:BOOKS_TOKEN"],
    ),
]


class Listed(msgspec.Struct, frozen=True, kw_only=True):
    """References, by a pattern, and the hosts that what they stand for may be sent to; none: the older form, any."""

    pattern: str
    hosts: tuple[HostPattern, ...] = ()

    @property
    def is_literal(self) -> bool:
        return not any(sign in self.pattern for sign in "*?[")

    @property
    def spec(self) -> ReferenceSpec:
        return ReferenceSpec(pattern=self.pattern, hosts=bool(self.hosts))

    def names(self, reference: str) -> bool:
        return fnmatchcase(plain_reference(reference), self.pattern)

    def allows(self, host: Host) -> bool:
        return not self.hosts or any(one.fits(host) for one in self.hosts)

    def __str__(self) -> str:
        return f"{self.pattern}@{written(self.hosts)}" if self.hosts else self.pattern


def listed(entry: str) -> Listed:
    """Read one entry of a list.

    Raises:
        ValueError: what follows the `@` are no hosts.
    """
    pattern, at, hosts = entry.strip().rpartition("@")
    if "://" in entry:
        return Listed(pattern=_plain_pattern(entry))
    if not at or ("/" in hosts and entry.strip().startswith("file:")):  # an `@` in a folder's name
        return Listed(pattern=_plain_pattern(entry.strip()))
    return Listed(pattern=_plain_pattern(pattern), hosts=tuple(host_pattern(one) for one in hosts.split("|")))


def listed_in(text: str) -> tuple[Listed, ...]:
    """Read a list.

    Raises:
        ValueError: an entry is malformed.
    """
    return tuple(listed(entry) for entry in text.split(",") if entry.strip())


def permit(field: str, reference: str, entries: Iterable[Listed], host: Host, *, setting: str) -> None:
    """
    Raises:
        GiveUp: no entry names the reference, or none of those that do names the host.
    """
    naming = [one for one in entries if one.names(reference)]
    if not naming:
        raise GiveUp(f"{field}: this worker may not read {plain_reference(reference)} ({setting} does not list it)")
    if not any(one.allows(host) for one in naming):
        raise GiveUp(
            f"{field}: this worker may not send {plain_reference(reference)} to {host} ({setting} lists it for others;"
            f" {plain_reference(reference)}@{host.name} would allow it)"
        )


def secret_of(field: str, reference: str, environment: Mapping[str, str]) -> str:
    """The secret that `env:NAME` or `file:/path` stands for, without the line's end; that it may be read is settled.

    Raises:
        GiveUp: there is none; the message names field and reference, never a value.
    """
    try:
        return secret_behind(plain_reference(reference), environment, owner="worker")
    except ValueError as error:
        raise GiveUp(f"{field}: {error}") from None


def redacted(text: str, secrets: Iterable[str]) -> str:
    """For a text that is cut before the run tells it: a part of a secret would not be found later."""
    return Redactor(secrets).known(text)


def _plain_pattern(pattern: str) -> str:
    """
    Raises:
        ValueError: it can name no reference.
    """
    if "://" in pattern:  # a secret itself, which must not be shown nor announced
        raise ValueError("a URL is not a reference pattern: write env:NAME@HOST or file:/path@HOST")
    if (
        not pattern
        or any(sign < " " or "\ud800" <= sign <= "\udfff" for sign in pattern)
        or (pattern.startswith("env:") and "@" in pattern)
    ):
        raise ValueError(f"{pattern[:100]!a} is not a reference pattern: write env:NAME@HOST or file:/path@HOST")
    return plain_reference(pattern)
