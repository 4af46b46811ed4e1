"""The JSON Schema of a file of jobs, for editors."""

from __future__ import annotations

from typing import Any

import msgspec

from waterclock.cli.job_files import DURATIONS, MOMENTS, OWNER
from waterclock.kit.text.members import as_in
from waterclock.model.definition import PARTS, Definition
from waterclock.model.parameters.bounds import COUNT_MOST, LABEL_MOST, RANGES
from waterclock.model.promise import TIME_OF_DAY
from waterclock.model.words import CODED


def schema() -> dict[str, Any]:
    (job,), components = msgspec.json.schema_components([Definition], ref_template="#/$defs/{name}")
    for part in components.values():
        part["additionalProperties"] = False
    properties = components["Definition"]["properties"]
    for path in DURATIONS:
        whole, _, part = path.rpartition("/")
        kind = PARTS.get(whole, Definition)
        of = components[kind.__name__]["properties"]
        low, high = RANGES[path]
        default = of[part]["default"]
        of[part] = {
            "description": as_in(kind, part).description,
            "examples": of[part]["examples"],
            "type": ["number", "string", *(["null"] if default is None else [])],
            "minimum": low,
            "maximum": high,
            "default": default,
        }
    promise = components["Promise"]["properties"]
    promise["finishBy"]["pattern"] = TIME_OF_DAY
    promise["disableAfter"] |= {"minimum": 1, "maximum": COUNT_MOST}
    for name in MOMENTS:  # of which a stored one has a form of its own
        properties[name]["anyOf"] = [{"type": "string"}, {"type": "null"}]
    for name, words in CODED.items():
        properties[name] |= {
            "enum": [*words.values(), *words, *map(int, words)],
            "default": words[properties[name]["default"]],
        }
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Jobs of Waterclock",
        "type": "object",
        "properties": {
            "owner": {
                "type": "string",
                "minLength": 1,
                "maxLength": LABEL_MOST,
                "description": f"Owner of the jobs. Each job gets it as the label `{OWNER}`.",
                "examples": ["team-sea"],
            },
            "jobs": {"type": "array", "items": job, "description": "The jobs of the file."},
        },
        "required": ["jobs"],
        "additionalProperties": False,
        "$defs": components,
    }
