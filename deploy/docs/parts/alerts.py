"""The alert rules, made from the file that Prometheus reads."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import yaml

RULES = Path(__file__).parents[2] / "prometheus" / "rules.yaml"


def text() -> str:
    groups: list[dict[str, Any]] = yaml.safe_load(RULES.read_text(encoding="utf-8"))["groups"]
    rows = [_row(rule) for group in groups for rule in group["rules"]]
    return "\n".join(("| Alert | Severity | After | Meaning |", "|---|---|---|---|", *rows))


def _row(rule: dict[str, Any]) -> str:
    name = rule["alert"]
    said = re.sub(r"\{\{ \$labels\.(\w+) \}\}", r"*\1*", rule["annotations"]["summary"])
    said = re.sub(r"\{\{ \$value(?: \| \w+)? \}\}", "*N*", said)
    return f"| [`{name}`](#{name.lower()}) | {rule['labels']['severity']} | {rule.get('for', 'at once')} | {said} |"
