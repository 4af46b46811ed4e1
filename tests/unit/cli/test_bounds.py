"""What a member of a job may hold: refused of a file of jobs as of a body, and kept where a job has it."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
import yaml

from waterclock.cli.job_files import OWNER, read_file
from waterclock.cli.job_plan import flaws_of
from waterclock.cli.yaml_values import BadFile
from waterclock.client.models import Job
from waterclock.model.definition import Definition
from waterclock.model.errors import Flaw
from waterclock.model.ids import JobId
from waterclock.model.parameters.bounds import RANGES, schedule_flaws
from waterclock.model.timestamps import stamp
from waterclock_api.http.request_body import read_struct
from waterclock_api.schemas.requests import JobWrite
from waterclock_api.validation.values import definition_of

NOW = 1_795_910_400_000
BASE: dict[str, Any] = {"jobName": "a", "invokeTarget": "t"}
ODD = "a\u200b"
_PLAIN: list[tuple[str, dict[str, Any]]] = [
    ("/jobName", {"jobName": ""}),
    ("/jobName", {"jobName": "n" * 65}),
    ("/jobName", {"jobName": ODD}),
    ("/jobName", {"jobName": " a"}),
    ("/jobGroup", {"jobGroup": "g" * 65}),
    ("/jobGroup", {"jobGroup": "a/b"}),
    ("/jobGroup", {"jobGroup": ""}),
    ("/invokeTarget", {"invokeTarget": ""}),
    ("/invokeTarget", {"invokeTarget": "t" * 129}),
    ("/invokeParams", {"invokeParams": {"x": "y" * 66_000}}),
    ("/cronExpression", {"cronExpression": "0 0 * * FR\u0131"}),
    ("/cronExpression", {"cronExpression": "0 0 30 2 *"}),
    ("/remark", {"remark": "r" * 1001}),
    ("/queue", {"queue": ""}),
    ("/queue", {"queue": "q" * 65}),
    ("/timezone", {"timezone": "Europe/Nowhere"}),
    ("/timezone", {"timezone": "z" * 65}),
    ("/catchupLimit", {"catchupLimit": 1001}),
    ("/catchupLimit", {"catchupLimit": -1}),
    ("/retry/maxAttempts", {"retry": {"maxAttempts": 0}}),
    ("/endAt", {"startAt": "2030-01-02T00:00:00Z", "endAt": "2030-01-01T00:00:00Z"}),
    ("/endAt", {"cronExpression": "0 0 1 1 *", "endAt": "2026-12-01T00:00:00Z"}),
    ("/labels", {"labels": {f"l{number}": "" for number in range(33)}}),
    ("/labels/a b", {"labels": {"a b": "x"}}),
    ("/labels/a", {"labels": {"a": ODD}}),
    ("/labels/a", {"labels": {"a": "v" * 257}}),
]
_DURATIONS = RANGES.keys() - {"pace", "delay"}
"""Of a job: the others are of a backfill, and of a request."""
WRONG = [
    *_PLAIN,
    *(
        (f"/{name}", {outer: {inner: seconds} if inner else seconds})
        for name in sorted(_DURATIONS)
        for outer, _, inner in [name.partition("/")]
        for seconds in (-1, 1e9)
    ),
]


def of_body(members: dict[str, Any]) -> list[Flaw]:
    flaws: list[Flaw] = []
    write = read_struct(JobWrite, members, flaws, stand_ins={"job_name": "-", "invoke_target": "-"})
    definition = definition_of(write, flaws)
    flaws += schedule_flaws(JobId(""), definition, NOW)
    return flaws


def of_file(members: dict[str, Any], *, owner: str | None = None, known: tuple[Job, ...] = ()) -> dict[str, str]:
    head = {} if owner is None else {"owner": owner}
    try:
        file = read_file(yaml.safe_dump({**head, "jobs": [members]}))
    except BadFile as bad:
        return {flaw.pointer: flaw.message for flaw in bad.flaws}
    return {flaw.pointer: flaw.message for flaw in flaws_of(file, known, now=NOW)}


def job_of(definition: Definition) -> Job:
    members = {name: getattr(definition, name) for name in definition.__struct_fields__}
    return Job(id="j", version=1, created_at=stamp(0), updated_at=stamp(0), **members)


@pytest.mark.parametrize(("pointer", "members"), WRONG, ids=[f"{at} {number}" for number, (at, _) in enumerate(WRONG)])
def test_a_file_is_refused_where_a_body_is(pointer: str, members: dict[str, Any]) -> None:
    assert pointer in [flaw.pointer for flaw in of_body(BASE | members)]
    assert list(of_file(BASE | members)) == [f"/jobs/0{pointer}"]


def test_no_member_of_a_body_is_left_out() -> None:
    words = {"status", "misfirePolicy", "concurrent", "cronDialect", "dstGap", "dstFold", "overlapPolicy"}
    members = {field.encode_name for field in msgspec.structs.fields(JobWrite)}
    assert {pointer.split("/")[1] for pointer, _ in WRONG} | words | {"startAt"} == members


@pytest.mark.parametrize("owner", [" team", "team\u200b", "a\x85b", "o" * 257])
def test_an_owner_is_refused_at_its_place(owner: str) -> None:
    assert list(of_file(BASE, owner=owner)) == ["/owner"]


def test_what_a_job_has_stays_in_a_file_and_what_is_new_beside_it_does_not() -> None:
    older = Definition(
        job_name=" a ",
        job_group="x/y",
        invoke_target="t",
        cron_expression="0 0 * * FR\u0131",
        timezone="UTC",
        labels={OWNER: " team", "a": ODD},
    )
    members = {
        "jobName": " a ",
        "jobGroup": "x/y",
        "invokeTarget": "t",
        "cronExpression": "0 0 * * FR\u0131",
        "remark": "edited",
        "labels": {"a": ODD},
    }
    known = (job_of(older),)
    assert of_file(members, owner=" team", known=known) == {}
    assert list(of_file(members | {"timezone": "Asia/Tokyo"}, owner=" team", known=known)) == ["/jobs/0/cronExpression"]
    assert list(of_file(members | {"labels": {"b": ODD}}, owner=" team", known=known)) == ["/jobs/0/labels/b"]
    assert list(of_file(members | {"jobName": " b "}, owner=" team", known=known)) == [
        "/jobs/0/jobName",
        "/jobs/0/jobGroup",
        "/jobs/0/labels/a",
        "/owner",
        "/jobs/0/cronExpression",
    ]
