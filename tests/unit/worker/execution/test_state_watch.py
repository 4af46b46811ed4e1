"""What runs leave changed in their worker's process: whose it is, when it is put back, what is kept."""

from __future__ import annotations

import contextlib
import logging
import os
import posix
import socket
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextvars import copy_context
from pathlib import Path
from typing import Any

import pytest

from tests.unit.worker.reporting.test_step_log import Taken
from waterclock.executors.lifespans import ThreadValues, lifespan
from waterclock_worker.execution import capture
from waterclock_worker.execution.capture import captured
from waterclock_worker.execution.isolation import state_watch

HOME = Path.cwd()


class Output(logging.Handler):
    """Where the lines of the worker and of users go; not what a thread of another test says meanwhile."""

    def __init__(self) -> None:
        super().__init__()
        self.texts: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        if not record.name.startswith("waterclock_api"):
            self.texts.append(record.getMessage())


@pytest.fixture
def output() -> Generator[Output]:
    made = Output()
    logging.getLogger().addHandler(made)
    yield made
    logging.getLogger().removeHandler(made)


@pytest.fixture(autouse=True)
def process(monkeypatch: pytest.MonkeyPatch, output: Output) -> Generator[None]:
    monkeypatch.setattr(state_watch, "SHARE", 1.0)
    with captured():
        yield
    assert Path.cwd() == HOME


class Run:
    """An attempt that is under way."""

    def __init__(self, name: str) -> None:
        self.taken = Taken()
        self.taken.log.run_id = name  # pyright: ignore[reportAttributeAccessIssue]
        capture.begun([self.taken.log])
        self.context = copy_context()
        self.context.run(capture.entered, self.taken.log)

    def does(self, work: Callable[..., object], *arguments: Any) -> None:
        self.context.run(work, *arguments)

    def ends(self) -> list[str]:
        """Its lines."""
        self.context.run(capture.left, self.taken.log)
        self.taken.log.close()
        capture.ended([self.taken.log])
        return self.taken.lines()


def test_the_run_that_did_it_is_told_and_no_other_and_it_is_put_back_at_its_end() -> None:
    guilty, beside = Run("guilty"), Run("beside")
    guilty.does(os.chdir, "/")
    assert beside.ends() == []
    assert Path.cwd() == Path("/")  # the run goes on, and has set it
    [told] = guilty.ends()
    assert told.startswith(f"this run changed the working folder ({HOME} → /), which affects the whole worker process.")
    assert "It was restored" in told
    assert "subprocess=True" in told
    assert Path.cwd() == HOME


def test_what_nobody_saw_is_told_to_all_that_ran_meanwhile_and_put_back_after_the_last() -> None:
    first, second = Run("first"), Run("second")
    first.does(posix.chdir, "/")
    [told] = second.ends()
    assert told.startswith("this run, or another one in the worker (first), changed the working folder")
    assert "when the other runs that may have changed it have ended" in told
    [told] = first.ends()
    assert told.startswith("this run, or another one in the worker (second), changed the working folder")
    assert "It was restored" in told


def test_what_a_run_that_goes_on_has_set_stays() -> None:
    first, second = Run("first"), Run("second")
    first.does(os.environ.__setitem__, "SHOP_A", "1")
    second.does(os.environ.__setitem__, "SHOP_B", "2")
    first.does(os.chdir, "/")
    second.does(os.chdir, "/usr")
    assert "SHOP_A" in " ".join(first.ends())
    assert ("SHOP_A" in os.environ, os.environ["SHOP_B"], Path.cwd()) == (False, "2", Path("/usr"))
    assert "SHOP_B" in " ".join(second.ends())
    assert ("SHOP_B" in os.environ, Path.cwd()) == (False, HOME)


def test_the_value_of_a_variable_is_in_no_log() -> None:
    run = Run("r")
    run.does(os.environ.__setitem__, "SHOP_TOKEN", "very-secret")
    [told] = run.ends()
    assert "SHOP_TOKEN, which was added" in told
    assert "very-secret" not in told


def test_who_puts_back_what_it_has_changed_is_told_nothing() -> None:
    run, beside = Run("r"), Run("beside")

    def tidy() -> None:
        with contextlib.chdir("/"), pytest.MonkeyPatch.context() as patch:
            patch.setenv("SHOP", "1")
            patch.setattr(time, "sleep", None)
            assert beside.ends() == []

    run.does(tidy)
    assert run.ends() == []


def test_what_a_lifespan_sets_is_kept_and_what_the_run_sets_that_opens_it_is_not() -> None:
    @lifespan
    def shop() -> Iterator[str]:
        os.environ["SHOP_LIFE"] = "1"
        socket.setdefaulttimeout(30)
        logging.getLogger("shop.life").setLevel(logging.WARNING)
        sys.path.append("/shop")
        yield "open"

    values = ThreadValues()

    def work() -> None:
        os.environ["SHOP_RUN"] = "1"
        assert values.use(shop) == "open"
        socket.setdefaulttimeout(1)

    run = Run("r")
    run.does(work)
    told = " ".join(run.ends())
    assert "SHOP_RUN" in told
    assert "socket.setdefaulttimeout (30.0 → 1.0)" in told
    assert "SHOP_LIFE" not in told
    assert "sys.path" not in told
    assert ("SHOP_RUN" in os.environ, os.environ.pop("SHOP_LIFE"), socket.getdefaulttimeout()) == (False, "1", 30)
    assert sys.path.pop() == "/shop"
    assert logging.getLogger("shop.life").level == logging.WARNING
    socket.setdefaulttimeout(None)


