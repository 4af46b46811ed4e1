"""The parts of what `console` measures, by the installation that they need. Here no browser is needed."""

GROWN = ("jobs", "job", "rest", "strips", "pulse")
RUNNING = ("shell", "run", "live", "busy-pulse")
PARTS = (*GROWN, *RUNNING)
