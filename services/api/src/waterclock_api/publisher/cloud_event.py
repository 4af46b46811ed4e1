"""An event of the log as a CloudEvent 1.0 in JSON."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec
from msgspec import UNSET, UnsetType

from waterclock.model.timestamps import Stamp, stamp
from waterclock.store.publishing import Publishable

TYPE = "waterclock"


class CloudEvent(msgspec.Struct, frozen=True, kw_only=True):
    """Attributes of CloudEvents 1.0, and extensions. `source` and `id` name the event for good."""

    specversion: str = "1.0"
    id: str
    source: str
    type: str
    subject: str | UnsetType = UNSET
    time: Stamp
    datacontenttype: str = "application/json"
    partitionkey: str | UnsetType = UNSET
    jobid: str | UnsetType = UNSET
    jobgroup: str | UnsetType = UNSET
    jobname: str | UnsetType = UNSET
    runid: str | UnsetType = UNSET
    data: msgspec.Raw


@dataclass
class PublishedEvent:
    """A CloudEvent: https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md"""

    specversion: str
    id: str
    """The event's position, such as `0-1-42`."""
    source: str
    type: str
    """`waterclock.` and the type of the event, such as `waterclock.run.failed`."""
    time: str
    datacontenttype: str
    data: Mapping[str, Any]
    """The event as `GET /v1/monitor/events` shows it."""
    subject: str | None = None
    partitionkey: str | None = None
    jobid: str | None = None
    jobgroup: str | None = None
    jobname: str | None = None
    runid: str | None = None


def cloud_event(one: Publishable, source: str) -> bytes:
    """`source`: of the installation; two events of one source never have the same id."""
    subject = f"runs/{one.run_id}" if one.run_id else f"jobs/{one.job_id}" if one.job_id else UNSET
    event = CloudEvent(
        id=str(one.entry.position),
        source=source,
        type=f"{TYPE}.{one.entry.type}",
        subject=subject,
        time=stamp(one.entry.at),
        partitionkey=one.job_id or one.run_id or UNSET,
        jobid=one.job_id or UNSET,
        jobgroup=one.group or UNSET,
        jobname=one.name or UNSET,
        runid=one.run_id or UNSET,
        data=msgspec.Raw(one.entry.told),
    )
    return msgspec.json.encode(event)
