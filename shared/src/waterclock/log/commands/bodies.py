"""Bodies of events that only the script can complete.

The script adds what it alone knows beside the body (`wire.envelope`: `x`); those fields are left out here, so that
none is said twice.
"""

from __future__ import annotations

from typing import Any

import msgspec

from waterclock.model.events import CancelReason, Event, RunCancelled, RunCancelRequested
from waterclock.wire.envelope import encode_body

Body = str
"""The JSON of an event's body. Text, for the servers' msgpack knows no binary."""


def body_of(event: Event) -> Body:
    """The body of an event that is known whole."""
    return encode_body(event).decode()


def part(kind: type[Event], **known: Any) -> Body:
    """The body of an event of this kind with the fields known beforehand; those that are None are left out."""
    config = msgspec.structs.fields(kind)
    names = {field.name: field.encode_name for field in config}
    fields = {names[name]: value for name, value in known.items() if value is not None}
    return msgspec.json.encode({"type": kind.__struct_config__.tag} | fields).decode()


_REPLACED: CancelReason = "replaced"
REPLACING = (part(RunCancelRequested, reason=_REPLACED), part(RunCancelled, reason=_REPLACED))
"""What becomes of unfinished runs under the policy `cancel_other`: asked to stop, or stopped at once."""
