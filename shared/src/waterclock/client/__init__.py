"""The typed Python client of the API, sync and async: `Client`, `AsyncClient`, and the calls that both send."""

from waterclock.client import endpoints, errors
from waterclock.client.errors import ApiError, Refused, Unreachable, Unreadable
from waterclock.client.http import AsyncClient, Client
from waterclock.client.models import Page
from waterclock.client.request import Call, Stream
from waterclock.client.sse import Event

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
