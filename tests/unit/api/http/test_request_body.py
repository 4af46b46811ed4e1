from __future__ import annotations

from typing import Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest

from waterclock.model.errors import Flaw, Invalid, pointer_to
from waterclock_api.http.problems import BadRequest
from waterclock_api.http.request_body import read_struct
from waterclock_api.queries.cursors import cursor_of, read_cursor
from waterclock_api.schemas.requests import READ_ONLY, JobWrite
from waterclock_api.schemas.responses import Job

STAND_INS = {"job_name": "-", "invoke_target": ""}


def read(found: Any) -> tuple[JobWrite, list[Flaw]]:
    flaws: list[Flaw] = []
    return read_struct(JobWrite, found, flaws, ignored=READ_ONLY, stand_ins=STAND_INS), flaws


def test_a_right_body_is_read_and_read_only_members_are_ignored() -> None:
    write, flaws = read(
        {"jobName": "a", "invokeTarget": "b", "retry": {"maxAttempts": 7}, "id": 5, "version": "x", "notes": 1}
    )
    assert flaws == []
    assert (write.job_name, write.invoke_target, write.retry.max_attempts, write.retry.initial) == ("a", "b", 7, 10)


def test_every_flaw_is_found_and_its_field_keeps_its_default() -> None:
    write, flaws = read({"jobNam": "a", "status": "5", "retry": {"initial": [], "x": 1}, "labels": {"a": 1, "b": "ok"}})
    assert {flaw.pointer for flaw in flaws} == {
        *("/jobNam", "/jobName", "/invokeTarget", "/status", "/retry/initial", "/retry/x", "/labels/a"),
    }
    assert (write.status, write.retry.max_attempts, write.labels) == ("0", 3, {})


@pytest.mark.parametrize("found", [None, [], "x", 5, True])
def test_a_body_that_is_no_object_is_refused(found: Any) -> None:
    with pytest.raises(Invalid, match="must be an object"):
        read(found)


def test_text_that_cannot_be_stored_is_found_wherever_it_is() -> None:
    _, flaws = read({"jobName": "a\0", "invokeTarget": "b", "invokeParams": {"c": [{"d\0": 1}, "e\0"]}})
    assert [flaw.pointer for flaw in flaws] == ["/jobName", "/invokeParams/c/0", "/invokeParams/c/1"]


def test_pointers_escape_what_they_must() -> None:
    assert pointer_to("a/b", 0, "c~d") == "/a~1b/0/c~0d"


@hypothesis.given(
    st.recursive(
        st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(),
        lambda x: st.lists(x) | st.dictionaries(st.text(), x),
    )
)
def test_any_json_is_read_or_refused_by_pointers_into_it(found: Any) -> None:
    try:
        _, flaws = read(found)
    except Invalid as refused:
        flaws = list(refused.flaws)
    assert all(flaw.pointer == "" or flaw.pointer.startswith("/") for flaw in flaws)


@hypothesis.given(at=st.integers(0, 2**53 - 1), some_id=st.text(st.characters(codec="utf-8", exclude_characters="\0")))
def test_a_cursor_gives_back_its_key(at: int, some_id: str) -> None:
    assert read_cursor(cursor_of(at, some_id), tuple[int, str]) == (at, some_id)


@hypothesis.given(st.text(max_size=80))
def test_any_other_text_is_no_cursor_or_a_key_of_the_right_kind(text: str) -> None:
    try:
        found = read_cursor(text, tuple[int, str])
    except BadRequest:
        return
    assert found is None or msgspec.convert(found, tuple[int, str]) == found


def test_each_member_of_a_job_that_is_read_can_be_sent_back() -> None:
    read, written = (set(kind.__struct_encode_fields__) for kind in (Job, JobWrite))

    assert read - written == READ_ONLY
