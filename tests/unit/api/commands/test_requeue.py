"""By which command a run is requested again that a repair has dropped."""

import pytest

from waterclock.log.commands.idempotency import Command
from waterclock.model.events import RunRequested, Trigger
from waterclock.model.ids import RunId
from waterclock_api.commands.requeue import command_of


def requested(trigger: Trigger, *, command_id: str | None, fingerprint: str | None) -> RunRequested:
    return RunRequested(
        run_id=RunId("a-x1"),
        trigger=trigger,
        invoke_target="demo.noop",
        queue="default",
        command_id=command_id,
        fingerprint=fingerprint,
    )


@pytest.mark.parametrize("trigger", ["manual", "retry"])
def test_one_with_a_key_is_asked_for_under_it(trigger: Trigger) -> None:
    event = requested(trigger, command_id="key", fingerprint="print")
    assert command_of(event) == Command(id="key", fingerprint="print", client=True)


def test_one_without_a_key_is_known_by_its_own_id() -> None:
    assert command_of(requested("manual", command_id="ours", fingerprint=None)) == Command(id="ours")
    assert command_of(requested("manual", command_id=None, fingerprint=None)) == Command(id="a-x1")


def test_the_many_runs_of_a_backfill_have_one_key_and_each_is_asked_for() -> None:
    event = requested("backfill", command_id="key", fingerprint="print")
    assert command_of(event) == Command(id="key", fingerprint="print", client=False)
