"""A host whose clock is ahead: each Python that finds this folder first on its path tells the time so."""

import os
import time

_AHEAD_NS = int(os.environ.get("CLOCK_AHEAD_MS", "0")) * 1_000_000
_time_ns = time.time_ns

time.time_ns = lambda: _time_ns() + _AHEAD_NS
time.time = lambda: (_time_ns() + _AHEAD_NS) / 1e9
