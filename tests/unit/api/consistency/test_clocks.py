"""What is said of clocks that do not agree."""

import pytest

from waterclock_api.consistency.clocks import Clocks, told

HOUR = 3_600_000
SET_BACK = "the clock of partition 0 is 3600 s ahead of its server's, which was set back"


@pytest.mark.parametrize(
    ("ahead", "offset", "postgres", "said"),
    [
        (-5, 900, 900, "ok"),
        (-5, HOUR, 3, "the log's clock is 3600.0 s ahead of this process's and Postgres'"),
        (-5, -HOUR, -HOUR + 20, "this process's clock is 3600.0 s ahead of the log's clock and Postgres'"),
        (-5, 1_500, 1_500, "this process's clock is 1.5 s behind the log's clock and Postgres'"),
        (-5, HOUR, HOUR // 2, "the log's clock is 3600.0 s ahead of this process's"),
        (-5, -2_100, None, "the log's clock is 2.1 s behind this process's"),
        (
            HOUR,
            0,
            0,
            f"{SET_BACK}: nothing is due until then (`waterclock reconcile --clock`)",
        ),
    ],
)
def test_the_one_that_is_off_is_named_where_two_agree(ahead: int, offset: int, postgres: int | None, said: str) -> None:
    assert told(Clocks({0: ahead}, {0: offset}), postgres) == said


def test_each_partition_and_server_is_told() -> None:
    found = told(Clocks({0: HOUR, 1: -9, 2: 2 * HOUR}, {0: 0, 1: 5_000}), 0)
    assert [one.partition(":")[0] for one in found.split("; ")] == [
        SET_BACK,
        "the clock of partition 2 is 7200 s ahead of its server's, which was set back",
        "the clock of partition 1's server is 5.0 s ahead of this process's and Postgres'",
    ]
