"""The judge of failovers finds a probe that says all is well while writes are refused, and no other."""

import pytest

from tests.support.failover.judging import unnamed_refusals
from tests.support.failover.pressure import ACCEPTED, OK, UNAVAILABLE, Asked, Pressure, Seen

WELL = {"redis": "ok", "postgres": "ok", "writes": "ok"}
AT = [10.0, 11.0, 12.0, 13.0, 14.0]


def load(statuses: list[int], *seen: Seen) -> Pressure:
    """Triggers of one job, one a second from 10 on, and looks at the probe."""
    made = Pressure("http://127.0.0.1:9")
    made.asked += [Asked(at, at + 0.1, "one", status) for at, status in zip(AT, statuses, strict=False)]
    made.seen += seen
    return made


REFUSED = [UNAVAILABLE] * 4 + [ACCEPTED]


@pytest.mark.parametrize(
    ("statuses", "seen", "is_told"),
    [
        (REFUSED, Seen(12.5, OK, WELL), True),
        (REFUSED, Seen(12.5, OK, WELL | {"redis": "takes no writes"}), False),
        (REFUSED, Seen(12.5, OK, WELL | {"writes": "redis is at its memory limit"}), False),
        (REFUSED, Seen(12.5, UNAVAILABLE, WELL), False),
        (REFUSED, Seen(11.0, OK, WELL), False),  # it need not know at once
        (REFUSED, Seen(13.5, OK, WELL), False),  # by then it may be over
        ([UNAVAILABLE, ACCEPTED, UNAVAILABLE, ACCEPTED], Seen(12.5, OK, WELL), False),
        ([0, 0, 0, 0, ACCEPTED], Seen(12.5, OK, WELL), True),
    ],
)
def test_a_probe_names_what_is_refused_for_longer(statuses: list[int], seen: Seen, is_told: bool) -> None:
    assert bool([*unnamed_refusals(load(statuses, seen))]) == is_told


def test_a_job_that_is_refused_beside_others_is_seen() -> None:
    made = load(REFUSED, Seen(12.5, OK, WELL))
    made.asked += [Asked(at, at + 0.1, "other", ACCEPTED) for at in AT]
    assert [*unnamed_refusals(made)]
