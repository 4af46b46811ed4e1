"""Names in the store: `<prefix>/<database>/<UTC stamp>-<run id>.dump`, and the manifest beside it.

Only what is spelled exactly so is ours. A stamp sorts as its moment does.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import NamedTuple
from urllib.parse import quote

DUMP = ".dump"
MANIFEST = ".dump.manifest.json"
_OURS = re.compile(r"(?P<stem>(?P<stamp>\d{8}T\d{9}Z)-(?P<run>[0-9a-z-]{1,64}))(?P<kind>\.dump|\.dump\.manifest\.json)")


class Ours(NamedTuple):
    """An object of ours: a dump or a manifest."""

    stem: str  # what the two have in common
    made_ms: int
    run_id: str
    kind: str  # DUMP or MANIFEST


def folder_of(prefix: str, database: str) -> str:
    """With the final slash. A name that is no plain word is written as in a URL, so that it stays one folder."""
    return f"{prefix}/{quote(database, safe='')}/"


def stem_of(made_ms: int, run_id: str) -> str:
    moment = datetime.fromtimestamp(made_ms / 1000, UTC)
    return f"{moment:%Y%m%dT%H%M%S}{made_ms % 1000:03d}Z-{run_id}"


def ours(key: str, folder: str) -> Ours | None:
    """What `key` is, if it is an object of ours, directly in `folder`."""
    found = _OURS.fullmatch(key.removeprefix(folder)) if key.startswith(folder) else None
    if found is None:
        return None
    try:
        moment = datetime.strptime(f"{found['stamp'][:-1]}000", "%Y%m%dT%H%M%S%f").replace(tzinfo=UTC)
    except ValueError:  # digits that are no date
        return None
    return Ours(found["stem"], round(moment.timestamp() * 1000), found["run"], found["kind"])
