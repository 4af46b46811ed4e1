"""Executors that do to their event loop, or to their thread, what would harm the runs beside them: one for each way.

`WAYS` says in which column of docs/explanation/isolation.md each stands and how its own run ends, so that a load
can be mixed of them. None of them waits for another, and each ends within a few seconds by itself or by its timeout.
"""

# ruff: noqa: TID251 - `asyncio.gather`: what others write is what is tested

from __future__ import annotations

import asyncio
import concurrent.futures
import sys
import threading
import time
from typing import Any, Literal, NamedTuple, NoReturn

from waterclock import RunContext, executor
from waterclock.executors.definition import AnyExecutor

Column = Literal["contained", "handed back", "only told"]
NOTHING = "there was nothing to harm"
"""The result of one that found no other run beside it."""
PAST_TIMEOUT = 1.0  # s; what a thread goes on for after its timeout


class Way(NamedTuple):
    """`error`: the type of the error that its own run fails with; None: it succeeds. `told`: part of a line that its
    run's log then has."""

    executor: AnyExecutor
    column: Column
    error: str | None = None
    told: str | None = None


class OwnEnd(BaseException):
    """What no `except Exception` catches."""


async def _exits(code: int) -> NoReturn:
    await asyncio.sleep(0)
    sys.exit(code)


async def _interrupts() -> NoReturn:
    await asyncio.sleep(0)
    raise KeyboardInterrupt


@executor("loops.exit")
async def exits(ctx: RunContext) -> None:
    sys.exit(3)


@executor("loops.exit_in_task")
async def exits_in_task(ctx: RunContext) -> None:
    await asyncio.gather(_exits(1), asyncio.sleep(1))


@executor("loops.exit_in_group")
async def exits_in_group(ctx: RunContext) -> None:
    async with asyncio.TaskGroup() as tasks:
        tasks.create_task(_exits(4))
        tasks.create_task(asyncio.sleep(1))


@executor("loops.exit_left_behind")
async def exits_left_behind(ctx: RunContext) -> str:
    """Its task is left to itself, and ends the loop before the run has ended."""
    left = asyncio.ensure_future(_exits(5))
    await asyncio.sleep(0.05)
    return f"went on beside {left.get_name()}"


@executor("loops.exit_in_callback")
async def exits_in_callback(ctx: RunContext) -> str:
    asyncio.get_running_loop().call_soon(sys.exit, 6)
    await asyncio.sleep(0.05)
    return "went on"


@executor("loops.interrupt_in_task")
async def interrupts_in_task(ctx: RunContext) -> None:
    await asyncio.gather(_interrupts(), asyncio.sleep(1))


@executor("loops.stop")
async def stops(ctx: RunContext) -> str:
    asyncio.get_running_loop().stop()
    await asyncio.sleep(0.05)
    return "went on"


@executor("loops.stop_from_thread")
async def stops_from_thread(ctx: RunContext) -> str:
    loop = asyncio.get_running_loop()
    thread = threading.Thread(target=loop.call_soon_threadsafe, args=(loop.stop,))
    thread.start()
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0.05)
    return "went on"


@executor("loops.cancel_all")
async def cancels_all(ctx: RunContext) -> None:
    for task in asyncio.all_tasks():
        task.cancel()
    await asyncio.sleep(1)


_behind = getattr(asyncio.all_tasks, "__closure__", None) or ()
_real_all_tasks: Any = next((one.cell_contents for one in _behind), asyncio.all_tasks)
"""That of asyncio, as a module has it that took it before a worker's command did."""


@executor("loops.cancel_others")
async def cancels_others(ctx: RunContext) -> str:
    """As scripts do before they end."""
    own = asyncio.current_task()
    refused = [task for task in _real_all_tasks() if task is not own and not task.cancel()]
    await asyncio.sleep(0.05)
    return "went on" if refused else NOTHING


@executor("loops.cancel_from_thread")
async def cancels_from_thread(ctx: RunContext) -> str:
    """From a thread that belongs to no run, for all that can be seen of it."""
    loop, own = asyncio.get_running_loop(), asyncio.current_task()

    def cancel() -> None:
        for task in _real_all_tasks(loop):
            if task is not own:
                loop.call_soon_threadsafe(task.cancel)

    thread = threading.Thread(target=cancel)
    thread.start()
    await asyncio.to_thread(thread.join)
    await asyncio.sleep(0.05)
    return "went on"


