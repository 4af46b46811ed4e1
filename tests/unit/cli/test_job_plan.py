"""A file and the jobs that are → a plan. Pure."""

from __future__ import annotations

from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from waterclock.cli.job_files import OWNER, File, Wanted
from waterclock.cli.job_plan import DAY, Change, Plan, definition_of, fires_changed, planned
from waterclock.cli.render.plan import summed, told
from waterclock.client.models import Job
from waterclock.model.definition import Definition
from waterclock.model.promise import Promise
from waterclock.model.timestamps import Stamp, millis

MOMENT = Stamp("2026-11-23T10:00:00.000Z")
NOW = millis(MOMENT)
TIDE = Definition(job_name="tide", job_group="sea", invoke_target="demo.noop", cron_expression="0 4 * * *")


def job(definition: Definition = TIDE, *, version: int = 1, owner: str | None = None) -> Job:
    labels = definition.labels if owner is None else {**definition.labels, OWNER: owner}
    members: dict[str, Any] = {name: getattr(definition, name) for name in Definition.__struct_fields__}
    members |= {"labels": labels, "promise": definition.promise or None}
    return Job(**members, id=f"id-{definition.job_name}", version=version, created_at=MOMENT, updated_at=MOMENT)


def file(*definitions: Definition, owner: str | None = None, settled: bool = False) -> File:
    """A file as it is read: its jobs bear its owner."""
    labelled = [
        one if owner is None else msgspec.structs.replace(one, labels={**one.labels, OWNER: owner})
        for one in definitions
    ]
    return File(owner=owner, jobs=tuple(Wanted(definition=one, settled=settled) for one in labelled))


def changed(**fields: Any) -> Definition:
    return msgspec.structs.replace(TIDE, **fields)


def only(plan: Plan) -> Change:
    (change,) = plan.changes
    return change


def test_what_is_as_wanted_is_left_alone() -> None:
    plan = planned(file(TIDE), [job()], now=NOW)
    assert (plan.changes, plan.same) == ((), 1)


def test_a_job_that_is_not_there_is_created_with_what_is_not_default() -> None:
    change = only(planned(file(TIDE), [], now=NOW))
    assert (change.action, change.name, change.version) == ("create", "sea/tide", None)
    assert {field.pointer for field in change.fields} == {"/invokeTarget", "/cronExpression"}
    assert change.fires is not None
    assert (change.fires.before, change.fires.after, change.fires.appear, change.fires.vanish) == (0, 30, 30, 0)


def test_a_job_is_known_by_its_letters_and_by_no_slash() -> None:
    composed, decomposed = changed(job_name="caf\u00e9"), changed(job_name="cafe\u0301")
    for one, other in ((composed, decomposed), (decomposed, composed)):
        assert planned(file(one), [job(other)], now=NOW).changes == ()
        assert planned(file(one, owner="o"), [job(other, owner="o")], now=NOW, prune=True).changes == ()
    both = [job(composed), job(decomposed)]
    assert planned(file(decomposed, composed), both, now=NOW).same == 2
    edited = only(planned(file(msgspec.structs.replace(decomposed, queue="low"), composed), both, now=NOW))
    assert (edited.job_id, edited.definition and edited.definition.job_name) == (both[1].id, decomposed.job_name)
    one, other = changed(job_group="a", job_name="b/c"), changed(job_group="a/b", job_name="c")
    plan = planned(file(one, other, owner="o"), [job(one, owner="o"), job(other, owner="o")], now=NOW, prune=True)
    assert (plan.changes, plan.same) == ((), 2)


