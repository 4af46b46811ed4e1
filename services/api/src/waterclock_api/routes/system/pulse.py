"""The route of the pulse."""

from __future__ import annotations

from litestar import get

from waterclock_api.dependencies import dependencies_of
from waterclock_api.http.request_query import NoQuery, read_query
from waterclock_api.http.route import AnyRequest, Spec
from waterclock_api.live.pulse.stream import PulseStream


@get("/v1/monitor/pulse/stream", spec=Spec(scope="list", answers={200: "pulse"}))
async def stream_pulse(request: AnyRequest) -> PulseStream:
    """Stream how the installation is: one message at once, then when something changes. It does not end."""
    parts = dependencies_of(request)
    read_query(request, NoQuery)
    return PulseStream(parts.beat, parts.hub, parts.clock)


HANDLERS = (stream_pulse,)
