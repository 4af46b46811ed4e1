"""What authors of executors use, without a worker."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any, Protocol, cast

import msgspec
import pytest

import waterclock
from waterclock import GiveUp, Retry, RunContext, executor
from waterclock.executors.definition import declared
from waterclock.model.events import Level, StepStatus
from waterclock.testing.run_executor import run_executor


class Heard:
    """A report that keeps what it is told."""

    def __init__(self) -> None:
        self.words: list[tuple[object, ...]] = []
        self.cancelled = False
        self._steps = 0

    def step_started(self, name: str) -> int:
        self._steps += 1
        self.words.append(("started", self._steps, name))
        return self._steps

    def logged(self, step: int | None, level: Level, text: str) -> None:
        self.words.append(("logged", step, level, text))

    def progressed(self, step: int, done: float, total: float | None) -> None:
        self.words.append(("progressed", step, done, total))

    def step_finished(self, step: int, status: StepStatus, error: BaseException | None) -> None:
        self.words.append(("finished", step, status, repr(error) if error else None))


class Table(msgspec.Struct, frozen=True, kw_only=True):
    table: str


def context(report: Heard, **more: object) -> RunContext:
    given: dict[str, Any] = {"run_id": "r", "attempt": 1, "fence": 7, "params": None, "report": report} | more
    return RunContext(**given)


def test_the_public_surface_is_five_names() -> None:
    assert waterclock.__all__ == ["GiveUp", "Retry", "RunContext", "executor", "lifespan"]


def test_a_declared_executor_is_known_and_can_still_be_called() -> None:
    @executor("u.report", timeout=timedelta(minutes=10), aliases=["u:report"])
    async def report(ctx: RunContext, params: Table) -> int:
        """Count a table."""
        return len(params.table)

    assert asyncio.run(report(context(Heard()), Table(table="four"))) == 4
    assert report in declared()
    assert (report.key, report.timeout, report.kind, report.aliases) == ("u.report", 600, "async", ("u:report",))
    assert report.params_type is Table
    assert report.description == "Count a table."


def test_a_plain_function_runs_in_a_thread_and_either_kind_in_a_child() -> None:
    @executor("u.plain")
    def plain(ctx: RunContext) -> None: ...

    @executor("u.child", subprocess=True)
    async def child(ctx: RunContext) -> None: ...

    assert (plain.kind, plain.params_type, plain.timeout) == ("thread", None, None)
    assert (child.kind, child.is_async) == ("child", True)


def test_a_function_of_another_shape_is_refused_when_it_is_declared() -> None:
    with pytest.raises(TypeError, match="must be a function of"):

        @executor("u.bad")
        def three(ctx: RunContext, params: Table, more: int) -> None: ...

    with pytest.raises(TypeError, match="needs a type"):

        @executor("u.bad")
        def untyped(ctx: RunContext, params) -> None: ...  # pyright: ignore[reportMissingParameterType, reportUnknownParameterType]


class Steps(Protocol):
    def step(self, name: str) -> Any: ...


def test_a_function_whose_context_is_annotated_as_something_else_is_refused() -> None:
    with pytest.raises(TypeError, match=r"first parameter .table. is the RunContext, and is annotated as str: write"):

        @executor("u.bad")
        def of_a_table(table: str) -> None: ...

    with pytest.raises(TypeError, match="annotated as Table"):

        @executor("u.bad")
        def turned_round(params: Table, ctx: RunContext) -> None: ...


def test_the_context_needs_no_annotation_of_its_own_class() -> None:
    @executor("u.steps")
    def steps(ctx: Steps) -> None: ...

    @executor("u.any")
    def anything(ctx: Any) -> None: ...

    @executor("u.object")
    def thing(ctx: object) -> None: ...

    assert {steps, anything, thing} <= set(declared())


def test_a_generator_is_refused_by_what_it_is() -> None:
    with pytest.raises(TypeError, match="is a generator"):

        @executor("t.yields")
        async def yields(ctx: RunContext):  # pyright: ignore[reportUnusedFunction]
            yield ctx.run_id


def test_steps_tell_of_their_start_progress_and_end() -> None:
    async def work(ctx: RunContext) -> None:
        ctx.log("outside")
        async with ctx.step("Outer") as outer:
            outer.log("%d rows of %s", 3, "t")
            ctx.log("in the outer")
            with ctx.step("Inner") as inner:
                inner.progress(1, 2)
                ctx.log("in the inner", level="debug")
            ctx.log("100%")

    heard = Heard()
    asyncio.run(work(context(heard)))
    assert heard.words == [
        ("logged", None, "info", "outside"),
        ("started", 1, "Outer"),
        ("logged", 1, "info", "3 rows of t"),
        ("logged", 1, "info", "in the outer"),
        ("started", 2, "Inner"),
        ("progressed", 2, 1, 2),
        ("logged", 2, "debug", "in the inner"),
        ("finished", 2, "succeeded", None),
        ("logged", 1, "info", "100%"),
        ("finished", 1, "succeeded", None),
    ]


@pytest.mark.parametrize(
    ("error", "end"),
    [(ValueError("no"), ("failed", "ValueError('no')")), (asyncio.CancelledError(), ("cancelled", None))],
)
def test_a_step_says_how_it_ended(error: BaseException, end: tuple[str, str | None]) -> None:
    heard = Heard()
    with pytest.raises(type(error)), context(heard).step("Work"):
        raise error
    assert heard.words[-1] == ("finished", 1, *end)


def test_a_wrong_format_does_not_fail_the_run() -> None:
    heard = Heard()
    context(heard).log("%d rows", "many")
    assert heard.words == [("logged", None, "info", "%d rows ('many',)")]


@pytest.mark.parametrize(
    ("done", "total", "told"),
    [
        (2**53, None, (2**53, None)),
        (Decimal("1.5"), 2, (1.5, 2)),
        (1, float("nan"), (1, None)),
        (1, 10**400, (1, None)),
        (float("inf"), 1, None),
        (float("nan"), 1, None),
        (10**400, 1, None),
    ],
)
def test_progress_is_told_in_numbers_that_json_has(
    done: Any, total: Any, told: tuple[float, float | None] | None
) -> None:
    heard = Heard()
    with context(heard).step("Count") as step:
        step.progress(done, total)
    assert [word[2:] for word in heard.words if word[0] == "progressed"] == ([] if told is None else [told])


@pytest.mark.parametrize(
    ("level", "told"),
    [
        ("debug", "debug"),
        ("warn", "warning"),
        ("CRITICAL", "error"),
        (30, "warning"),
        (5, "debug"),
        ("loud", "info"),
        (None, "info"),
    ],
)
def test_levels_of_logging_are_levels_of_ours(level: Any, told: Level) -> None:
    heard = Heard()
    context(heard).log("word", level=level)
    assert heard.words == [("logged", None, told, "word")]


def test_whatever_can_be_printed_can_be_a_line_or_the_name_of_a_step() -> None:
    heard = Heard()
    with context(heard).step(Path("a/b")) as step:  # pyright: ignore[reportArgumentType]
        step.log(LookupError("no such tide"))
        step.log(None)
    assert step.name == "a/b"
    assert [word[3] for word in heard.words if word[0] == "logged"] == ["no such tide", "None"]


def test_a_progress_that_is_no_number_is_a_mistake_of_the_executor() -> None:
    with pytest.raises(ValueError, match="many"), context(Heard()).step("Count") as step:
        step.progress("many")  # pyright: ignore[reportArgumentType]


def test_moments_are_aware_and_absent_where_there_is_none() -> None:
    told = context(Heard(), nominal_ms=0, deadline_ms=1500)
    assert told.nominal_at == datetime(1970, 1, 1, tzinfo=UTC)
    assert told.deadline == datetime(1970, 1, 1, 0, 0, 1, 500_000, tzinfo=UTC)
    assert context(Heard()).nominal_at is None


def test_a_retry_names_a_time_to_come() -> None:
    assert Retry(timedelta(minutes=1)).after == 60
    assert Retry().after is None
    for never in (-1, float("nan"), float("inf"), timedelta(days=367)):
        with pytest.raises(ValueError, match="between now and"):
            Retry(never)
    assert str(GiveUp("no use")) == "no use"


@pytest.mark.parametrize("name", ["", " own", "own ", "own\u200b", "own\u0085x", "o  wn", "cafe\u0301"])
def test_a_name_that_cannot_be_seen_whole_is_none_for_an_executor(name: str) -> None:
    with pytest.raises(ValueError, match="its name"):
        executor(name)
    with pytest.raises(ValueError, match="its name"):
        executor("own", aliases=(name,))


def test_a_check_is_a_plain_function_of_parameters_that_raises_or_says_nothing() -> None:
    def few(params: Table) -> None:
        if len(params.table) > 7:
            raise ValueError("table: at most 7 letters")

    async def waiting(params: Table) -> None:
        del params

    @executor("t.few", check=few)
    async def kept(ctx: RunContext, params: Table) -> str:
        return params.table

    def alone(ctx: RunContext) -> None:
        del ctx

    def answers(params: Table) -> bool:
        return len(params.table) < 8

    assert kept.check is few
    assert asyncio.run(run_executor(kept, {"table": "orders"})).result == "orders"
    with pytest.raises(ValueError, match="at most 7"):
        asyncio.run(run_executor(kept, {"table": "customers"}))
    with pytest.raises(TypeError, match="takes no parameters"):
        executor("t.none", check=few)(alone)
    with pytest.raises(TypeError, match="plain function"):
        executor("t.waiting", check=cast("Any", waiting))(kept.function)
    with pytest.raises(TypeError, match="returned bool"):
        executor("t.bool", check=cast("Any", answers))(kept.function).check_params(Table(table="orders"))