@executor("loops.close")
async def closes(ctx: RunContext) -> None:
    asyncio.get_running_loop().close()


@executor("loops.run_inside")
async def runs_inside(ctx: RunContext) -> None:
    loop = asyncio.get_running_loop()
    loop.run_until_complete(loop.create_future())


@executor("loops.asyncio_run_inside")
async def asyncio_runs_inside(ctx: RunContext) -> None:
    work = asyncio.sleep(0)
    try:
        asyncio.run(work)
    finally:
        work.close()


@executor("loops.runner_inside")
async def runner_inside(ctx: RunContext) -> None:
    work = asyncio.sleep(0)
    try:
        asyncio.Runner().run(work)
    finally:
        work.close()


@executor("loops.shutdown_executor")
async def shuts_executor_down(ctx: RunContext) -> str:
    await asyncio.get_running_loop().shutdown_default_executor()
    return await asyncio.to_thread(str, "went on")


@executor("loops.other_executor")
async def sets_other_executor(ctx: RunContext) -> None:
    """Leaves a pool as the loop's that takes nothing any more."""
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asyncio.get_running_loop().set_default_executor(pool)
    await asyncio.to_thread(str)


@executor("loops.fill_executor", timeout=1)
async def fills_executor(ctx: RunContext) -> None:
    """More threads than a loop's executor has, each for longer than the run."""
    await asyncio.gather(*(asyncio.to_thread(time.sleep, 3) for _ in range(40)))


@executor("loops.shutdown_asyncgens")
async def shuts_asyncgens_down(ctx: RunContext) -> str:
    await asyncio.get_running_loop().shutdown_asyncgens()
    return "went on"


def _exit_on_any(loop: asyncio.AbstractEventLoop, told: dict[str, Any]) -> NoReturn:
    sys.exit(8)


@executor("loops.exception_handler")
async def sets_exception_handler(ctx: RunContext) -> None:
    asyncio.get_running_loop().set_exception_handler(_exit_on_any)


@executor("loops.debug")
async def sets_debug(ctx: RunContext) -> None:
    asyncio.get_running_loop().set_debug(True)


def _no_task(loop: asyncio.AbstractEventLoop, work: Any, **_: Any) -> NoReturn:
    work.close()
    raise LookupError("no task of this factory")


@executor("loops.task_factory")
async def sets_task_factory(ctx: RunContext) -> None:
    asyncio.get_running_loop().set_task_factory(_no_task)


@executor("loops.own_base_exception")
async def raises_own_end(ctx: RunContext) -> None:
    await asyncio.gather(asyncio.sleep(0), asyncio.sleep(0))
    raise OwnEnd("over")


@executor("loops.own_generator_exit")
async def raises_generator_exit(ctx: RunContext) -> None:
    raise GeneratorExit("as if it were closed")


@executor("loops.own_cancel")
async def raises_cancel(ctx: RunContext) -> None:
    raise asyncio.CancelledError


@executor("loops.block", timeout=30)
async def blocks(ctx: RunContext) -> str:
    """For as long as those beside it just wait."""
    time.sleep(0.5)  # noqa: ASYNC251 - what must not be done
    return "went on"


@executor("loops.block_long", timeout=30)
async def blocks_long(ctx: RunContext) -> str:
    """For so long that those beside it are handed back."""
    time.sleep(6)  # noqa: ASYNC251 - what must not be done
    return "went on"


@executor("loops.block_in_task", timeout=30)
async def blocks_in_task(ctx: RunContext) -> str:
    async def work() -> None:
        time.sleep(0.5)  # noqa: ASYNC251

    await asyncio.gather(work(), asyncio.sleep(0.1))
    return "went on"


@executor("loops.deaf_to_cancel", timeout=0.5)
async def deaf_to_cancel(ctx: RunContext) -> str:
    """Goes on after it was cancelled."""
    ends = time.monotonic() + 3.5  # told 2 to 2.5 s after its timeout
    while time.monotonic() < ends:
        try:
            await asyncio.sleep(0.05)
        except asyncio.CancelledError:
            ctx.log("not now")
    return "done"


@executor("loops.thread_exit")
def thread_exits(ctx: RunContext) -> None:
    sys.exit("no arguments were given")


@executor("loops.thread_interrupt")
def thread_interrupts(ctx: RunContext) -> None:
    raise KeyboardInterrupt


@executor("loops.thread_generator_exit")
def thread_generator_exit(ctx: RunContext) -> None:
    raise GeneratorExit("as if it were closed")


