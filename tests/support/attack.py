"""Hooks of schemathesis: what is right by the document is made to fit the deployment, so that it gets past the door.

The document cannot say which executors and queues there are. Requests that are meant to be wrong stay as they are.
"""

from __future__ import annotations

from typing import Any, cast

import schemathesis
from schemathesis import Case, GenerationMode, HookContext

FITTING: dict[str, Any] = {"invokeTarget": "demo.noop", "queue": "default", "timezone": "UTC"}


@schemathesis.hook  # pyright: ignore[reportUnknownMemberType]
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    if case.meta is None or case.meta.generation.mode is not GenerationMode.POSITIVE:
        return
    if isinstance(case.body, dict):
        body = cast("dict[str, Any]", case.body)
        case.body = {name: FITTING.get(name, value) for name, value in body.items()} | _schedule(body)


def _schedule(body: dict[str, Any]) -> dict[str, Any]:
    """Jobs on demand, most of them: few made-up expressions and moments can be read."""
    fitting: dict[str, Any] = dict.fromkeys(name for name in ("startAt", "endAt", "cronDialect") if name in body)
    fitting |= {name: {} for name in ("invokeParams", "params", "labels") if isinstance(body.get(name), dict)}
    if isinstance(body.get("cronExpression"), str):
        fitting["cronExpression"] = "@daily"
    return fitting
