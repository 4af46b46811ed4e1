"""The limits that the guide names are those of the code."""

from __future__ import annotations

import re
from typing import Any

from tests.support.repository import DOCS
from waterclock.model.parameters import bounds
from waterclock_api.http import caller, receive_body, request_body
from waterclock_api.queries import events
from waterclock_api.routes.schedules import ledger
from waterclock_api.schemas import requests


def _meta(kind: Any) -> Any:
    return kind.__metadata__[0]


GUIDE = DOCS / "reference/http-api.md"
LIMITS = {
    "a body": f"{receive_body.BODY_LIMIT >> 20} MiB",
    "depth of a body": str(request_body.DEPTH_LIMIT),
    "parameters of a run": f"{bounds.PARAMS_LIMIT >> 10} KiB",
    "labels": str(bounds.LABELS_LIMIT),
    "a page": str(_meta(requests.Limit).le),
    "names, queues, zones": str(_meta(requests.Name).max_length),
    "remarks and reasons": str(_meta(requests.Text).max_length),
    "what is searched for": str(_meta(requests.Part).max_length),
    "events that a page of the audit looks at": str(events.LOOKED_AT * events.ROUNDS),
    "`Prefer: wait`": f"{caller.LONGEST_WAIT} s",
    "a proof of the ledger": f"{ledger.LONGEST_PROOF // 86_400_000} days",
}


def test_the_guide_names_every_limit() -> None:
    guide = GUIDE.read_text()
    table = guide[guide.index("## Limits") :].split("\n## ")[0]
    rows = re.findall(r"^\| (.+?) \| (.+?) \|", table, re.MULTILINE)
    told = {name: text.replace("\u202f", "") for name, text in rows}
    for name, limit in LIMITS.items():
        assert told[name].replace(" 000", "000").startswith(limit), name
