"""What a look at parameters may cost, in units of some 10 µs, and what is paid from it beside the keywords."""

from __future__ import annotations

from collections.abc import Mapping
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from waterclock_api.validation.regex import understood

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError  # 0.1 s, at the first schema rather than at the start


class TooMuch(Exception):
    """The budget is spent."""

    def __init__(self, *found: ValidationError) -> None:
        super().__init__("the budget is spent")
        self.found = found


class CannotTell(Exception):
    pass


class CheckBudget:
    """`in_part`: something could not be told."""

    __slots__ = ("_units", "in_part", "strict")

    def __init__(self, units: int) -> None:
        self._units = units
        self.in_part = False
        self.strict = 0  # of keywords within each other for which what cannot be told does not count as right

    def take(self, units: int) -> None:
        """
        Raises:
            TooMuch.
        """
        self._units -= units
        if self._units < 0:
            raise TooMuch

    def passed_over(self) -> None:
        """Something cannot be told, and is taken as right."""
        self.in_part = True
        if self.strict:
            raise CannotTell


current: ContextVar[CheckBudget] = ContextVar("budget")


def extra_members(instance: Mapping[str, Any], schema: Mapping[str, Any]) -> list[str]:
    """The members that neither `properties` nor `patternProperties` tell of; in doubt one is no extra."""
    known = schema.get("properties", {})
    found = [name for name in instance if name not in known]
    for pattern in schema.get("patternProperties", {}):
        found = [name for name in found if fits(pattern, name) is False]
    return found


def fits(pattern: str, text: str) -> bool | None:
    """As `Pattern.fits`, paid for; None is noted."""
    budget, found = current.get(None), understood(pattern)
    if budget is not None and found is not None:
        budget.take(found.cost(text))
    fits = None if found is None else found.fits(text)
    if fits is None and budget is not None:
        budget.passed_over()
    return fits
