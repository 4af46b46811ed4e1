"""Whatever a client reads or writes is described, and a job's members everywhere by the same sentences."""

from __future__ import annotations

import json
from typing import Any

from tests.support.repository import DOCS
from waterclock.kit.text.members import members
from waterclock.model.definition import Definition
from waterclock.model.events import StoredEvent
from waterclock.model.promise import Promise
from waterclock.model.retry import RetryPolicy
from waterclock_api.app import ROUTES
from waterclock_api.documents import openapi
from waterclock_api.schemas.requests import JobWrite

DOCUMENT: dict[str, Any] = openapi.document(ROUTES)
SCHEMAS: dict[str, Any] = DOCUMENT["components"]["schemas"]
EVENTS = {kind.__name__ for kind in StoredEvent.__args__} | {"Event"}


def silent(names: set[str]) -> list[str]:
    """The members of these schemas that nothing is said of."""
    return [
        f"{name}.{member}"
        for name in names
        for member, schema in SCHEMAS[name].get("properties", {}).items()
        if not schema.get("description")
    ]


def test_every_member_of_a_body_and_of_an_answer_is_described() -> None:
    names = SCHEMAS.keys() - EVENTS
    assert {"JobWrite", "TriggerWrite", "BackfillWrite", "Job", "Run", "Problem", "RetryPolicy"} <= names
    assert silent(names) == []


def test_every_event_and_member_is_described() -> None:
    kinds = EVENTS - {"Event"}
    assert kinds <= SCHEMAS.keys()
    assert silent(kinds) == []


def test_no_schema_is_without_a_description() -> None:
    assert [name for name, schema in SCHEMAS.items() if not schema.get("description")] == []


def test_every_parameter_of_a_route_is_described() -> None:
    operations = [(path, operation) for path, verbs in DOCUMENT["paths"].items() for operation in verbs.values()]
    parameters = [(path, one) for path, operation in operations for one in operation["parameters"]]
    assert len(parameters) > 50
    assert [(path, one["name"]) for path, one in parameters if not one.get("description")] == []


def test_what_is_said_of_a_jobs_members_is_the_same_everywhere() -> None:
    file = json.loads((DOCS / "jobs.schema.json").read_text(encoding="utf-8"))["$defs"]
    page = " ".join((DOCS / "reference" / "job.md").read_text(encoding="utf-8").split())
    for kind, written in ((Definition, "JobWrite"), (RetryPolicy, "RetryWrite"), (Promise, "PromiseWrite")):
        for member in members(kind):
            said = member.description.removesuffix("In seconds.")
            assert said
            for schema in (file[kind.__name__], SCHEMAS[written], SCHEMAS[kind.__name__]):
                assert schema["properties"][member.name]["description"].startswith(said), member.name
            assert said in page, member.name
    assert {member.name for member in members(JobWrite)} == {member.name for member in members(Definition)}


def test_what_only_is_read_of_a_job_is_on_the_page() -> None:
    page = " ".join((DOCS / "reference" / "job.md").read_text(encoding="utf-8").split())
    for name, schema in SCHEMAS["Job"]["properties"].items():
        assert schema["description"].removesuffix("In seconds.") in page, name