def test_each_member_that_changes_is_named_also_inside_others() -> None:
    before = changed(invoke_params={"a": 1, "deep": {"b": 2, "gone": 3}}, labels={"x/y": "1"})
    after = changed(invoke_params={"a": 1, "deep": {"b": 5}, "new": None, "more": []}, queue="low")
    change = only(planned(file(after), [job(before, version=7)], now=NOW))
    assert (change.action, change.job_id, change.version, change.fires) == ("change", "id-tide", 7, None)
    assert {field.pointer: (field.before, field.after) for field in change.fields} == {
        "/invokeParams/deep/b": (2, 5),
        "/invokeParams/deep/gone": (3, None),
        "/invokeParams/more": (None, []),
        "/queue": ("default", "low"),
        "/labels/x~1y": ("1", None),
    }


def test_a_promise_is_told_whole_when_it_is_new_or_gone_and_by_member_when_it_changes() -> None:
    bare, one = changed(), changed(promise=Promise(start_within=300, finish_by="06:30"))
    other = changed(promise=Promise(start_within=600))
    assert planned(file(one), [job(one)], now=NOW).same == 1
    told = [
        [
            (field.pointer, field.before, field.after)
            for field in only(planned(file(after), [job(before)], now=NOW)).fields
        ]
        for before, after in ((bare, one), (one, other), (other, bare))
    ]
    assert told == [
        [("/promise", None, {"startWithin": 300, "finishBy": "06:30"})],
        [("/promise/startWithin", 300, 600), ("/promise/finishBy", "06:30", None)],
        [("/promise", {"startWithin": 600}, None)],
    ]


def test_who_disabled_a_job_keeps_it_so_unless_the_file_says_otherwise() -> None:
    disabled = job(changed(status="1"))
    assert planned(file(TIDE), [disabled], now=NOW).same == 1
    change = only(planned(file(TIDE, settled=True), [disabled], now=NOW))
    assert [field.pointer for field in change.fields] == ["/status"]
    assert change.fires is not None
    assert (change.fires.before, change.fires.after) == (0, 30)


def unzoned(*definitions: Definition) -> File:
    return File(owner=None, jobs=tuple(Wanted(definition=one, settled=False, zoned=False) for one in definitions))


def test_where_the_installation_has_a_zone_a_job_of_which_the_file_names_none_keeps_its_own() -> None:
    there = job(changed(timezone="Asia/Tokyo"))
    same = planned(unzoned(TIDE), [there], now=NOW, zone="Europe/Berlin")
    assert (same.changes, summed(same)) == ((), "0 to create, 0 to change, 0 to delete, 1 unchanged, 1 zone kept")
    plan = planned(unzoned(changed(remark="new")), [there], now=NOW, zone="Europe/Berlin")
    change = only(plan)
    assert change.definition is not None
    assert (change.definition.timezone, change.zone_kept) == ("Asia/Tokyo", "Asia/Tokyo")
    assert [field.pointer for field in change.fields] == ["/remark"]
    assert "    zone kept  Asia/Tokyo" in list(told(plan))

    new = only(planned(unzoned(TIDE), [], now=NOW, zone="Europe/Berlin"))
    assert new.definition is not None
    assert (new.definition.timezone, new.zone_kept) == ("Europe/Berlin", None)
    assert new.fires is not None
    assert new.fires.appearing[0] == "2026-11-24T03:00:00.000Z"


def test_without_such_a_zone_or_with_one_in_the_file_the_file_decides() -> None:
    there = job(changed(timezone="Asia/Tokyo"))
    for plan in (
        planned(unzoned(TIDE), [there], now=NOW),
        planned(file(TIDE), [there], now=NOW, zone="Europe/Berlin"),
    ):
        change = only(plan)
        assert [(field.pointer, field.after) for field in change.fields] == [("/timezone", "UTC")]
        assert (change.zone_kept, plan.zones_kept) == (None, 0)


def test_jobs_of_the_owner_that_are_not_in_the_file_are_deleted_only_where_it_is_asked_for() -> None:
    old, other = job(changed(job_name="old"), owner="o", version=3), job(changed(job_name="free"))
    known = [job(owner="o"), old, other]
    kept = only(planned(file(TIDE, owner="o"), known, now=NOW))
    assert (kept.action, kept.name) == ("orphan", "sea/old")
    gone = only(planned(file(TIDE, owner="o"), known, now=NOW, prune=True))
    assert (gone.action, gone.job_id, gone.version) == ("delete", "id-old", 3)
    assert gone.fires is not None
    assert gone.fires.vanish == 30