def test_what_cannot_be_put_back_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuses(value: object) -> None:
        raise PermissionError("not yours")

    run = Run("r")
    watch: Any = vars(capture)["_Process"].watch
    setting = watch._families["settings"]._settings["umask"]
    monkeypatch.setitem(watch._families["settings"]._settings, "umask", setting._replace(write=refuses))
    before = os.umask(0o022)
    run.does(os.umask, 0o077)
    [told] = run.ends()
    assert "could not be restored (PermissionError: not yours)" in told
    os.umask(before)


def test_many_changes_make_one_line() -> None:
    run = Run("r")
    for number in range(50):
        run.does(os.environ.__setitem__, f"SHOP_{number}", "1")
    [told] = run.ends()
    assert "and 40 more" in told
    assert not [name for name in os.environ if name.startswith("SHOP_")]


def test_records_of_others_land_while_a_run_has_its_way_with_logging() -> None:
    """Also those of the worker itself, and not in what the run has put there for itself."""
    guilty, beside = Run("guilty"), Run("beside")
    log = logging.getLogger("shop.orders")
    own = Output()

    def spoils() -> None:
        logging.disable()
        logging.basicConfig(force=True, handlers=[own], level=logging.ERROR)
        log.disabled = True
        log.info("muted by itself")
        logging.getLogger().handlers.append(logging.NullHandler())

    guilty.does(spoils)
    beside.does(log.info, "of the other")
    beside.does(log.debug, "too fine")
    assert own in logging.root.handlers
    assert beside.ends() == ["of the other"]
    assert own.texts == []
    told = " ".join(guilty.ends())
    assert "logging.disable" in told
    assert "muted" not in told
    later = Run("later")
    later.does(log.info, "afterwards")
    assert later.ends() == ["afterwards"]


def test_the_workers_own_records_reach_its_output_while_a_run_has_its_way_with_logging(
    output: Output,
) -> None:
    guilty = Run("guilty")
    guilty.does(logging.disable)
    guilty.does(logging.getLogger().handlers.clear)
    log = logging.getLogger("waterclock_worker.execution.async_loops")
    log.info("before")
    guilty.does(logging.getLogger("waterclock_worker").setLevel, logging.CRITICAL)
    log.warning("event loop blocked")
    assert "event loop blocked" in output.texts
    guilty.ends()
    log.warning("and again")
    assert "and again" in output.texts


def test_handlers_that_each_run_adds_do_not_add_up() -> None:
    log = logging.getLogger("shop.adds")
    for number in range(3):
        run = Run(f"r{number}")
        run.does(lambda: log.addHandler(logging.StreamHandler()))
        run.does(log.info, "once")
        lines = run.ends()
        assert lines.count("once") == 2  # by its own handler, on standard error, and by ours
        assert log.handlers == []


def test_handlers_that_a_run_puts_in_a_list_take_no_line_of_another() -> None:
    guilty, beside = Run("guilty"), Run("beside")
    log = logging.getLogger("shop.lists")

    def replaces() -> None:
        deaf = logging.StreamHandler()
        deaf.setLevel(logging.CRITICAL)
        logging.getLogger().handlers = [deaf]

    def appends() -> None:
        deaf = logging.StreamHandler()
        deaf.setLevel(logging.CRITICAL)
        logging.getLogger().handlers[:] = [deaf]

    guilty.does(replaces)
    beside.does(log.info, "first")
    guilty.does(appends)
    beside.does(log.info, "second")
    assert [line for line in beside.ends() if not line.startswith("this run")] == ["first", "second"]
    assert "handlers of the logger 'root'" in " ".join(guilty.ends())


def test_what_the_worker_says_for_a_run_that_has_ended_reaches_its_own_output(output: Output) -> None:
    run, beside = Run("r"), Run("beside")
    own, users = logging.getLogger("waterclock_worker.execution.pool"), logging.getLogger("shop.orders")
    run.does(own.warning, "within it")
    assert run.ends() == ["within it"]
    run.does(own.warning, "after its end")
    run.does(users.warning, "left behind")
    beside.does(own.warning, "of the other")
    assert run.taken.lines() == []
    assert beside.ends() == ["of the other"]
    assert output.texts == ["after its end"]


def test_each_run_is_looked_at_where_few_end_and_one_look_serves_many_where_many_do(
    monkeypatch: pytest.MonkeyPatch, output: Output
) -> None:
    monkeypatch.setattr(state_watch, "SHARE", 0.0)
    watch: Any = vars(capture)["_Process"].watch
    watch._credit = 0.0

    def changed_by(name: str) -> list[str]:
        run = Run(name)
        run.does(posix.chdir, "/")  # which nobody sees
        return run.ends()

    for number in range(5):
        [told] = changed_by(f"calm {number}")
        assert told.startswith("this run changed the working folder")
    many = [Run(f"many {number}").taken.log for number in range(200)]
    capture.ended(many)
    assert changed_by("busy") == []
    assert Path.cwd() == Path("/")
    watch._ending = 0.0  # as a few seconds later
    [told] = changed_by("later")
    assert told.startswith("this run, or another one in the worker (")
    assert "run changed its worker's process" in output.texts
    assert Path.cwd() == HOME
