"""What the author of an executor needs, and nothing else; loaded when it is asked for, for our processes begin here."""

from importlib import import_module

TYPE_CHECKING = False  # that of `typing` costs 40 ms, in which a process does not heed signals yet

if TYPE_CHECKING:
    from waterclock.executors.context import GiveUp, Retry, RunContext
    from waterclock.executors.definition import executor
    from waterclock.executors.lifespans import lifespan

__all__ = ["GiveUp", "Retry", "RunContext", "executor", "lifespan"]


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    home = import_module("waterclock.executors.lifespans" if name == "lifespan" else "waterclock.executors")
    return getattr(home, name)
