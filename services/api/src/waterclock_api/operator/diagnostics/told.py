"""What `waterclock doctor` says of notices: whether people are told here, and channels that take nothing."""

from __future__ import annotations

from collections.abc import AsyncGenerator

from waterclock.store.connection.pool import Connection
from waterclock.store.notices import deliveries, origin
from waterclock_api.notifier.delivery.times import span
from waterclock_api.operator.diagnostics.checks import Finding, ok, problem, warning

CHECK = "notices"
FAILING_S = 600.0


async def of_notices(connection: Connection) -> AsyncGenerator[Finding]:
    speaking, muted = await origin.found(connection)
    for place in muted:
        yield warning(
            CHECK,
            f"a notifier runs for {place} and sends nothing: this database tells for {speaking}",
            "if this is not a copy, and the installation has moved there, run `waterclock notices resume` with the "
            "settings of that notifier",
        )
    failing = await deliveries.failing(connection, longer_than=FAILING_S)
    for one in failing:
        yield problem(
            CHECK,
            f"channel {one.channel} has delivered nothing for {span(one.seconds)}: {one.said}",
            f"try `waterclock notices test {one.channel}` where the notifier runs, and correct the channel",
        )
    if speaking is not None and not muted and not failing:
        yield ok(CHECK, f"sent for {speaking}")
