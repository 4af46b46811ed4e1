"""An executor of the bench's own, which only some of its workers load."""

from waterclock.executors import RunContext, executor


@executor("bench.noop")
async def noop(ctx: RunContext) -> None:
    """Do nothing."""
    del ctx
