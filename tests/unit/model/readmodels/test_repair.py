"""What events tell of a partition: runs, the lines that they wait in, and what repeated calls are answered."""

from collections.abc import Iterable

import hypothesis
from hypothesis import strategies as st

from tests.support.histories import histories
from waterclock.model import run as runs
from waterclock.model.definition import Definition
from waterclock.model.events import (
    AnyRunEvent,
    JobCreated,
    NoticesMuted,
    NoticesUnmuted,
    QueuePaused,
    QueueResumed,
    ResultRefused,
    RunCancelled,
    RunLost,
    RunRequested,
    RunRetryScheduled,
    RunStarted,
    StoredEvent,
)
from waterclock.model.ids import JobId, RunId, created_mute
from waterclock.model.positions import Position
from waterclock.model.readmodels.repair import (
    Answered,
    Standing,
    Unfinished,
    answered,
    ended,
    evolve,
    paused,
    waiting_from,
)
from waterclock.model.timestamps import Stamp, millis, stamp
from waterclock.wire.envelope import Entry

J, R = JobId("j"), RunId("j-r")
AT = 1_800_000_000_000
READY = Stamp("2027-01-15T10:00:00.000Z")
REQUESTED = RunRequested(run_id=R, job_id=J, trigger="manual", invoke_target="demo.noop", queue="low", serial=True)
STARTED = RunStarted(run_id=R, job_id=J, worker="w", session="s", attempt=1, fence=7)


def place(seq: int) -> Position:
    return Position(0, 1, seq)


def after(*events: StoredEvent) -> Unfinished | None:
    run: Unfinished | None = None
    for seq, event in enumerate(events, start=1):
        run = evolve(run, place(seq), event, at=AT)
    return run


@hypothesis.given(histories())
def test_a_run_is_unfinished_as_long_as_its_story_is(entries: list[Entry]) -> None:
    folded: dict[str, Unfinished | None] = {}
    told: dict[str, runs.Run] = {}
    for entry in entries:
        event = entry.event
        if isinstance(event, AnyRunEvent):
            folded[event.run_id] = evolve(folded.get(event.run_id), entry.position, event, at=entry.at)
            told[event.run_id] = runs.evolve(told.get(event.run_id), event)
            assert (ended(entry.position, event) is not None) == told[event.run_id].ended

    for run_id, run in folded.items():
        story = told[run_id]
        assert (run is None) == story.ended
        if run is not None:
            assert (run.attempt, run.fence, run.failures, run.losses) == (
                story.attempt,
                story.fence,
                story.failures,
                story.losses,
            )
            assert (run.state == "running") == (story.status == "running")
            assert (run.cancel_requested is not None) == story.cancel_requested


def test_a_run_keeps_what_its_request_said() -> None:
    run = after(REQUESTED)

    assert run is not None
    assert (run.queue, run.serial, run.requested, run.state, run.ready_at) == ("low", True, place(1), "placed", 0)


def test_a_run_that_is_tried_again_is_ready_at_its_time_and_one_given_back_goes_first() -> None:
    grant = {"run_id": R, "attempt": 1, "fence": 7}
    error = {"type": "E", "message": "no"}
    retried = after(REQUESTED, STARTED, RunRetryScheduled(**grant, outcome="failed", error=error, ready_at=READY))  # type: ignore[arg-type]
    returned = after(REQUESTED, STARTED, RunLost(**grant, reason="handedBack"))  # type: ignore[arg-type]
    later = after(REQUESTED, STARTED, RunLost(**grant, reason="handedBack", ready_at=READY))  # type: ignore[arg-type]
    lost = after(REQUESTED, STARTED, RunLost(**grant, reason="leaseExpired"))  # type: ignore[arg-type]
    forked = after(REQUESTED, STARTED, RunLost(**grant, reason="storeLost"))  # type: ignore[arg-type]

    assert [
        run and (run.ready_at, run.again, run.settled, run.failures, run.losses) for run in (retried, returned, later)
    ] == [
        (millis(READY), False, 7, 1, 0),
        (0, True, 7, 0, 0),
        (millis(READY), False, 7, 0, 0),
    ]
    assert [run and (run.again, run.settled, run.losses) for run in (lost, forked)] == [(True, 0, 1), (True, 0, 0)]


