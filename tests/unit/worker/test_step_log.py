from __future__ import annotations

import threading

import msgspec

from waterclock.kit.clock import SystemClock
from waterclock.model.events import StepFinished, StepLogged, StepProgressed, StepStarted, StoredEvent
from waterclock.model.ids import RunId
from waterclock_worker.steps import BATCH_BYTES, CAPPED, PENDING_MOST, RUN_MOST, StepLog

_decode = msgspec.json.Decoder(StoredEvent).decode


class Taken:
    def __init__(self) -> None:
        self.told = 0
        self.log = StepLog(
            run_id=RunId("r"), job_id=None, attempt=1, fence=2, partition=0, clock=SystemClock(), tell=self._tell
        )

    def _tell(self, log: StepLog) -> None:  # noqa: ARG002
        self.told += 1

    def events(self, most: int = BATCH_BYTES) -> list[StoredEvent]:
        return [_decode(body) for body in self.log.take(most)]

    def lines(self) -> list[str]:
        found: list[str] = []
        while events := self.events():
            found += [line.text for event in events if isinstance(event, StepLogged) for line in event.lines]
        return found


def test_words_keep_their_order_and_lines_that_follow_each_other_share_an_event() -> None:
    taken = Taken()
    step = taken.log.step_started("One")
    taken.log.logged(step, "info", "a")
    taken.log.logged(step, "error", "b")
    taken.log.logged(None, "info", "c")
    taken.log.step_finished(step, "succeeded", None)
    started, logged, outside, finished = taken.events()
    assert isinstance(started, StepStarted)
    assert isinstance(logged, StepLogged)
    assert [(line.level, line.text) for line in logged.lines] == [("info", "a"), ("error", "b")]
    assert isinstance(outside, StepLogged)
    assert outside.number is None
    assert isinstance(finished, StepFinished)
    assert (started.run_id, started.attempt, started.fence) == ("r", 1, 2)
    assert taken.events() == []


def test_progress_is_told_by_its_latest_word() -> None:
    taken = Taken()
    step = taken.log.step_started("One")
    for done in range(100):
        taken.log.progressed(step, done, 100)
    _, progress = taken.events()
    assert isinstance(progress, StepProgressed)
    assert progress.done == 99
    taken.log.progressed(step, 100, 100)
    [progress] = taken.events()
    assert isinstance(progress, StepProgressed)
    assert progress.done == 100


def test_many_words_are_announced_once_until_they_are_taken() -> None:
    taken = Taken()
    for _ in range(50):
        taken.log.logged(None, "info", "x")
    assert taken.told == 1
    taken.events()
    taken.log.logged(None, "info", "x")
    assert taken.told == 2


def test_a_batch_holds_about_as_much_as_it_may() -> None:
    taken = Taken()
    for _ in range(40):
        taken.log.logged(None, "info", "x" * 10_000)
    sizes: list[int] = []
    while bodies := taken.log.take(BATCH_BYTES):
        sizes.append(sum(map(len, bodies)))
    assert len(sizes) == 4
    assert max(sizes) < 2 * BATCH_BYTES


def test_lines_that_come_faster_than_they_are_stored_are_counted() -> None:
    taken = Taken()
    for _ in range(200):
        taken.log.logged(None, "info", "x" * 10_000)
    lines = taken.lines()
    kept = len([line for line in lines if line.startswith("x")])
    assert kept * 10_000 <= PENDING_MOST
    assert f"{200 - kept} lines were dropped here: they came faster than they could be stored" in lines


def test_an_attempts_log_is_capped_with_one_marker() -> None:
    taken = Taken()
    lines: list[str] = []
    for _ in range(500):
        taken.log.logged(None, "info", "x" * 10_000)
        lines += taken.lines()
    assert lines[-1] == CAPPED
    assert sum(map(len, lines)) <= RUN_MOST + len(CAPPED)


def test_printed_text_becomes_lines_when_they_are_complete() -> None:
    taken = Taken()
    taken.log.printed(None, "info", "one\ntw")
    taken.log.printed(None, "info", "o\nthree")
    taken.log.printed(None, "warning", "aside\n")
    assert taken.lines() == ["one", "two", "aside"]
    taken.log.close()
    assert taken.lines() == ["three"]


def test_what_comes_after_the_end_is_not_kept() -> None:
    taken = Taken()
    taken.log.close()
    taken.log.logged(None, "info", "late")
    taken.log.step_started("late")
    assert taken.events() == []
    assert not taken.log.touched


def test_many_threads_may_write_at_once() -> None:
    taken = Taken()

    def write(number: int) -> None:
        for place in range(200):
            taken.log.logged(None, "info", f"{number} {place}")

    threads = [threading.Thread(target=write, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    lines = taken.lines()
    assert len(lines) == 800
    for number in range(4):
        own = [line for line in lines if line.startswith(f"{number} ")]
        assert own == [f"{number} {place}" for place in range(200)]
