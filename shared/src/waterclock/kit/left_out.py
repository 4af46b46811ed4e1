"""Leave out what libraries import where it is installed, and use nothing of: a fifth of the start of a process.

redis-py asks for the SDK of OpenTelemetry to name a type. `httpx._main` is the command `httpx`, and brings rich and
pygments. Both go on without.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

_COMMAND_OF_HTTPX = "httpx._main"
_SDK, _NAMES_A_TYPE_OF_IT = "opentelemetry.sdk.metrics", "redis.observability.providers"


def leave_out() -> None:
    """From now on, in this process. What was imported before stays."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())


class _Finder(MetaPathFinder):
    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None,  # noqa: ARG002 - the signature of importlib
        target: ModuleType | None = None,  # noqa: ARG002
    ) -> ModuleSpec | None:
        if fullname == _COMMAND_OF_HTTPX or (fullname == _SDK and _redis_asks()):
            raise ImportError(f"{fullname} is left out", name=fullname)
        return None


def _redis_asks() -> bool:
    """It says by a name whether it found the SDK, right after it looked; anybody else gets it."""
    asking = sys.modules.get(_NAMES_A_TYPE_OF_IT)
    return asking is not None and not hasattr(asking, "OTEL_AVAILABLE")
