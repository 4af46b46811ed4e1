"""The breaker: jobs that failed too often in a row are disabled, by the API as anybody would, with a key of its own.

waiting ──claim──► fails on? ──PUT status, if unchanged──► done
   ▲                  │                    ├──► refused: the job was changed, or is gone
   │                  └──► refused         │
   └───────────────────────────────────────┴──► again, after a growing while
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import NamedTuple

from waterclock.client import endpoints
from waterclock.client.errors import ApiError, JobGone, NotFound, TryLater, VersionMismatch
from waterclock.client.http import AsyncClient
from waterclock.kit.clock import wait
from waterclock.kit.randomness import fraction, token
from waterclock.kit.telemetry.log_lines import Outage
from waterclock.store.connection.pool import Pool
from waterclock.store.connection.transient import PASSES
from waterclock.store.notices import trips
from waterclock.store.notices.presence import Presence
from waterclock.store.notices.trips import ClaimedTrip
from waterclock_api.notifier.delivery.back_off import back_off
from waterclock_api.notifier.delivery.outcome import Again

AT_ONCE = 20
LEASE = 120.0  # s
LOOK_EVERY = 0.5  # s
LONGEST_PAUSE = 600.0  # s between two tries

_log = logging.getLogger(__name__)


class Disabled(NamedTuple):
    """The job is disabled."""


class Left(NamedTuple):
    """The job is left as it is, and why."""

    said: str


class Breaker:
    """`client`: of the API, with a key that is used for nothing else; None: there is no key, and jobs stay enabled."""

    def __init__(
        self, pool: Pool, client: AsyncClient | None, may_send: Callable[[], bool], presence: Presence
    ) -> None:
        self._pool = pool
        self._client = client
        self._may_send = may_send
        self._presence = presence
        self._actor: str | None = None

    async def run(self, stop: asyncio.Event) -> None:
        """Until `stop` is set and what is under way has ended; an outage of the database is waited for."""
        outage = Outage(_log, "jobs not disabled", "jobs disabled again")
        while not stop.is_set():
            try:
                if self._may_send():
                    await self._disable_what_waits()
                outage.over()
            except PASSES as error:
                outage.failed(error)
            await wait(stop, LOOK_EVERY)

    async def _disable_what_waits(self) -> None:
        claim = token()
        async with self._pool.connection() as connection:
            claimed = await trips.claim(connection, most=AT_ONCE, lease=LEASE, claim=claim, owner=self._presence.number)
        for one in claimed:
            outcome = await self._disable(one) if one.fails else Left("it has not failed on")
            await self._note(one, claim, outcome)

    async def _disable(self, one: ClaimedTrip) -> Disabled | Left | Again:
        trip = one.trip
        if self._client is None:
            return Again(said="the notifier has no API key: set WATERCLOCK_API_KEY")
        try:
            if (flaw := await self._introduce(self._client)) is not None:
                return Again(said=flaw)
            reason = f"{trip.failures} scheduled runs in a row failed (disableAfter)"
            await self._client.send(endpoints.set_status(trip.job, "disabled", reason=reason, version=trip.version))
        except (NotFound, JobGone):
            return Left("the job is deleted")
        except VersionMismatch:
            return Left("the job was changed")
        except TryLater as error:
            return Again(said=str(error), after=error.retry_after)
        except ApiError as error:
            return Again(said=str(error))
        return Disabled()

    async def _introduce(self, client: AsyncClient) -> str | None:
        """Make known by which name the breaker disables, before it does; what keeps it from disabling."""
        if self._actor is None:
            me = await client.send(endpoints.get_me())
            if me.name is None or me.kind == "anybody":
                return "the API asks for no credentials, so that the breaker could not be told from others"
            actor = f"{'jwt' if me.kind == 'token' else me.kind}:{me.name}"  # as events spell it
            async with self._pool.connection() as connection:
                await trips.note_breaker(connection, actor)
            self._actor = actor
        return None

    async def _note(self, one: ClaimedTrip, claim: str, outcome: Disabled | Left | Again) -> None:
        trip = one.trip
        told = {"job_id": trip.job, "version": trip.version}
        async with self._pool.connection() as connection:
            match outcome:
                case Disabled():
                    await trips.settle(connection, trip, claim, "done")
                    _log.warning("job disabled", extra=told | {"failures": trip.failures})
                case Left(said=said):
                    await trips.settle(connection, trip, claim, "refused", said)
                    _log.info("job left enabled", extra=told | {"reason": said})
                case Again(said=said, after=after):
                    wait = min(LONGEST_PAUSE, back_off(one.tries + 1, fraction(), asked=after))
                    await trips.postpone(connection, trip, claim, after=wait, said=said)
                    _log.error("job not disabled yet", extra=told | {"reason": said, "again_in": round(wait)})
