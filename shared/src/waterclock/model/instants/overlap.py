"""A due run that meets unfinished ones of its job → placed, waiting, skipped, folded: foretold.

The partition's script settles it when it appends a unit (`log/lua/prelude/requesting.lua`), in one step, so that no run
of the job ends meanwhile. Here is the same by the same rules, for a unit that is never appended.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal, assert_never

from msgspec.structs import replace

from waterclock.model.definition import Overlap
from waterclock.model.events import FireCoalesced, FireSkipped, RequestedState, RunRequested
from waterclock.model.ids import RunId
from waterclock.model.instants.fires import Owed

WAITING_MOST = 1_000
"""Runs of a job that wait behind one another; a further one is an overflow."""

Met = RunRequested | FireSkipped | FireCoalesced
_Fate = tuple[Literal["place"], None] | tuple[Literal["wait", "blocked", "folded"], RunId]


class Unfinished:
    """The unfinished runs of a job, while units of it are appended; `replaced`: those that were ended by others."""

    __slots__ = ("_running", "_standing", "_waiting", "replaced")

    def __init__(self, running: Iterable[RunId] = ()) -> None:
        self._running = set(running)
        self._standing: set[RunId] = set()
        self._waiting: list[RunId] = []
        self.replaced: list[RunId] = []

    def meet(self, one: Owed, overlap: Overlap, *, now: int) -> Met:
        """What is appended for the event of a settlement, with all that the script would have told; `now`: ms."""
        event = one.event
        if not isinstance(event, RunRequested):
            return event
        fate, other = self._settled(overlap)
        match fate:
            case "blocked":
                assert isinstance(one.otherwise, FireSkipped)
                return replace(one.otherwise, blocked_by=other)
            case "folded":
                assert isinstance(one.otherwise, FireCoalesced)
                return replace(one.otherwise, into=other)
            case "wait":
                self._waiting.append(event.run_id)
                return replace(event, state="waiting", waiting_on=other, serial=True)
            case "place":
                self._standing.add(event.run_id)
                state: RequestedState = "delayed" if one.ready_at > now else "queued"
                return replace(event, state=state, serial=overlap != "allow")
            case _:
                assert_never(fate)

    def _settled(self, overlap: Overlap) -> _Fate:
        if overlap == "allow" or not self._any:
            return "place", None
        match overlap:
            case "skip":
                return "blocked", self._first
            case "buffer_all":
                return ("blocked", self._first) if len(self._waiting) >= WAITING_MOST else ("wait", self._before)
            case "buffer_one" | "cancel_other":
                if self._waiting:
                    return "folded", self._waiting[0]
                if overlap == "cancel_other":
                    self._replace_standing()
                return ("wait", self._before) if self._any else ("place", None)
            case _:
                assert_never(overlap)

    def _replace_standing(self) -> None:
        """What has not started ends; what runs is asked to stop, and is unfinished still."""
        self.replaced += sorted(self._standing)
        self._standing.clear()

    @property
    def _any(self) -> bool:
        return bool(self._running or self._standing or self._waiting)

    @property
    def _first(self) -> RunId:
        return min((*self._running, *self._standing, *self._waiting))

    @property
    def _before(self) -> RunId:
        """The run that a further one waits behind."""
        return self._waiting[-1] if self._waiting else self._first
