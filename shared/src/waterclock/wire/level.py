"""The level of this release: which events its projectors know. An event is not written before all know it."""

from __future__ import annotations

LEVEL = 1
"""From 1 on: `log.truncated`."""
