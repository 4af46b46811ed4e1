"""A file of jobs: read, refused, written, and read again."""

from __future__ import annotations

from typing import Any

import hypothesis
import jsonschema
import msgspec
import pytest
import yaml
from hypothesis import strategies as st

from tests.support.repository import ROOT
from waterclock.cli.job_files import OWNER, read_file, write_file
from waterclock.cli.render.job_file_schema import schema
from waterclock.cli.yaml_values import BadFile
from waterclock.model.definition import Definition
from waterclock.model.promise import Promise
from waterclock.model.retry import RetryPolicy
from waterclock.model.timestamps import Stamp

EXAMPLE = ROOT / "examples" / "jobs.yaml"
TEXT = st.text(st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=["Cs", "Cc"]), max_size=12)
NAMES = TEXT.filter(str.strip)
NUMBERS = st.integers(-(10**9), 10**9) | st.floats(allow_nan=False, allow_infinity=False)
PLAIN = (
    st.none()
    | st.booleans()
    | NUMBERS
    | TEXT
    | st.sampled_from(
        ["0E0", "no", "1_0", "12:30", "<<", "~", "0x1f", "0o7", "08", ".inf", "-.INF", ".NaN", "1.", "+.5"]
    )
)
PARAMS = st.dictionaries(
    NAMES, PLAIN | st.lists(PLAIN, max_size=2) | st.dictionaries(TEXT, PLAIN, max_size=2), max_size=3
)
PROMISES = st.builds(Promise, runs_at_most=st.floats(1, 86400), success_within=st.none() | st.just(93_600.0))
DEFINITIONS = st.builds(
    Definition,
    job_name=NAMES,
    job_group=NAMES,
    invoke_target=NAMES,
    invoke_params=PARAMS,
    cron_expression=st.sampled_from([None, "0 4 * * *", "*/5 * * * *", "@every 90s"]),
    status=st.sampled_from(["0", "1"]),
    misfire_policy=st.sampled_from(["1", "2", "3"]),
    concurrent=st.sampled_from(["0", "1"]),
    remark=st.none() | TEXT,
    start_at=st.none() | st.just(Stamp("2026-11-23T10:00:00.000Z")),
    jitter=st.floats(0, 86400),
    timeout=st.none() | st.floats(0, 86400),
    promise=st.just(msgspec.UNSET) | PROMISES,
    retry=st.builds(RetryPolicy, max_attempts=st.integers(1, 9), initial=st.floats(0, 99)),
    labels=st.dictionaries(st.sampled_from(["a", "b/c", OWNER]), TEXT.filter(bool), max_size=3),
)


@hypothesis.given(jobs=st.lists(DEFINITIONS, max_size=3, unique_by=lambda one: (one.job_group, one.job_name)))
def test_what_is_written_is_read_as_the_same(jobs: list[Definition]) -> None:
    assert [one.definition for one in read_file(write_file(jobs)).jobs] == jobs


def test_a_remark_and_a_label_go_through_a_file_whatever_signs_they_hold() -> None:
    signs = [*map(chr, range(1, 0xA1)), "\u2028", "\u2029", "\ufeff", "\uffff", "\u200b", "\r\n", "\U0001f600"]
    jobs = [
        Definition(job_name=f"job {place}", invoke_target="t", remark=sign, labels={"l": f"{sign}a{sign}b{sign}"})
        for place, sign in enumerate(signs)
    ]
    for shown in (False, True):
        assert [one.definition for one in read_file(write_file(jobs, shown=shown).encode()).jobs] == jobs


def test_the_example_is_read_and_fits_the_schema() -> None:
    file = read_file(EXAMPLE.read_bytes())
    assert [one.definition.job_name for one in file.jobs] == ["tide-table", "nightly-report", "flush"]
    assert {one.definition.labels[OWNER] for one in file.jobs} == {"team-sea"}
    assert (file.jobs[1].definition.misfire_policy, file.jobs[1].definition.timeout) == ("2", 1200)
    jsonschema.validate(yaml.safe_load(EXAMPLE.read_bytes()), schema())


def test_the_schema_for_editors_is_the_one_of_the_code() -> None:
    assert msgspec.json.decode((ROOT / "docs" / "jobs.schema.json").read_bytes()) == schema()


