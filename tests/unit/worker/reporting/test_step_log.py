from __future__ import annotations

import threading

import msgspec
import pytest

from waterclock.kit.clock import Clock, SystemClock
from waterclock.model.events import StepFinished, StepLogged, StepProgressed, StepStarted, StoredEvent
from waterclock.model.ids import RunId
from waterclock.model.outcomes import Error
from waterclock_worker.reporting import log_tail, pending
from waterclock_worker.reporting.bounds import LINE_MOST
from waterclock_worker.reporting.log_tail import TAIL_MOST, Memory
from waterclock_worker.reporting.pending import (
    BATCH_BYTES,
    CAPPED,
    GAP_LINES,
    GAP_MS,
    HEAD_MOST,
    PENDING_MOST,
)
from waterclock_worker.reporting.step_log import StepLog

_decode = msgspec.json.Decoder(StoredEvent).decode


class Taken:
    def __init__(self, *, memory: Memory | None = None, clock: Clock | None = None) -> None:
        self.told = 0
        self.log = StepLog(
            run_id=RunId("r"),
            job_id=None,
            attempt=1,
            fence=2,
            partition=0,
            clock=clock or SystemClock(),
            tell=self._tell,
            memory=memory or Memory(),
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


def test_of_lines_that_come_faster_than_they_are_stored_the_first_and_the_last_are_kept() -> None:
    taken = Taken(memory=Memory(0))
    for number in range(400):
        taken.log.logged(None, "info", f"{number} ".ljust(10_000, "x"))
    lines = taken.lines()
    kept = [int(line.split()[0]) for line in lines if line.endswith("x")]
    gap = 400 - len(kept)
    assert 0 < gap < 400
    first = next(number for number, place in enumerate(kept) if number != place)
    assert kept == [*range(first), *range(first + gap, 400)]
    assert first * 10_000 <= PENDING_MOST
    assert lines[first] == f"gap: {gap} lines are missing here: they were written faster than they could be stored"
    taken.log.logged(None, "info", "and on")
    assert taken.lines() == ["and on"]


def test_while_the_process_has_memory_no_line_is_lost() -> None:
    memory = Memory()
    taken = Taken(memory=memory)
    for number in range(60_948):
        taken.log.printed(None, "info", f"{number}")
        taken.log.printed(None, "info", "\n")
    assert taken.lines() == [f"{number}" for number in range(60_948)]
    taken.log.close()
    assert not taken.log.has_pending
    assert memory.take(64 * 1024 * 1024)  # all of it was given back


@pytest.mark.parametrize(("text", "count"), [("x" * 10_000, 600), ("\N{WATER WAVE}" * 2_500, 600), ("", 12_000)])
def test_a_log_keeps_its_beginning_and_its_end(monkeypatch: pytest.MonkeyPatch, text: str, count: int) -> None:
    monkeypatch.setattr(pending, "HEAD_LINES", 8_000)
    monkeypatch.setattr(log_tail, "TAIL_LINES", 2_000)
    taken = Taken()
    head: list[str] = []
    for number in range(count):
        taken.log.logged(None, "info", f"{number} {text}")
        head += taken.lines() if number % 100 == 0 else []
    head += taken.lines()
    taken.log.close()
    tail = taken.lines()

    sent = [line for line in head if line[0].isdecimal()]
    assert sent == [f"{number} {text}" for number in range(len(sent))]
    size = sum(len(line.encode()) for line in sent)
    assert HEAD_MOST - 20_000 < size <= HEAD_MOST or len(sent) == 8_000
    assert head[len(sent)] == CAPPED
    marks = head[len(sent) + 1 :]
    assert marks[0] == f"gap so far: {GAP_LINES} lines" if text == "" else not marks
    assert all(line.startswith("gap so far: ") for line in marks)

    gap = count - len(sent) - (len(tail) - 1)
    assert tail[0] == f"gap: {gap} lines are missing here: a log keeps its beginning and its end"
    assert tail[1:] == [f"{number} {text}" for number in range(count - len(tail) + 1, count)]
    kept = sum(len(line.encode()) for line in tail[1:])
    assert TAIL_MOST - 20_000 < kept <= TAIL_MOST or len(tail) - 1 == 2_000


def test_the_cap_counts_bytes_and_not_characters() -> None:
    taken = Taken()
    for _ in range(HEAD_MOST // 4_000 + 1):
        taken.log.logged(None, "info", "\N{WATER WAVE}" * 1_000)
    assert CAPPED in taken.lines()


def test_what_fits_the_tail_is_kept_without_a_gap() -> None:
    taken = Taken()
    for number in range(440):
        taken.log.logged(None, "info", f"{number}".ljust(10_000))
        if number == 430:
            assert CAPPED in taken.lines()
    taken.log.close()
    assert [int(line) for line in taken.lines()] == list(range(419, 440))


class Hours:
    """A clock that is set."""

    def __init__(self) -> None:
        self.ms = 0

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1000


def test_who_follows_is_told_of_the_gap_now_and_then() -> None:
    clock = Hours()
    taken = Taken(clock=clock)
    for _ in range(500):
        taken.log.logged(None, "info", "x" * 10_000)
    assert taken.lines()[-1] == CAPPED
    for second in range(1, 3_601):
        clock.ms = second * GAP_MS // 10
        taken.log.logged(None, "info", "x" * 10_000)
    told = taken.lines()
    assert told[0] == "gap so far: 39 lines"
    assert 5 < len(told) < 20
    assert all(line.startswith("gap so far: ") for line in told)


def test_where_memory_is_short_a_tail_is_smaller_and_there_is_one_all_the_same() -> None:
    memory = Memory(0)
    tails = [Taken(memory=memory) for _ in range(3)]
    for taken in tails:
        for number in range(600):
            taken.log.logged(None, "info", f"{number}".ljust(10_000))
            taken.lines()
        taken.log.close()
        assert [int(line) for line in taken.lines()[1:]] == list(range(587, 600))


def test_many_that_are_past_their_head_share_the_memory_of_the_process() -> None:
    memory = Memory()
    many = [Taken(memory=memory) for _ in range(40)]
    for taken in many:
        for _ in range(260):
            taken.log.logged(None, "info", "x" * LINE_MOST)
            taken.log.take(BATCH_BYTES)
    assert not memory.take(2 * 1024 * 1024)
    for taken in many[:20]:
        taken.log.drop()
        assert taken.lines() == []
    for taken in many[20:]:
        taken.log.close()
        assert taken.lines()
    assert memory.take(64 * 1024 * 1024)


def test_errors_of_steps_count_and_are_short_past_the_head() -> None:
    taken = Taken()
    errors: list[Error] = []
    for _ in range(600):
        step = taken.log.step_started("s")
        taken.log.step_finished(step, "failed", ValueError("x" * 10_000))
        errors += [event.error for event in taken.events() if isinstance(event, StepFinished) and event.error]
    assert len(errors) == 600
    assert len(errors[0].message) == 10_000
    assert sum(len(one.message) + len(one.traceback or "") for one in errors) < HEAD_MOST + 600 * 240


def test_a_bar_is_one_line() -> None:
    taken = Taken()
    for number in range(20_000):
        taken.log.printed(None, "warning", f"\r{number} of 20000")
        taken.log.flush(None, "warning")
    assert taken.lines() == []
    taken.log.close()
    assert taken.lines() == ["19999 of 20000"]


def test_a_long_line_without_an_end_is_cut_and_says_how_long_it_was() -> None:
    taken = Taken()
    for _ in range(150_000):
        taken.log.printed(None, "info", ".")
    taken.log.close()
    assert taken.lines() == ["." * LINE_MOST + " … [cut, 150000 characters]"]


def test_a_secret_at_a_cut_is_not_shown_in_part() -> None:
    taken = Taken()
    secret = "-".join(f"{number:04}" for number in range(100))
    taken.log.conceal(secret)
    taken.log.printed(None, "info", "." * (LINE_MOST - 100) + secret + "." * 100_000 + "\n")
    taken.log.printed(None, "info", (secret + " ") * 1_000 + "\n")
    taken.log.logged(None, "info", (secret + " ") * 1_000)
    for line in taken.lines():
        assert "[secret]" in line
        assert "0000-0001" not in line


def test_windows_ends_of_lines_are_not_told() -> None:
    taken = Taken()
    taken.log.printed(None, "info", "a\r\nb\r\n")
    taken.log.logged(None, "info", "c\r")
    assert taken.lines() == ["a", "b", "c"]


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
