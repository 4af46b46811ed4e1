"""Executors: typed functions that a worker runs when a run of their key is due. Authors import from `waterclock`."""

from importlib import import_module

TYPE_CHECKING = False  # as in `waterclock`

if TYPE_CHECKING:
    from waterclock.executors.context import GiveUp, Report, Retry, RunContext
    from waterclock.executors.definition import Executor, executor

__all__ = ["Executor", "GiveUp", "Report", "Retry", "RunContext", "executor"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = "definition" if name.lower() == "executor" else "context"
    return getattr(import_module(f"waterclock.executors.{home}"), name)