@pytest.mark.parametrize(
    ("text", "flaws"),
    [
        ("[]", ["/ must be a mapping"]),
        ("jobs: {}", ["/jobs must be a list"]),
        ("jobs: [3]", ["/jobs/0 must be a mapping"]),
        ("jobz: []\njobs: []", ["/jobz is unknown; did you mean jobs?"]),
        ("owner: [a]\njobs: []", ["/owner must be text"]),
        ("jobs: [{jobNam: a}]", ["/jobs/0/jobNam is unknown; did you mean jobName?"]),
        ("jobs: [{jobName: a, jobName: b}]", ["/jobs/0/jobName is given twice"]),
        ("jobs: [{jobName: a, invokeTarget: t, misfirePolicy: 9}]", ['/jobs/0/misfirePolicy must be "1"/"runAll", ']),
        (
            "jobs: [{jobName: a, invokeTarget: t, labels: {x: 1}}]",
            ["/jobs/0/labels expected str, got int: put text that YAML reads as another type in quotes"],
        ),
        ("jobs: [{jobName: a, invokeTarget: t, retry: {tries: 1}}]", ["/jobs/0/retry/tries is unknown"]),
        ("jobs: [{jobName: a, invokeTarget: t, retry: {max: never}}]", ["/jobs/0/retry/max is neither"]),
        ("jobs: [{jobName: a, invokeTarget: t, timeout: soon, startAt: noon}]", ["/jobs/0/timeout", "/jobs/0/startAt"]),
        ("jobs: [{jobName: a, invokeTarget: t, cronExpression: 61 * * * *}]", ["/jobs/0/cronExpression '61'"]),
        (
            "jobs:\n- jobName: a\n  invokeTarget: t\n  cronExpression: |\n    */5 * * * *\n",
            ["/jobs/0/cronExpression ends with a line break, as a YAML block (|, >) does"],
        ),
        ("jobs: [{jobName: a, invokeTarget: t, timeout: 1%s}]" % ("0" * 400), ["/jobs/0/timeout must be finite"]),
        (
            "jobs: [{jobName: a, invokeTarget: t, invokeParams: {a/b: {true: 1}}}]",
            ["/jobs/0/invokeParams/a~1b/true is"],
        ),
        (
            "jobs: [{jobName: a, invokeTarget: t, promise: {runsAtMost: 0}}]",
            ["/jobs/0/promise/runsAtMost must be from 1"],
        ),
        (
            "jobs: [{jobName: a, invokeTarget: t, promise: {finishby: 6}}]",
            ["/jobs/0/promise/finishby is unknown; did you mean finishBy?"],
        ),
        (
            "jobs: [{jobName: a, invokeTarget: t, promise: {finishBy: 0630}}]",
            ["/jobs/0/promise/finishBy expected str | null, got int: put text that YAML reads as another type in quot"],
        ),
        (
            "jobs: [{jobName: a, invokeTarget: t, promise: {finishBy: 6:30}}]",
            ["/jobs/0/promise/finishBy is not a time of day", "/jobs/0/promise/finishBy is about scheduled runs"],
        ),
        (
            "jobs: [{jobName: a, invokeTarget: t}, {jobName: a, invokeTarget: u}]",
            ["/jobs/1/jobName DEFAULT/a is already in the file"],
        ),
        (
            "owner: o\njobs: [{jobName: a, invokeTarget: t, labels: {waterclock/owner: p}}]",
            ["/jobs/0/labels name"],
        ),
    ],
)
def test_what_is_wrong_is_named(text: str, flaws: list[str]) -> None:
    with pytest.raises(BadFile) as bad:
        read_file(text)
    for flaw in flaws:
        assert flaw in str(bad.value)


@pytest.mark.parametrize("nothing", ["{}", "null", "{startWithin: null}"])
def test_a_promise_of_nothing_is_none(nothing: str) -> None:
    (one,) = read_file(f"jobs: [{{jobName: a, invokeTarget: t, promise: {nothing}}}]").jobs
    assert one.definition == Definition(job_name="a", invoke_target="t")


def test_a_promise_is_written_in_seconds_and_its_time_of_day_in_quotes() -> None:
    text = (
        "jobs: [{jobName: a, invokeTarget: t, cronExpression: 0 2 * * *, "
        "promise: {startWithin: PT5M, finishBy: 12:30, disableAfter: 5}}]"
    )
    jsonschema.validate(yaml.safe_load(text.replace("12:30", "'12:30'")), schema())
    (one,) = read_file(text).jobs
    assert one.definition.promise == Promise(start_within=300, finish_by="12:30", disable_after=5)
    written = write_file([one.definition])
    assert "  promise:\n    startWithin: 300\n    finishBy: '12:30'\n    disableAfter: 5\n" in written
    assert read_file(written).jobs[0].definition == one.definition


def test_plain_values_are_what_they_look_like() -> None:
    params = "{a: no, b: 12:30, c: 2026-01-01, d: 1e3, e: 0777, f: true, g: , h: -7, i: 0x1F, j: 0o17, k: '.inf'}"
    text = f"jobs: [{{jobName: a, invokeTarget: t, invokeParams: {params}}}]"
    expected: dict[str, Any] = {"a": "no", "b": "12:30", "c": "2026-01-01", "d": 1000.0, "e": 777, "f": True}
    expected |= {"g": None, "h": -7, "i": 31, "j": 15, "k": ".inf"}
    assert read_file(text).jobs[0].definition.invoke_params == expected


@pytest.mark.parametrize("sign", ["\u0085", "\u2028", "\u009b", "\u200b", "\ufeff", "\u00a0", "\t", "\r", "\n"])
@pytest.mark.parametrize("shown", [True, False])
def test_a_text_with_whatever_ends_lines_is_read_back(sign: str, *, shown: bool) -> None:
    text = f"nel{sign}x {sign} " + "and on " * 20
    one = Definition(
        job_name=f"nel{sign}x",
        job_group=f"{sign}g",
        invoke_target="t",
        remark=text,
        labels={"team": f" {sign}"},
        invoke_params={text: [text]},
    )
    assert read_file(write_file([one], shown=shown)).jobs[0].definition == one


def test_parts_that_jobs_share_are_merged() -> None:
    text = "jobs: [&usual {jobName: a, invokeTarget: t, queue: low}, {<<: *usual, jobName: b}]"
    assert [one.definition.queue for one in read_file(text).jobs] == ["low", "low"]
