"""This process's place in one partition: its session there, its claims, and the attempts it holds.

It is written by the I/O loop alone; the renewing thread reads it. An attempt is known from before its claim is sent
(the claim is open) until its ending is answered, so whatever else the partition holds in our name is handed back.
"""

from __future__ import annotations

from waterclock.log.liveness.sessions import Held
from waterclock.model.ids import RunId
from waterclock_worker.execution.attempt import Attempt
from waterclock_worker.execution.held import HeldAttempts


class PartitionSession(HeldAttempts):
    def __init__(self, partition: int) -> None:
        super().__init__(partition)
        self.renewals = 0
        self.claims = 0  # number of the last claim
        self.claiming = False  # its answer has not come
        self.trusted_until = 0.0  # monotonic; until then nobody can have taken our runs
        self.named: set[str] = set()  # all sessions so far: an operator may have read of one that was lost since
        self.bereaved = False  # an attempt goes on although its run lost to another worker
        self._strange: set[tuple[RunId, int]] = set()

    def opened(self, session: str, *, trusted_until: float) -> None:
        self.session = session
        self.named.add(session)
        self.renewals = self.claims = 0
        self.trusted_until = trusted_until

    def lost(self, session: str) -> list[Attempt]:
        """The session is dead; returns the attempts that have lost their runs, to be stopped."""
        if session != self.session:
            return []
        self.session = ""
        self.bereaved = True
        return list(self.attempts.values())

    def attempt_of(self, run_id: RunId) -> Attempt | None:
        for attempt in self.attempts.values():
            if attempt.grant.run_id == run_id and attempt.ending is None:
                return attempt
        return None

    def strangers(self, held: list[Held]) -> list[Held]:
        """Runs held in our name that we do not know, seen by two renewals: a single one may have crossed an answer."""
        if self.claiming:
            self._strange = set()
            return []
        unknown = [one for one in held if one.fence not in self.attempts]
        seen, self._strange = self._strange, {(one.run_id, one.fence) for one in unknown}
        return [one for one in unknown if (one.run_id, one.fence) in seen]

    def bereft(self, held: list[Held], *, asked_at: float) -> list[Attempt]:
        """Attempts that run although the partition, asked at `asked_at`, does not hold them in our name."""
        fences = {one.fence for one in held}
        return [
            attempt
            for fence, attempt in self.attempts.items()
            if fence not in fences and attempt.ending is None and attempt.claimed_at < asked_at
        ]
