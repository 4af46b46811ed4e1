"""`--start-within 5m` and its like: what a job promises, each member by an option of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import click
import msgspec

from waterclock.kit.text.members import members
from waterclock.model.promise import Promise

F = TypeVar("F", bound=Callable[..., Any])

_FORMS: Mapping[str, str] = {"finishBy": "HH:MM", "disableAfter": "N"}
"""Of those that are no durations."""
_NAMES = {field.name: field.encode_name for field in msgspec.structs.fields(Promise)}


def promise_options(verb: F) -> F:
    """An option for each member; a verb gets them as keywords that `promised` reads."""
    for name, said in reversed([*zip(_NAMES, members(Promise), strict=True)]):
        metavar, help_ = _FORMS.get(said.name, "DURATION"), said.summary.replace("`", "")
        kind = int if metavar == "N" else str
        verb = click.option(f"--{name.replace('_', '-')}", name, metavar=metavar, type=kind, help=help_)(verb)
    return verb


def promised(given: Mapping[str, Any], duration: Callable[[str], Any]) -> dict[str, Any]:
    """The members that were given, by their names in a body; `duration` reads one."""
    return {
        _NAMES[name]: value if _NAMES[name] in _FORMS else duration(value)
        for name, value in given.items()
        if value is not None
    }
