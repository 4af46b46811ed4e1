"""What the author of an executor needs, and nothing else."""

from waterclock.executors import GiveUp, Retry, RunContext, executor
from waterclock.lifespans import lifespan

__all__ = ["GiveUp", "Retry", "RunContext", "executor", "lifespan"]