class Line:
    """A job's unfinished runs as its partition treats them, with what events tell of each."""

    def __init__(self) -> None:
        self.seq = 0
        self.unfinished: dict[int, tuple[bool, bool]] = {}  # by request: was told to wait; waits still
        self.released: int | None = None

    def request(self) -> None:
        self.seq += 1
        waits = bool(self.unfinished)
        self.unfinished[self.seq] = (waits, waits)

    def end(self, which: int) -> None:
        standing = [seq for seq, (_, waits) in self.unfinished.items() if not waits]
        if standing:
            del self.unfinished[standing[which % len(standing)]]
        self.let_go()

    def let_go(self) -> None:
        if self.unfinished and all(waits for _, waits in self.unfinished.values()):
            first = min(self.unfinished)
            self.unfinished[first] = (self.unfinished[first][0], False)

    def start(self, which: int) -> None:
        """A run that has started was told nothing of waiting any more."""
        standing = [seq for seq, (_, waits) in self.unfinished.items() if not waits]
        if standing:
            self.unfinished[standing[which % len(standing)]] = (False, False)

    def release(self) -> None:
        self.seq += 1
        self.released = self.seq
        self.unfinished = {seq: (told, False) for seq, (told, _) in self.unfinished.items()}

    def standing(self) -> Iterable[Standing]:
        released = None if self.released is None else place(self.released)
        return (Standing(J, place(seq), told, released) for seq, (told, _) in self.unfinished.items())


@hypothesis.given(
    st.lists(st.tuples(st.sampled_from(("request", "request", "end", "start", "release")), st.integers(0, 9)))
)
def test_who_still_waits_follows_from_who_is_unfinished(deeds: list[tuple[str, int]]) -> None:
    line = Line()
    for deed, which in deeds:
        match deed:
            case "request":
                line.request()
            case "end":
                line.end(which)
            case "start":
                line.start(which)
            case _:
                line.release()

        begins = waiting_from(line.standing()).get(J)

        waiting = [seq for seq, (told, _) in line.unfinished.items() if told and begins and place(seq) >= begins]
        assert waiting == [seq for seq, (_, waits) in line.unfinished.items() if waits]


def test_a_command_is_answered_by_the_event_that_it_led_to() -> None:
    definition = Definition(job_name="n", invoke_target="demo.noop")
    created = JobCreated(job_id=J, version=1, definition=definition, command_id="c")
    asked = RunRequested(run_id=R, trigger="manual", invoke_target="t", queue="low", command_id="k", fingerprint="f")
    stopped = RunCancelled(run_id=R, command_id="s")
    refused = ResultRefused(run_id=R, attempt=1, fence=7, outcome="failed")
    mute_id = created_mute(J, "m")
    muted = NoticesMuted(mute_id=mute_id, job_id=J, until=stamp(1), reason="noisy", command_id="m", fingerprint="f")
    told = NoticesUnmuted(mute_id=mute_id, job_id=J, command_id="u")

    events = (created, asked, stopped, refused, muted, told)
    assert [answered(place(1), event) for event in events] == [
        Answered(command_id="c", fingerprint=None, position=place(1), version=1),
        Answered(command_id="k", fingerprint="f", position=place(1), run_id=R),
        Answered(command_id="s", fingerprint=None, position=place(1), run_id=R, at_once=True),
        Answered(command_id=f"refused {R} 7", fingerprint=None, position=place(1)),
        Answered(command_id="m", fingerprint="f", position=place(1)),
        Answered(command_id="u", fingerprint=None, position=place(1)),
    ]


def test_what_only_goes_with_a_command_is_no_answer_to_it() -> None:
    ours = RunRequested(run_id=R, trigger="schedule", invoke_target="t", queue="low", command_id="an edit")

    assert answered(place(1), ours) is None
    assert answered(place(1), STARTED) is None


def test_a_queue_is_paused_by_its_last_word() -> None:
    events = [QueuePaused(queue="a"), QueuePaused(queue="b"), QueueResumed(queue="a"), QueuePaused(queue="b")]

    assert paused(zip(map(place, range(1, 5)), events, strict=True)) == {"b": place(4)}
