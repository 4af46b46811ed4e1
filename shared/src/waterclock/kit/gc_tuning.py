"""The collector of cycles, in a process that makes few."""

from __future__ import annotations

import gc

_YOUNG, _MIDDLE, _OLD = 20_000, 50, 50
"""Objects made beyond those freed until the young are looked through, and how often that before the older ones are."""


def calm_while_loading() -> None:
    """Look for cycles rarely while modules are imported, which makes many objects and frees few: a twentieth of that
    time. Call it before the imports."""
    gc.set_threshold(_YOUNG)


def calm_collector() -> None:
    """Let what is loaded by now stay, and look for cycles rarely. Call it once all is set up.

    Requests, runs and batches of events leave hardly any, and are many: with the usual thresholds looking for some took
    a third of the time of a no-op run, and a sixth of that of a request.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(_YOUNG, _MIDDLE, _OLD)
