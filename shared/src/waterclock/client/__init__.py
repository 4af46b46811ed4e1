"""The typed Python client of the API, sync and async: `Client`, `AsyncClient`, and the calls that both send."""

from waterclock.client import calls, problems
from waterclock.client.answers import Page
from waterclock.client.call import Call, Stream
from waterclock.client.events import Event
from waterclock.client.http import AsyncClient, Client
from waterclock.client.problems import ApiError, Refused, Unreachable, Unreadable

__all__ = [
    "ApiError",
    "AsyncClient",
    "Call",
    "Client",
    "Event",
    "Page",
    "Refused",
    "Stream",
    "Unreachable",
    "Unreadable",
    "calls",
    "problems",
]