def test_a_job_of_another_owner_is_left_alone_unless_it_is_taken_over() -> None:
    theirs = [job(owner="them")]
    assert only(planned(file(TIDE, owner="us"), theirs, now=NOW)).action == "foreign"
    change = only(planned(file(TIDE, owner="us"), theirs, now=NOW, take_over=True))
    assert [(field.before, field.after) for field in change.fields] == [("them", "us")]
    assert planned(file(TIDE), theirs, now=NOW).same == 1, "a file without an owner asks for none"


def test_fires_that_appear_and_vanish_are_counted_with_examples() -> None:
    fires = fires_changed(TIDE, changed(cron_expression="0 4,5 * * 1-5"), "id", NOW)
    assert fires is not None
    assert (fires.before, fires.after, fires.appear, fires.vanish) == (30, 44, 22, 8)
    assert fires.appearing[0] == "2026-11-23T05:00:00.000Z".replace("23", "24")
    assert fires.vanishing == tuple(f"2026-{day}T04:00:00.000Z" for day in ("11-28", "11-29", "12-05"))
    assert fires.compared == fires.through


def test_of_too_many_fires_all_are_counted_and_some_compared() -> None:
    fires = fires_changed(TIDE, changed(cron_expression="* * * * * *"), "id", NOW)
    assert fires is not None
    assert fires.after == 30 * 86400
    assert NOW < millis(Stamp(fires.compared)) < NOW + 30 * DAY
    assert fires.appear == 20_000, "no 04:00 comes in the first hours"


def test_a_new_job_with_h_is_told_by_an_example() -> None:
    fires = fires_changed(None, changed(cron_expression="H 4 * * *"), None, NOW)
    assert fires is not None
    assert fires.example


def test_the_plan_is_told_in_signs_members_and_a_sum(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TZ", "UTC")
    known = [job(owner="o"), job(changed(job_name="old"), owner="o")]
    plan = planned(file(changed(queue="low"), changed(job_name="new"), owner="o"), known, now=NOW, prune=True)
    lines = list(told(plan))
    signed = ["~ sea/tide  change", "+ sea/new  create", "- sea/old  delete"]
    assert [line for line in lines if line.startswith(("+", "~", "-"))] == signed
    assert '    /queue  "default" → "low"' in lines
    assert lines[-3].startswith(
        "    scheduled times of the next 30 days: 30 now, 0 after; 30 removed: 2026-11-24T04:00:00Z, "
    )
    assert lines[-1] == summed(plan) == "1 to create, 1 to change, 1 to delete, 0 unchanged"


NAMES = st.sampled_from("abcd")
SOME = st.dictionaries(NAMES, st.sampled_from(["low", "default"]), max_size=4)


@hypothesis.given(wanted=SOME, present=SOME, owned=st.booleans())
def test_what_is_planned_and_done_leaves_nothing_to_do(
    wanted: dict[str, str], present: dict[str, str], *, owned: bool
) -> None:
    owner = "o" if owned else None
    jobs = {name: job(changed(job_name=name, queue=queue), owner=owner) for name, queue in present.items()}
    want = file(*(changed(job_name=name, queue=queue) for name, queue in wanted.items()), owner="o")

    plan = planned(want, jobs.values(), now=NOW, prune=True)
    for change in plan.changes:
        if change.action == "delete":
            del jobs[change.name.partition("/")[2]]
        else:
            assert change.definition is not None
            jobs[change.definition.job_name] = job(change.definition)

    again = planned(want, jobs.values(), now=NOW, prune=True)
    assert (again.changes, again.same) == ((), len(wanted))
    assert all(definition_of(jobs[name]).queue == queue for name, queue in wanted.items())
