"""The level of this release: what its projectors and APIs know. Nothing is written before all know it."""

from __future__ import annotations

LEVEL = 2
"""From 1 on: `log.truncated`. From 2 on: the `promise` of a job, which APIs of an earlier level would drop, too."""