@executor("loops.thread_event_loop")
def thread_leaves_loop(ctx: RunContext) -> str:
    """Leaves a closed loop as that of its thread; fails where it finds one."""
    try:
        asyncio.get_event_loop()
    except RuntimeError:
        loop = asyncio.new_event_loop()
        asyncio.set_event_loop(loop)
        loop.run_until_complete(asyncio.sleep(0))
        loop.close()
        return "left one"
    raise LookupError("another run's loop was left in this thread")


@executor("loops.thread_goes_on", timeout=0.3)
def thread_goes_on(ctx: RunContext) -> None:
    """Does not look whether it is to stop."""
    time.sleep(0.3 + 2.5 + PAST_TIMEOUT)


@executor("loops.thread_left_behind")
def leaves_thread_behind(ctx: RunContext) -> str:
    """What it starts outlives it, and still prints."""

    def work() -> None:
        time.sleep(1)
        print("after the end")  # noqa: T201 - which is no run's line

    threading.Thread(target=work, daemon=True).start()
    return "left one"


@executor("loops.child_exit_in_task", subprocess=True)
async def child_exits_in_task(ctx: RunContext) -> None:
    await asyncio.gather(_exits(4), asyncio.sleep(1))


@executor("loops.child_interrupt_in_task", subprocess=True)
async def child_interrupts_in_task(ctx: RunContext) -> None:
    await asyncio.gather(_interrupts(), asyncio.sleep(1))


@executor("loops.child_exit", subprocess=True)
def child_exits(ctx: RunContext) -> None:
    sys.exit("no arguments were given")


WAYS: tuple[Way, ...] = (
    Way(exits, "contained", "SystemExit"),
    Way(exits_in_task, "contained", "SystemExit"),
    Way(exits_in_group, "contained", "SystemExit"),
    Way(exits_left_behind, "contained", None, "SystemExit"),
    Way(exits_in_callback, "contained"),
    Way(interrupts_in_task, "contained", "KeyboardInterrupt"),
    Way(stops, "contained", None, "loop.stop()"),
    Way(stops_from_thread, "contained"),
    Way(cancels_all, "contained", "CancelledError"),
    Way(cancels_others, "contained", None, "cancel"),
    Way(cancels_from_thread, "contained"),  # told in the log of those that it would have cancelled
    Way(closes, "contained", "RuntimeError"),
    Way(runs_inside, "contained", "RuntimeError"),
    Way(asyncio_runs_inside, "contained", "RuntimeError"),
    Way(runner_inside, "contained", "RuntimeError"),
    Way(shuts_executor_down, "contained", None, "shutdown_default_executor()"),
    Way(sets_other_executor, "contained", "RuntimeError"),
    Way(fills_executor, "contained", "Timeout"),
    Way(shuts_asyncgens_down, "contained", None, "shutdown_asyncgens()"),
    Way(sets_exception_handler, "contained", None, "set_exception_handler()"),
    Way(sets_debug, "contained", None, "set_debug()"),
    Way(sets_task_factory, "contained", None, "set_task_factory()"),
    Way(raises_own_end, "contained", "OwnEnd"),
    Way(raises_generator_exit, "contained", "GeneratorExit"),
    Way(raises_cancel, "contained", "CancelledError"),
    Way(blocks, "contained"),  # whether it is told depends on the machine: it is not long
    Way(blocks_in_task, "contained"),
    Way(blocks_long, "handed back", None, "blocks the event loop"),
    Way(deaf_to_cancel, "only told", "Timeout", "still executing"),
    Way(thread_exits, "contained", "SystemExit"),
    Way(thread_interrupts, "contained", "KeyboardInterrupt"),
    Way(thread_generator_exit, "contained", "GeneratorExit"),
    Way(thread_leaves_loop, "contained"),
    Way(thread_goes_on, "only told", "Timeout", "still executing"),
    Way(leaves_thread_behind, "only told"),
)
CHILDREN: tuple[Way, ...] = (
    Way(child_exits_in_task, "contained", "ChildExit"),
    Way(child_interrupts_in_task, "contained", "KeyboardInterrupt"),
    Way(child_exits, "contained", "ChildExit", "no arguments were given"),
)
"""In processes of their own; a start of one takes 0.2 s."""

EXECUTORS: tuple[AnyExecutor, ...] = tuple(way.executor for way in WAYS)


def in_column(column: Column) -> list[Way]:
    return [way for way in WAYS if way.column == column]
