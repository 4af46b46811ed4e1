"""What is told of which jobs, through which channels.

What a channel holds is for whoever delivers; here its name counts. `rule_file` reads these from a file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from waterclock.model.notices.kinds import Kind

AFTER_MOST = 1_000
REMIND_LEAST, REMIND_MOST = 60.0, 366 * 86_400.0
EVERY_LEAST, EVERY_MOST = 10.0, 86_400.0
CLOCK_LEAST, CLOCK_MOST = 1.0, 3_600.0


class Match(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Which jobs a rule is about: those to which all of it applies."""

    group: Annotated[str | None, Meta(description="Group of the job.", examples=["reports"])] = None
    job: Annotated[str | None, Meta(description="Name of the job.", examples=["nightly"])] = None
    queue: Annotated[str | None, Meta(description="Queue of the job.", examples=["critical"])] = None
    labels: Annotated[
        dict[str, str], Meta(description="Labels that the job has, all of them.", examples=[{"tier": "gold"}])
    ] = {}


class Rule(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """What is told, of which jobs, to whom. Durations are seconds."""

    name: Annotated[str, Meta(description="Name of the rule, unique in the file.", examples=["nightly"])]
    match: Annotated[Match, Meta(description="The jobs that the rule is about. Without it, all.")] = Match()
    on: Annotated[tuple[Kind, ...], Meta(description="What is told.", examples=[["failed", "late", "recovered"]])]
    after: Annotated[
        int,
        Meta(description="Tell of `failed`, `timedOut` and `died` from so many in a row on.", examples=[3]),
    ] = 1
    remind: Annotated[
        float | None,
        Meta(
            description="Tell again, each time so much has passed, while it lasts. Without it, it is told once.",
            examples=["4h"],
        ),
    ] = None
    channels: Annotated[tuple[str, ...], Meta(description="Names of the channels.", examples=[["oncall"]])]


class Heartbeat(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A request to another service while all is well here, so that its absence is noticed there."""

    url: Annotated[str, Meta(description="Where it is sent.", examples=["env:HEARTBEAT_URL"])]
    every: Annotated[float, Meta(description="How often.", examples=["60s"])] = 60.0


class NoticeRules(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """A file of rules."""

    channels: Annotated[
        dict[str, dict[str, Any]],
        Meta(description="Where notices go, by name.", examples=[{"oncall": {"apprise": "env:ONCALL_URL"}}]),
    ] = {}
    rules: Annotated[tuple[Rule, ...], Meta(description="What is told. Each rule is looked at for itself.")] = ()
    heartbeat: Annotated[Heartbeat | None, Meta(description="A sign of life for another service.")] = None
    clock_after: Annotated[
        float, Meta(description="How long the installation stands still before `clock` is told.", examples=["30s"])
    ] = 30.0


def schema(channel: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """The JSON Schema of the file, for editors. `channel`: that of a channel's settings."""
    _, components = msgspec.json.schema_components([NoticeRules], ref_template="#/$defs/{name}")
    for part in components.values():
        part["additionalProperties"] = False
    for name, member, least, most in _DURATIONS:
        said = components[name]["properties"][member]
        said.pop("anyOf", None)
        said |= {"type": ["number", "string"], "minimum": least, "maximum": most}
        if said.get("default", 0) is None:
            del said["default"]
    rule = components["Rule"]["properties"]
    rule["after"] |= {"minimum": 1, "maximum": AFTER_MOST}
    rule["on"] |= {"minItems": 1, "uniqueItems": True}
    rule["channels"] |= {"minItems": 1, "uniqueItems": True}
    whole = components.pop("NoticeRules")
    if channel is not None:
        whole["properties"]["channels"]["additionalProperties"] = dict(channel)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        **whole,
        "title": "Notices of Waterclock",
        "$defs": components,
    }


_DURATIONS = (
    ("Rule", "remind", REMIND_LEAST, REMIND_MOST),
    ("Heartbeat", "every", EVERY_LEAST, EVERY_MOST),
    ("NoticeRules", "clockAfter", CLOCK_LEAST, CLOCK_MOST),
)
