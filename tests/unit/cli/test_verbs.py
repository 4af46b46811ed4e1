"""What verbs make of what is typed, and of events, without an API."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.metadata import entry_points
from subprocess import run

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner

from waterclock.cli import main
from waterclock.cli.field_values import Parts, assigned, changed_in, merged, parameters, without
from waterclock.cli.render.events import progress, told, took, words
from waterclock.cli.render.jobs import promised
from waterclock.cli.short_help import SECTIONS, SHORT_HELP
from waterclock.cli.tables import facts, table
from waterclock.client.sse import Event
from waterclock.model.promise import Promise


def test_fields_are_read_as_their_types_want_them() -> None:
    pairs = ["misfirePolicy=1", "jitter=5", "catchupLimit=7", 'labels={"a":"b"}', "remark=12", "startAt=null", "odd=1"]
    assert assigned(pairs) == {
        "misfirePolicy": "1",
        "jitter": 5.0,
        "catchupLimit": 7,
        "labels": {"a": "b"},
        "remark": "12",
        "startAt": None,
        "odd": "1",
    }
    with pytest.raises(click.UsageError):
        assigned(["nothing"])


def test_spans_are_read_where_a_number_of_seconds_is_wanted() -> None:
    pairs = ["timeout=15m", "jitter=1h30m", "retry.initial=10s", "retry.maxAttempts=2", "catchupLimit=5m", "remark=1h"]
    assert assigned(pairs) == {
        "timeout": 900.0,
        "jitter": 5400.0,
        "retry": {"initial": 10.0, "maxAttempts": 2},
        "catchupLimit": "5m",
        "remark": "1h",
    }
    assert assigned(["timeout=PT1M", "timeouts=15m"]) == {"timeout": "PT1M", "timeouts": "15m"}


def test_what_options_give_and_what_set_gives_are_parts_of_one_member() -> None:
    both = merged({"promise": Parts(startWithin=300)}, assigned(["promise.finishBy=06:30", "promise.disableAfter=5"]))
    assert both == {"promise": {"startWithin": 300, "finishBy": "06:30", "disableAfter": 5}}
    stored = {"promise": {"startWithin": 60, "runsAtMost": 90}, "queue": "low"}
    changed = changed_in(stored, {"promise": Parts(startWithin=300)})
    assert changed == {"promise": {"startWithin": 300, "runsAtMost": 90}, "queue": "low"}
    assert without(changed, ["promise.runsAtMost", "queue", "odd.one"]) == {"promise": {"startWithin": 300}}
    for pair in ("promise.startWithin=60", "promise=null"):
        with pytest.raises(click.UsageError, match="promise"):
            merged({"promise": Parts(startWithin=300)}, assigned([pair]))


def test_a_promise_is_told_in_words() -> None:
    promise = Promise(start_within=90, finish_by="06:30", runs_at_most=900, success_within=93_600, disable_after=5)
    assert promised(promise) == (
        "starts within 90 s, ends by 06:30, an attempt takes 15 min at most, succeeds every 1 d 2 h, "
        "disabled after 5 failed runs in a row"
    )
    assert promised(Promise(finish_within=3600, disable_after=1)) == (
        "ends within 1 h, disabled after 1 failed run in a row"
    )


def test_parameters_are_json_where_they_are_and_text_elsewhere() -> None:
    assert parameters(None, []) is None
    assert parameters('{"a": 1, "b": 2}', ["b=x y", "c=[1]", "d="]) == {"a": 1, "b": "x y", "c": [1], "d": ""}
    with pytest.raises(click.UsageError):
        parameters("[1]", [])


def test_columns_stand_in_line_and_what_has_no_value_is_left_out() -> None:
    assert list(table(("a", "long"), [("1", None), ("22", "x")])) == ["a   long", "1   -", "22  x"]
    assert list(facts({"a": "x", "none": None, "long": {"b": 1}})) == ["a     x", 'long  {"b":1}']


@pytest.mark.parametrize(
    ("ms", "said"),
    [(None, None), (0, "0 ms"), (999, "999 ms"), (1500, "1.5 s"), (61_000, "1:01"), (3_661_000, "1:01:01")],
)
def test_durations_are_said_as_people_do(ms: int | None, said: str | None) -> None:
    assert took(ms) == said


@pytest.mark.parametrize(
    ("data", "said"),
    [
        ({"trigger": "manual", "state": "queued"}, "requested (manual)"),
        ({"trigger": "manual", "readyAt": "12:00"}, "requested (manual), to start at 12:00"),
        ({"trigger": "schedule", "nominalAt": "11:00", "waitingOn": "r1"}, "fired for 11:00, to wait behind run r1"),
    ],
)
def test_a_request_tells_what_its_run_waits_for(data: dict[str, str], said: str) -> None:
    assert list(words("run.requested", data)) == [said]


def test_an_attempt_that_failed_says_why() -> None:
    data = {"attempt": 1, "outcome": "failed", "readyAt": "12:00", "error": {"type": "KeyError", "message": "'DSN'"}}
    assert list(words("run.retryScheduled", data)) == ["attempt 1 failed, another at 12:00: KeyError: 'DSN'"]
    data |= {"outcome": "timedOut", "error": {"type": "Timeout", "message": "ran longer than 30 s"}}
    said = "attempt 1 timed out, another at 12:00: Timeout: ran longer than 30 s"
    assert list(words("run.retryScheduled", data)) == [said]


def test_events_are_told_with_their_moment_and_whose_they_are() -> None:
    data = {"at": "2026-11-23T10:00:01.250Z", "runId": "r", "done": 3, "total": 10}
    event = Event(kind="step.progress", position="0-1-1", data=data)
    assert list(told(event, of="r", at="10:00:01.250")) == ["10:00:01.250  r      ▰▰▰▱▱▱▱▱▱▱ 3 of 10"]
    assert progress(7, None) == "7"
    unknown = Event(kind="brand.new", position="0-1-2", data={"reason": "why"})
    assert list(told(unknown, at="------------")) == ["------------  brand.new: why"]


def test_every_verb_is_completed_by_the_shell() -> None:
    done = CliRunner().invoke(main.main, ["completion", "zsh"])
    assert done.exit_code == 0
    assert "_WATERCLOCK_COMPLETE=zsh_complete" in done.output
    completed = BashComplete(main.main, {}, "waterclock", "_WATERCLOCK_COMPLETE").get_completions(["job"], "")
    assert {"list", "show", "create", "edit", "trigger", "history"} <= {each.value for each in completed}


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["job", "list", "--json"], 2, "install waterclock[client]"),
        (["--help"], 0, "job         Needs waterclock[client]."),
    ],
)
def test_a_verb_whose_extra_is_missing_says_so_and_help_still_works(arguments: list[str], code: int, said: str) -> None:
    without = f"import sys; sys.modules['httpx'] = None; from waterclock.cli.main import main; main({arguments})"
    done = run([sys.executable, "-c", without], capture_output=True, text=True, check=False)
    assert (done.returncode, said in done.stdout + done.stderr) == (code, True), done.stdout + done.stderr


def test_help_tells_of_each_verb_what_the_verb_says_itself_without_importing_it() -> None:
    verbs = {entry.name: entry.load() for entry in entry_points(group=main.GROUP)}
    assert {name: verb.get_short_help_str(1_000) for name, verb in verbs.items()} == SHORT_HELP
    code = (
        "import sys; from waterclock.cli.main import main; main(['--help'], standalone_mode=False);"
        "sys.exit(' '.join(name for name in sys.modules if name.startswith('waterclock_')) or 0)"
    )
    told = run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert (told.returncode, told.stderr) == (0, "")
    assert all(text in told.stdout for text in SHORT_HELP.values())


def test_help_sorts_every_verb_into_one_section() -> None:
    sorted_in = [name for names in SECTIONS.values() for name in names]
    assert sorted(sorted_in) == sorted(SHORT_HELP)
    told = CliRunner().invoke(main.main, ["--help"]).output
    assert [line for line in told.splitlines() if line.removesuffix(":") in SECTIONS] == [
        f"{name}:" for name in SECTIONS
    ]


def test_a_shell_is_told_of_each_verb_and_option() -> None:
    completed = BashComplete(main.main, {}, "waterclock", "_WATERCLOCK_COMPLETE").get_completions([], "re")
    assert [each.value for each in completed] == ["rebuild", "reconcile", "restore"]
    completed = BashComplete(main.main, {}, "waterclock", "_WATERCLOCK_COMPLETE").get_completions([], "--")
    assert {"--help", "--version"} <= {each.value for each in completed}


def test_verbs_of_the_client_are_entry_points() -> None:
    verbs = {entry.name for entry in entry_points(group=main.GROUP) if entry.value.startswith("waterclock.cli.")}
    assert {"job", "run", "queue", "fleet", "tail", "completion", "ledger", "explain"} <= verbs


def test_each_verb_is_told_in_a_line_that_is_not_cut() -> None:
    def cut(group: click.Group, context: click.Context) -> Iterator[str]:
        for line in group.get_help(context).splitlines():
            if line.endswith("...") and not line.startswith("Usage:"):
                yield line
        for name in group.list_commands(context):
            verb = group.get_command(context, name)
            if isinstance(verb, click.Group) and name != "bench":  # for those who build it
                yield from cut(verb, click.Context(verb, context, name, terminal_width=80))

    assert list(cut(main.main, click.Context(main.main, info_name="waterclock", terminal_width=80))) == []
