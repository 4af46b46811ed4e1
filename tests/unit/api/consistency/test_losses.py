"""What an API remembers of the runs that it has answered for."""

from waterclock.log.commands.requests import Requested
from waterclock.log.recovery.losses import Loss
from waterclock.model.ids import RunId
from waterclock.model.positions import Position
from waterclock_api.consistency.losses import REMEMBERED, Acknowledged


def requested(seq: int, *, partition: int = 0, epoch: int = 1) -> Requested:
    return Requested(Position(partition, epoch, seq), RunId(f"{partition}-{epoch}-{seq}"), "queued")


def test_runs_beyond_the_end_of_an_epoch_are_those_that_are_lost() -> None:
    known = Acknowledged()
    for one in (
        requested(4),
        requested(5),
        requested(5, partition=1),
        requested(6),
        requested(7),
        requested(5, epoch=2),
    ):
        known.note(one)
    assert known.among(Loss(Position(0, 1, 6), Position(0, 1, 4))) == ["0-1-6", "0-1-5"]
    assert known.among(Loss(Position(0, 2, 9), Position(0, 1, 6))) == ["0-2-5", "0-1-7"]


def test_no_more_are_remembered_than_were_answered_of_late() -> None:
    known = Acknowledged()
    for seq in range(REMEMBERED + 2):
        known.note(requested(seq))
    assert len(known.runs) == REMEMBERED
    assert known.runs[0][0].seq == 2
