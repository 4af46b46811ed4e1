"""The typed Python client of the API: `Client` and `AsyncClient`, what they call, and runs in one line."""

import warnings

from waterclock.client import endpoints, errors
from waterclock.client.errors import ApiError, Refused, Unreachable, Unreadable
from waterclock.client.http import AsyncClient, Client
from waterclock.client.models import Page
from waterclock.client.request import Call, Stream
from waterclock.client.shortcuts import enqueue, trigger
from waterclock.client.sse import Event
from waterclock.kit.settings import SettingsError

__all__ = [
    "ApiError",
    "AsyncClient",
    "Call",
    "Client",
    "Event",
    "Page",
    "Refused",
    "SettingsError",
    "Stream",
    "Unreachable",
    "Unreadable",
    "endpoints",
    "enqueue",
    "errors",
    "trigger",
]

_RENAMED = {"calls": endpoints, "problems": errors}


def __getattr__(name: str) -> object:
    if name not in _RENAMED:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    now = _RENAMED[name]
    warnings.warn(f"waterclock.client.{name} is {now.__name__} now", DeprecationWarning, stacklevel=2)
    globals()[name] = now  # once
    return now
