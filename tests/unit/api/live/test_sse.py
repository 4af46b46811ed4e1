from waterclock.model.events import LogLine, RunFailed, RunSucceeded, StepLogged
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import Error
from waterclock.model.timestamps import stamp
from waterclock.wire.envelope import Entry, encode_body, read_entry
from waterclock_api.live.sse import end_frame, frame_of

R, J = RunId("j-1"), JobId("j")


def entry_of(event: StepLogged | RunSucceeded | RunFailed) -> Entry:
    return read_entry(0, "1-7", {b"b": encode_body(event), b"p": b"1-6", b"t": b"0"})


def test_an_event_is_one_frame_with_its_position_its_tag_and_its_document() -> None:
    entry = entry_of(RunSucceeded(run_id=R, job_id=J, attempt=1, fence=5, result="a\nb"))
    frame = frame_of(entry)
    assert frame.data == b"id: 0-1-7\nevent: run.succeeded\ndata: " + entry.document + b"\n\n"
    assert frame.data.count(b"\n") == 4
    assert frame.ends == "succeeded"


def test_lines_that_were_cleared_away_are_a_gap_in_their_place() -> None:
    line = LogLine(at=stamp(0), level="info", text="x")
    whole = frame_of(entry_of(StepLogged(run_id=R, job_id=J, attempt=1, fence=5, number=1, lines=(line,))))
    assert b"event: step.log\n" in whole.data
    stub = frame_of(entry_of(StepLogged(run_id=R, job_id=J, attempt=1, fence=5, number=1, lines_count=3)))
    assert stub.data.startswith(b"id: 0-1-7\nevent: gap\n")
    assert b'"lines":3' in stub.data


def test_the_end_has_no_position_so_that_it_is_told_again() -> None:
    error = Error(type="ValueError", message="no")
    failed = frame_of(entry_of(RunFailed(run_id=R, attempt=1, fence=5, outcome="failed", error=error)))
    assert failed.ends == "failed"
    assert end_frame(R, "failed") == b'event: end\ndata: {"runId":"j-1","status":"failed"}\n\n'
