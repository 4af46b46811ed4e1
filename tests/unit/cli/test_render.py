"""What the client verbs print."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from waterclock.cli.render.jobs import changed
from waterclock.cli.render.runs import rows, whole
from waterclock.cli.render.strips import told as strips_told
from waterclock.cli.tables import lines, visible
from waterclock.cli.verbs.explain import nothing
from waterclock.cli.verbs.explain import told as explanations_told
from waterclock.cli.verbs.ledger import told as proof_told
from waterclock.cli.verbs.workers import few
from waterclock.client.models import Explanations, Job, JobStrip, LastRun, Note, Proof, Run, Strips
from waterclock.model.ids import JobId
from waterclock.model.instants.explain import Explanation
from waterclock.model.instants.ledger import Breach
from waterclock.model.timestamps import Stamp


@pytest.fixture(autouse=True)
def _in_utc(monkeypatch: pytest.MonkeyPatch) -> None:  # pyright: ignore[reportUnusedFunction] - by pytest
    monkeypatch.setenv("TZ", "UTC")


FROM, TO = Stamp("2026-11-23T10:00:00.000Z"), Stamp("2026-11-23T11:00:00.000Z")
PROOF = Proof(
    from_=FROM,
    to=TO,
    jobs=2,
    instants=120,
    fired=100,
    skipped=20,
    coalesced=0,
    pending=0,
    oldest_pending=None,
    holes=(),
    doubles=(),
    strays=(),
    ok=True,
)
HOLE = Breach(job_id=JobId("abc"), after=FROM, through=TO, instants=3, position=None, text="there is a hole")
FIRED = Explanation(
    instant=FROM, fate="fired", reason="schedule", run_id=None, policy=None, position="0-1-7", text="Fired on time."
)


def test_a_sound_ledger_is_told_in_three_lines_and_ok_and_says_what_it_does_not_prove() -> None:
    assert list(lines(proof_told(PROOF))) == [
        "2026-11-23T10:00:00Z to 2026-11-23T11:00:00Z",
        "jobs  scheduled  fired  skipped  merged  pending",
        "2     120        100    20       0       0",
        "ok: each scheduled time has exactly one decision, and each decision its scheduled time",
        "(this does not say whether runs succeeded)",
    ]
    for failed, said in ((0, "none failed"), (3, "3 failed")):
        told = list(proof_told(msgspec.structs.replace(PROOF, failed_runs=failed)))
        assert told[-1] == f"(this does not say whether runs succeeded: {said})"


def test_what_is_pending_or_decided_by_other_rules_is_said() -> None:
    proof = msgspec.structs.replace(PROOF, pending=1, oldest_pending=TO, tzdata_changed=("2026a", "2026b"))
    assert list(lines(proof_told(proof)))[3:5] == [
        "pending: the oldest was due at 2026-11-23T11:00:00Z and is not decided yet",
        "decided with a different time zone database than today's: 2026a, 2026b",
    ]


def test_every_breach_has_its_row_and_each_reason_is_told_once() -> None:
    second = msgspec.structs.replace(HOLE, position="0-1-9")
    proof = msgspec.structs.replace(PROOF, holes=(HOLE, second), strays=(HOLE,), ok=False)
    assert list(lines(proof_told(proof)))[3:] == [
        "breach  job  after                 through               times  position",
        "hole    abc  2026-11-23T10:00:00Z  2026-11-23T11:00:00Z  3      -",
        "hole    abc  2026-11-23T10:00:00Z  2026-11-23T11:00:00Z  3      0-1-9",
        "stray   abc  2026-11-23T10:00:00Z  2026-11-23T11:00:00Z  3      -",
        "hole: there is a hole",
        "stray: there is a hole",
        "NOT ok: 2 holes, 0 doubles, 1 strays",
    ]


def test_instants_are_told_with_their_fate_and_why() -> None:
    assert list(lines(explanations_told(Explanations(items=(FIRED,), next_cursor="abc")))) == [
        "scheduled             outcome  why",
        "2026-11-23T10:00:00Z  fired    Fired on time.",
        "More results: add --cursor abc",
    ]


def test_where_there_is_nothing_to_explain_it_is_said_why() -> None:
    at = "2026-11-23T10:00:00.000Z"
    job = Job(job_name="n", invoke_target="demo.noop", id="abc", version=1, created_at=at, updated_at=at)
    ended: dict[str, Any] = {"nominal_at": None, "started_at": at, "finished_at": at, "duration_ms": 0}
    run = LastRun(id="r", status="succeeded", trigger="manual", requested_at=at, **ended)
    assert nothing(None) == "No scheduled times found."
    assert nothing(job) == "No scheduled times found: the job has no schedule and runs on demand only."
    due = msgspec.structs.replace(job, cron_expression="0 2 * * *", next_fire_at="2026-12-01T02:00:00Z", last_run=run)
    assert nothing(due) == (
        "No scheduled times found; the next is 2026-12-01T02:00:00Z. Its runs: `waterclock run list --job DEFAULT/n`."
    )


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("水時計 🕰 é\ttab\nsecond line", "水時計 🕰 é\ttab\nsecond line"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;a title\x07", "\\x1b]0;a title\\x07"),
        ("\x1bc\x9b2J", "\\x1bc\\x9b2J"),
        ("10%\r20%\r", "10%\\x0d20%"),
        ("\u202egnp.exe", "\\u202egnp.exe"),
        ("a\u2028b\u2029c\x85d\u061ce\u200ff\u2066g", "a\\u2028b\\u2029c\\x85d\\u061ce\\u200ff\\u2066g"),
        ("\ufeff\U000e0041\ud800", "\\ufeff\\U000e0041\\ud800"),
        ("le\u00a0jour 👩\u200d🔧", "le\u00a0jour 👩\u200d🔧"),
    ],
)
def test_what_others_wrote_does_not_rule_the_terminal(said: str, shown: str) -> None:
    assert visible(said) == shown


def test_a_column_of_names_has_an_end() -> None:
    assert few([]) == ""
    assert few(["url!", "json"]) == "url!,json"
    assert few(["x" * 50, "y"]) == "x" * 50 + " and 1 more"
    assert few([f"name-{number}" for number in range(18)]) == "name-0,name-1,name-2,name-3,name-4 and 13 more"


REQUESTED: dict[str, Any] = {
    **dict.fromkeys(Run.__struct_encode_fields__),
    "id": "abc-1",
    "invokeTarget": "demo.noop",
    "params": {},
    "queue": "default",
    "trigger": "manual",
    "status": "failed",
    "requestedAt": "2026-11-23T10:00:00.001Z",
    "attempt": 2,
    "maxAttempts": 2,
    "labels": {},
    "folded": 0,
    "broken": [],
    "attempts": [],
    "steps": [],
}


def attempt(number: int, second: int, **error: str) -> dict[str, Any]:
    begun, ended = f"2026-11-23T10:00:{second:02}.002Z", f"2026-11-23T10:00:{second:02}.500Z"
    times = {"startedAt": begun, "finishedAt": ended}
    return {"number": number, "fence": number, "worker": "w", **times, "outcome": "failed", "error": error}


def test_a_run_shows_the_type_of_each_error_and_the_traceback_of_the_last_attempt() -> None:
    attempts = [
        attempt(1, 0, type="KeyError", message="'DSN'\nand more", traceback="Traceback\n  at 1\n"),
        attempt(2, 20, type="OSError", message="no route", traceback="Traceback\n  at 2\n"),
    ]
    run = msgspec.convert(
        {
            **REQUESTED,
            "attempts": attempts,
            "error": attempts[1]["error"],
            "startedAt": "2026-11-23T10:00:00.002Z",
            "readyAt": "2026-11-23T10:00:20.001Z",
            "finishedAt": "2026-11-23T10:00:20.500Z",
        },
        Run,
    )

    said = list(lines(whole(run)))
    assert [line.split("failed   ")[-1] for line in said if line[:1] in {"1", "2"}] == [
        "KeyError: 'DSN'",
        "OSError: no route",
    ]
    assert said[-4:] == ["", "traceback of attempt 2", "  Traceback", "    at 2"]
    every = list(lines(whole(run, every=True)))
    assert every[-8:] == ["", "traceback of attempt 1", "  Traceback", "    at 1", *said[-4:]]

    told = dict(line.split("  ", 1) for line in said if "  " in line.strip())
    moments = [told[name].strip() for name in ("requested", "first started", "ready", "started", "finished")]
    assert moments == sorted(moments), "each after the one above it"
    assert moments[3] == "2026-11-23T10:00:20.002Z"


def test_a_run_of_one_attempt_says_once_when_it_started() -> None:
    run = msgspec.convert({**REQUESTED, "startedAt": FROM, "attempts": [attempt(1, 0, type="E", message="m")]}, Run)
    said = list(lines(whole(run)))
    assert [line for line in said if line.partition("  ")[0].endswith("started")] == [
        "started    2026-11-23T10:00:00.000Z"
    ]


def test_a_run_that_was_handed_back_is_not_told_to_have_used_up_an_attempt() -> None:
    told: dict[str, Any] = {**REQUESTED, "status": "succeeded", "maxAttempts": 1}
    again, waiting = msgspec.convert([told, {**told, "status": "queued", "attempt": 0}], tuple[Run, Run])
    assert [line.split()[-2:] for line in lines(rows((again, waiting)))] == [
        ["attempt", "worker"],
        ["2", "-"],
        ["-", "-"],
    ]


def test_what_is_to_be_known_of_a_job_stands_below_it() -> None:
    at = "2026-11-23T10:00:00.000Z"
    job = Job(job_name="nightly", invoke_target="demo.noop", id="abc", version=1, created_at=at, updated_at=at)
    assert "notes" not in list(lines(changed(job)))
    notes = (Note(pointer="/invokeParams/to", message="is unknown"), Note(pointer=None, message="so it is"))
    said = list(lines(changed(msgspec.structs.replace(job, notes=notes))))
    assert said[-4:] == ["", "notes", "  /invokeParams/to is unknown", "  so it is"]


def test_a_character_of_a_strip_stands_for_the_worst_that_it_holds() -> None:
    cells = ((2, None), (1, {"succeeded": 4, "failed": 1}), (3, {"succeeded": 1, "skipped": 1}), (1, {"stray": 1}))
    one = JobStrip(job_id="abc", coarser=True, cells=(*cells, (1, {"unheard": 1}), (1, {"notYetCreated": 2})))
    none = JobStrip(job_id="abd", coarser=False, cells=((9, None),))
    found = Strips(from_=FROM, to=TO, edges=None, oldest_pending=None, items=(one, none))
    assert list(lines(strips_told(found, ("a/b", "a/c")))) == [
        "2026-11-23T10:00:00Z to 2026-11-23T11:00:00Z, a character for each 6.7 min",
        "job  strip        scheduled times",
        "a/b  |  xsss!+-|  7 succeeded, 3 skipped, 2 not created yet, 1 failed, 1 stray, 1 unheard",
        "a/c  |         |  none",
        "! missing, double or stray   x failed, timed out or died   s skipped   - disabled, deleted or not created yet",
        "counted and not looked at one by one: a/b",
    ]
    whole = msgspec.structs.replace(found, edges=(FROM, TO), items=(none,))
    assert list(lines(strips_told(whole, ("a/b", "a/b"))))[::2] == [
        "2026-11-23T10:00:00Z to 2026-11-23T11:00:00Z, a character for each part of the calendar",
        "abd  |         |  none",
    ]
