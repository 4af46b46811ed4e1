"""Why a text is no YAML that is read, where, and what to write instead."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import yaml

_QUOTED = 'put text that begins with it in quotes, as in cronExpression: "*/5 * * * *"'


def why_no_yaml(error: yaml.MarkedYAMLError) -> str:
    """What is wrong, where, and what to do."""
    mark: Any = error.problem_mark or error.context_mark
    where = "" if mark is None else f"line {mark.line + 1}, column {mark.column + 1}: "
    problem = " ".join((error.problem or error.context or "cannot be read").split())
    return f"is not valid YAML: {where}{next(_advice(error, problem), problem)}"


def _advice(error: yaml.MarkedYAMLError, problem: str) -> Iterator[str]:
    context = error.context or ""
    if "scanning an alias" in context:
        yield f"* begins an alias in YAML; {_QUOTED}"
    if problem.startswith("found undefined alias"):
        yield f"{problem}; {_QUOTED}"
    if "'\\t' that cannot start" in problem:
        yield "a tab: YAML indents with spaces"
    if "that cannot start any token" in problem:
        yield f"{problem.removesuffix(' that cannot start any token')}: {_QUOTED}"
    if problem.startswith("mapping values are not allowed"):
        yield 'a colon and a space in text, or a wrong indentation; put such text in quotes, as in remark: "a: b"'
    if "another document" in problem or "single document" in context:
        yield "a second document (---): a job file is a single document"


def odd_character(text: str) -> str | None:
    """Where the first character stands that YAML does not take as it is."""
    found = cast("Any", yaml.SafeLoader).NON_PRINTABLE.search(text)
    if found is None:
        return None
    at, sign = found.start(), found.group()
    place = f"line {text.count(chr(10), 0, at) + 1}, column {at - text.rfind(chr(10), 0, at)}"
    code = f"\\x{ord(sign):02X}" if ord(sign) < 0x100 else f"\\u{ord(sign):04X}"
    return f'{place}: the character U+{ord(sign):04X}: write it in double quotes as an escape, "{code}"'
