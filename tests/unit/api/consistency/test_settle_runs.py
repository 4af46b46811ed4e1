"""The events by which runs end whose own last event is lost."""

import pytest

from waterclock.log.commands.bodies import body_of
from waterclock.log.recovery.settle_runs import Remembered
from waterclock.model.events import RunDied
from waterclock.model.ids import JobId, RunId
from waterclock.model.outcomes import ENDED, RunStatus
from waterclock.model.positions import Position
from waterclock.model.readmodels.change_types import RunChange
from waterclock.model.readmodels.changes_by_event import project
from waterclock.model.readmodels.repair import ended
from waterclock.model.timestamps import stamp
from waterclock_api.consistency.settle_runs import Unfinished, ending_of

RUN, PLACE = RunId("a-1"), Position(0, 1, 9)
FENCE = 2**40 + 7


@pytest.mark.parametrize("status", sorted(ENDED))
@pytest.mark.parametrize(("attempt", "begun"), [(2, 2), (0, 0), (0, 3)], ids=["running", "queued", "between attempts"])
def test_a_run_ends_as_the_log_remembers(status: RunStatus, attempt: int, begun: int) -> None:
    """As reads show it, and as a repair knows it: then nobody starts it, and its last end is answered as before."""
    run = Unfinished(RUN, JobId("a"), attempt=attempt, fence=attempt and FENCE, begun=begun)
    event = ending_of(run, Remembered(RUN, status, FENCE))
    assert body_of(event)
    known = ended(PLACE, event)
    assert known is not None
    assert (known.status, known.settled) == (status, FENCE)
    [shown] = [one for one in project(PLACE, 1, event) if isinstance(one, RunChange)]
    assert (shown.status, shown.finished_at) == (status, stamp(1))


def test_a_run_of_which_nobody_remembers_anything_died_with_the_store() -> None:
    event = ending_of(Unfinished(RUN, None, attempt=1, fence=FENCE, begun=1), None)
    assert event == RunDied(run_id=RUN, reason="storeLost", attempt=1, fence=FENCE, settled=0)
