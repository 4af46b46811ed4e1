from __future__ import annotations

import hypothesis
from hypothesis import strategies as st

from waterclock.model.ids import (
    ID_PATTERN,
    JobId,
    backfilled_run,
    created_job,
    digest,
    due_run,
    partition_of,
    requested_run,
    retried_run,
)
from waterclock.model.positions import Position, at_entry, parse_position

COMMANDS = st.text(min_size=1, max_size=60)
INSTANTS = st.integers(0, 4_102_444_800_000)


def test_an_id_is_the_same_for_ever() -> None:
    assert created_job("a") == "manvttln8r4546ks"
    assert requested_run(JobId("job"), "a") == "job-xhdiegdb4fkl8"
    assert requested_run(None, "a") == "l1oc01j09a6b0c1n-xhdiegdb4fkl8"
    assert digest("a", 51) == "r5isunmgn30jbpp9s35gvnrg7djoth8jjdc4ctbptt6kc94gnki"


@hypothesis.given(command=COMMANDS, instant=INSTANTS, partitions=st.integers(1, 64))
def test_a_run_lives_in_the_partition_of_its_job(command: str, instant: int, partitions: int) -> None:
    job = created_job(command)
    home = partition_of(job, partitions)

    assert partition_of(due_run(job, instant), partitions) == home
    assert partition_of(requested_run(job, command), partitions) == home
    assert partition_of(backfilled_run(job, command, instant), partitions) == home
    assert partition_of(retried_run(due_run(job, instant), command), partitions) == home
    assert 0 <= home < partitions


@hypothesis.given(command=COMMANDS, instant=INSTANTS)
def test_every_id_fits_the_pattern_of_ids(command: str, instant: int) -> None:
    job = created_job(command)

    requested = requested_run(job, command), requested_run(None, command), backfilled_run(job, command, instant)
    for some_id in (job, due_run(job, instant), *requested):
        assert ID_PATTERN.fullmatch(retried_run(some_id, command))
        assert ID_PATTERN.fullmatch(some_id)


@hypothesis.given(one=INSTANTS, other=INSTANTS)
def test_two_instants_of_a_job_never_share_a_run(one: int, other: int) -> None:
    job = JobId("0123456789abcdef")

    assert (due_run(job, one) == due_run(job, other)) == (one == other)
    assert (backfilled_run(job, "a", one) == backfilled_run(job, "a", other)) == (one == other)


def test_a_due_run_and_a_requested_one_cannot_meet() -> None:
    job = created_job("a")

    assert due_run(job, 36**8).count("-") == 1
    for run_id, letter in ((requested_run(job, "b"), "x"), (backfilled_run(job, "b", 0), "b")):
        assert run_id.split("-")[1].startswith(letter)
        assert len(run_id.split("-")[1]) > len(due_run(job, 4_102_444_800_000).split("-")[1])


@hypothesis.given(partition=st.integers(0, 999), epoch=st.integers(1, 8191), seq=st.integers(0, 10**14))
def test_a_position_is_read_back_as_it_was_written(partition: int, epoch: int, seq: int) -> None:
    place = Position(partition, epoch, seq)

    assert parse_position(str(place)) == place
    assert at_entry(partition, place.entry) == place
