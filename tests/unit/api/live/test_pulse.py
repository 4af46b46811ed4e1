"""What the pulse tells of changes, and when it is worth a message."""

from __future__ import annotations

import msgspec

from tests.support.histories import entries_of
from waterclock.log.liveness.leadership import Watch
from waterclock.log.memory import Room
from waterclock.model.events import LogLine, RunRequested, RunSucceeded, StepLogged, StoredEvent
from waterclock.model.ids import JobId, RunId
from waterclock.model.positions import Position
from waterclock.model.timestamps import Stamp
from waterclock.wire.envelope import Entry
from waterclock_api.live.pulse.changes import KEPT_MOST, TOLD_MOST, Changed, Changes, News
from waterclock_api.live.pulse.looks import Depth, Fleet, OfLog, OfStore
from waterclock_api.live.pulse.message import OVERDUE_MS, changed_in, framed, pulse_of, summary
from waterclock_api.queries.read_models import QueueCount

NOW = 1_800_000_000_000
LED = Watch(now=NOW, leader="one", until=NOW + 1_000, next_at=NOW + 60_000)


def requested(count: int) -> list[Entry]:
    events: list[StoredEvent] = [
        RunRequested(
            run_id=RunId(f"j{n}-1"), job_id=JobId(f"j{n}"), trigger="manual", invoke_target="demo.noop", queue="default"
        )
        for n in range(count)
    ]
    return entries_of(events)


def test_a_change_is_told_once_and_not_before_it_can_be_read() -> None:
    changes, entries = Changes(), requested(2)
    changes.hear(entries)
    assert changes.take({}) == Changed()
    assert changes.take({0: entries[0].position}) == Changed(("j0",), ("j0-1",))
    assert changes.take({0: entries[1].position}) == Changed(("j1",), ("j1-1",))
    assert changes.take({0: entries[1].position}) == Changed()


def test_a_run_that_changes_again_waits_for_its_last_change() -> None:
    changes, entries = Changes(), requested(1)
    changes.hear(entries)
    later = msgspec.structs.replace(entries[0], position=Position(0, 1, 99))
    changes.hear([later])
    assert changes.take({0: entries[0].position}) == Changed()
    assert changes.take({0: later.position}) == Changed(("j0",), ("j0-1",))


def test_ends_are_counted_and_what_steps_say_changes_nothing() -> None:
    line = LogLine(at=Stamp("2027-01-15T10:00:00.000Z"), level="info", text="x")
    logged = StepLogged(run_id=RunId("j-1"), job_id=JobId("j"), attempt=1, fence=1, lines=(line,))
    changes = Changes()
    assert changes.news() == News(heard=False, fleet=False)
    entries = entries_of([logged])
    changes.hear(entries)
    assert changes.news() == News(heard=False, fleet=False)
    assert changes.take({0: entries[-1].position}) == Changed()

    ended = entries_of([RunSucceeded(run_id=RunId("j-1"), job_id=JobId("j"), attempt=1, fence=1, result=None)])
    changes.hear(ended)
    assert changes.news() == News(heard=True, fleet=False)
    assert changes.news() == News(heard=False, fleet=False)
    assert changes.take({}).ended == {"succeeded": 1}
    assert changes.take({0: ended[-1].position}) == Changed(("j",), ("j-1",))


def test_more_than_are_told_are_many_and_no_more_are_kept_than_a_bound() -> None:
    changes, entries = Changes(), requested(TOLD_MOST)
    changes.hear(entries)
    assert changes.take({0: entries[-1].position}) == Changed(many=True)
    entries = requested(KEPT_MOST)
    changes.hear(entries)
    assert changes.take({0: entries[0].position}) == Changed()
    assert changes.take({0: entries[-1].position}) == Changed(many=True)
    assert changes.take({0: entries[-1].position}) == Changed()


def test_where_some_were_not_heard_many_have_changed_once_all_is_shown() -> None:
    changes = Changes()
    changes.begin(0, Position(0, 1, 5))
    changes.lose()
    changes.begin(0, Position(0, 1, 9))
    assert changes.take({0: Position(0, 1, 8)}) == Changed()
    assert changes.take({0: Position(0, 1, 9)}) == Changed(many=True)


def test_what_is_not_known_is_null_and_the_message_stays_small() -> None:
    names = [f"queue-{n}" for n in range(25)]
    unknown = pulse_of(NOW, names, [LED, None], None, None)
    assert (unknown.decided_through, unknown.lag_ms, unknown.led, unknown.memory) == (None, None, None, None)
    assert (unknown.queues[0].waiting, unknown.queues[0].running) == (None, None)
    assert (unknown.workers.live, unknown.workers.lost) == (None, None)
    of_log = OfLog({name: Depth(paused=False, waiting=10_000) for name in names}, Fleet(9_999, 9), Room(10**12, 10**12))
    of_store = OfStore({name: QueueCount(1_000, 1_000, 1_000) for name in names}, 9, {}, 10_000)
    whole = framed(pulse_of(NOW, names, [LED, LED], of_log, of_store))
    assert len(whole) < 4_096
    few = framed(pulse_of(NOW, names[:3], [LED, LED], of_log, of_store))
    assert len(few) < 1_024


def test_of_two_seconds_nobody_can_tell_whether_anything_is_undecided() -> None:
    def late(lag: int) -> tuple[int | None, bool]:
        watch = msgspec.structs.replace(LED, next_at=NOW - lag)
        pulse = pulse_of(NOW, [], [LED, watch], None, None)
        return pulse.lag_ms, pulse.oldest_pending is not None

    assert late(OVERDUE_MS) == (0, False)
    assert late(OVERDUE_MS + 1) == (OVERDUE_MS + 1, True)
    assert pulse_of(NOW, [], [msgspec.structs.replace(LED, next_at=0)], None, None).lag_ms == 0
    assert pulse_of(NOW, [], [msgspec.structs.replace(LED, until=NOW)], None, None).led is False


def test_what_always_changes_is_worth_no_message() -> None:
    room = OfLog({}, Fleet(1, 0), Room(1_000, 10_000))
    before = pulse_of(NOW, [], [LED], room, OfStore({}, 0, {}, 20))
    after = pulse_of(NOW + 900, [], [LED], room._replace(memory=Room(1_001, 10_000)), OfStore({}, 0, {}, 30))
    assert before != after
    assert summary(before) == summary(after)
    for other in (
        pulse_of(NOW, [], [LED], room._replace(fleet=Fleet(2, 0)), OfStore({}, 0, {}, 20)),
        pulse_of(NOW, [], [LED], room, OfStore({}, 0, {}, 2_000)),
        pulse_of(NOW, [], [LED], room, None),
        pulse_of(NOW, [], [msgspec.structs.replace(LED, next_at=NOW - 9_000)], room, OfStore({}, 0, {}, 20)),
    ):
        assert summary(other) != summary(before)
    assert changed_in(before, Changed(("j",), ("j-1",))).jobs == ["j"]
