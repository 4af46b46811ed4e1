"""What an attempt of the sample does."""

from __future__ import annotations

from typing import Any

import pytest

from waterclock.model.events import RunRequested, StepFinished, StepLogged, StepProgressed, StoredEvent
from waterclock.model.ids import JobId, RunId
from waterclock_dev.sample.attempts import told
from waterclock_dev.sample.catalog import JOBS
from waterclock_dev.sample.chance import Chance
from waterclock_dev.sample.plays import Mood, Play, perform
from waterclock_dev.sample.scripts import BACKUP, SCRIPTS

PARAMS: dict[str, Any] = {one.definition.invoke_target: one.definition.invoke_params for one in JOBS}
RUN = RunRequested(run_id=RunId("job-run"), job_id=JobId("job"), trigger="manual", invoke_target="x", queue="default")


def played(key: str, mood: Mood, seed: str = "one") -> Play:
    return perform(SCRIPTS[key], PARAMS[key], Chance(seed), mood)


def events(play: Play, within: int | None = None) -> list[tuple[int, StoredEvent]]:
    return list(told(play, RUN, 1, 1, began=1_000_000, within=play.ms if within is None else within))


@pytest.mark.parametrize("key", SCRIPTS)
def test_every_script_succeeds_and_fails_with_words_for_all_that_it_tells(key: str) -> None:
    for seed in range(20):
        assert played(key, "well", str(seed)).error is None
        failed = played(key, "failing", str(seed))
        assert failed.error is not None
        assert failed.error.message in str(failed.error.traceback)
        assert len(failed.steps) <= len(SCRIPTS[key].acts)


@pytest.mark.parametrize("key", [key for key, script in SCRIPTS.items() if script.acts])
def test_a_failure_is_told_by_the_last_line_of_the_step_that_fails(key: str) -> None:
    play = played(key, "failing")
    found = events(play)
    *_, (at, last) = found
    assert isinstance(last, StepFinished)
    assert (last.status, last.error, at) == ("failed", play.error, at)
    *_, logged = [event for _, event in found if isinstance(event, StepLogged)]
    assert play.error is not None
    assert logged.lines[-1].level == "error"
    assert logged.lines[-1].text == f"{play.error.type}: {play.error.message}"


def test_what_is_told_comes_in_order_and_before_the_attempt_ends() -> None:
    play = played("backup.dump", "well")
    found = events(play)
    moments = [at for at, _ in found]
    assert moments == sorted(moments)
    assert moments[-1] < play.ms
    assert [event.number for _, event in found if isinstance(event, StepFinished)] == [1, 2, 3, 4]


def test_of_an_attempt_that_is_stopped_nothing_is_told_afterwards() -> None:
    play = played("backup.dump", "hanging")
    assert play.ms > 3_600_000
    found = events(play, within=600_000)
    assert max(at for at, _ in found) < 600_000
    assert [event.number for _, event in found if isinstance(event, StepFinished)] == [1]
    *_, progress = [event for _, event in found if isinstance(event, StepProgressed)] or [None]
    assert progress is None or progress.done < (progress.total or 0)


def test_a_word_for_the_whole_attempt_is_the_same_in_lines_and_result() -> None:
    play = played("backup.dump", "well")
    text = "\n".join(line.text for step in play.steps for line in step.lines)
    assert f"{play.result['bytes']} bytes in {play.result['parts']} parts, SHA-256 {play.result['sha256']}" in text


def test_without_details_an_attempt_takes_its_time_and_has_a_result() -> None:
    play = perform(BACKUP, PARAMS["backup.dump"], Chance("one"), "well", detailed=False)
    assert play.steps == ()
    assert play.ms > 30_000
    assert play.result["verified"]
