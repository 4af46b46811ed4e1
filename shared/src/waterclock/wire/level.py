"""The level of this release: what its projectors and APIs know. Nothing is written before all know it."""

from __future__ import annotations

PROMISES = 2
"""From here on: the `promise` of a job, which APIs of an earlier level would drop, too."""
MUTES = 3
"""From here on: mutes, of which projectors of an earlier level would tell nobody."""
LEVEL = 3
"""From 1 on: `log.truncated`; from later ones what is named above."""
