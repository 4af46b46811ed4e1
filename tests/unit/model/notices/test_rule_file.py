from __future__ import annotations

from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator

from waterclock.model.notices.rule_file import BadRules, read_rules
from waterclock.model.notices.rules import Heartbeat, Match, NoticeRules, Rule, schema

WRITTEN = """
channels:
  oncall: {apprise: "env:ONCALL_URL"}
  ops: {webhook: "https://ops.example/hook", secret: "env:OPS_SECRET"}
rules:
  - {name: nightly, match: {group: reports, labels: {tier: gold}}, "on": [failed, late, missing, recovered],
     after: 2, remind: 4h, channels: [oncall]}
  - {name: all, "on": [clock], channels: [oncall, ops]}
heartbeat: {url: "env:HEARTBEAT_URL", every: PT2M}
clockAfter: 45
"""


def changed(**members: Any) -> dict[str, Any]:
    rule = {"name": "r", "on": ["failed"], "channels": ["oncall"]} | members
    return {
        "channels": {"oncall": {"apprise": "x"}},
        "rules": [{name: one for name, one in rule.items() if one is not None}],
    }


def flaws(found: object) -> list[str]:
    with pytest.raises(BadRules) as caught:
        read_rules(found)
    return [str(flaw) for flaw in caught.value.flaws]


def test_a_file_is_read_whole() -> None:
    assert read_rules(yaml.safe_load(WRITTEN)) == NoticeRules(
        channels={
            "oncall": {"apprise": "env:ONCALL_URL"},
            "ops": {"webhook": "https://ops.example/hook", "secret": "env:OPS_SECRET"},
        },
        rules=(
            Rule(
                name="nightly",
                match=Match(group="reports", labels={"tier": "gold"}),
                on=("failed", "late", "missing", "recovered"),
                after=2,
                remind=14_400.0,
                channels=("oncall",),
            ),
            Rule(name="all", on=("clock",), channels=("oncall", "ops")),
        ),
        heartbeat=Heartbeat(url="env:HEARTBEAT_URL", every=120.0),
        clock_after=45.0,
    )


def test_a_bare_on_that_yaml_reads_as_true_is_a_member_all_the_same() -> None:
    found = yaml.safe_load("{channels: {c: {}}, rules: [{name: r, on: [failed], channels: [c]}]}")
    assert True in found["rules"][0]
    assert read_rules(found).rules[0].on == ("failed",)


@pytest.mark.parametrize("found", [None, {}])
def test_an_empty_file_tells_nothing(found: object) -> None:
    assert read_rules(found) == NoticeRules()


@pytest.mark.parametrize(
    ("found", "told"),
    [
        ([], ": must be a mapping, not a list"),
        ({"rule": []}, "rule: is no member here; did you mean rules?"),
        ({"rules": {}}, "rules: must be a list, not a mapping"),
        ({"clockAfter": 0.5}, "clockAfter: must be from 1 to 3600 seconds"),
        ({"heartbeat": {"every": "60s"}}, "heartbeat.url: is missing"),
        ({"heartbeat": {"url": "x", "every": "9s"}}, "heartbeat.every: must be from 10 to 86400 seconds"),
        ({"heartbeat": {"url": "x", "every": "often"}}, "heartbeat.every: is no duration"),
        ({"channels": {"a": "mailto:x"}}, "channels.a: must be a mapping, not text"),
        (changed(on=["failed", "late", "lat"]), 'rules[0].on[2]: "lat" is no kind; did you mean late?'),
        (changed(on=["timedout"]), 'rules[0].on[0]: "timedout" is no kind; did you mean timedOut?'),
        (changed(on=[]), "rules[0].on: is empty: name at least one kind"),
        (changed(on=None), "rules[0].on: is missing"),
        (changed(on="failed"), "rules[0].on: must be a list, not text"),
        (changed(on=["failed", "failed"]), "rules[0].on[1]: this kind is named before: failed"),
        (changed(on=["recovered"]), "rules[0].on: names recovered, and nothing that one can recover from"),
        (changed(channels=["onkall"]), 'rules[0].channels[0]: "onkall" is no channel; did you mean oncall?'),
        (changed(channels=[]), "rules[0].channels: is empty: name at least one channel"),
        (changed(after=0), "rules[0].after: must be a whole number from 1 to 1000"),
        (changed(after=True), "rules[0].after: must be a whole number from 1 to 1000"),
        (changed(after=3, on=["late"]), "rules[0].after: has no effect"),
        (changed(remind="4 hours"), "rules[0].remind: is no duration: write 4h"),
        (changed(remind="30s"), "rules[0].remind: must be from 60 to 31622400 seconds"),
        (changed(remind="4h", on=["unreadable"]), "rules[0].remind: has no effect"),
        (changed(name=""), "rules[0].name: is empty"),
        (changed(name="a\nb"), "rules[0].name: must be 1 to 64 visible characters"),
        (changed(name=7), "rules[0].name: must be text, not a number"),
        (changed(match={"grp": "x"}), "rules[0].match.grp: is no member here; did you mean group?"),
        (changed(match={"labels": {"tier": 1}}), "rules[0].match.labels.tier: must be text: put it in quotes"),
        (changed(match={"labels": {"a b/c": "x"}}), "rules[0].match.labels.a b/c: is not a label name"),
        (changed(chanels=["oncall"]), "rules[0].chanels: is no member here; did you mean channels?"),
        ({"rules": [None]}, "rules[0]: must be a mapping, not nothing"),
    ],
)
def test_what_is_wrong_is_told_by_its_path(found: object, told: str) -> None:
    assert [one for one in flaws(found) if (one if told[0] != ":" else f": {one}").startswith(told)], flaws(found)


def test_two_rules_of_one_name_are_refused() -> None:
    found = changed()
    found["rules"] *= 2
    assert flaws(found) == ["rules[1].name: another rule is named r"]


def test_every_flaw_is_told_at_once() -> None:
    assert len(flaws(changed(on=["lat"], after=0, channels=["x"], remind="x"))) == 4


def test_the_schema_takes_the_file_and_refuses_what_reading_refuses() -> None:
    found = schema()
    Draft202012Validator.check_schema(found)
    validator: Any = Draft202012Validator(found)
    assert validator.is_valid(yaml.safe_load(WRITTEN))
    assert validator.is_valid(changed(remind=None))
    for wrong in (changed(on=["lat"]), changed(on=[]), changed(after=0), changed(remind=30), changed(grp="x")):
        assert not validator.is_valid(wrong)


def test_the_schema_takes_what_is_known_of_channels() -> None:
    found = schema({"type": "object", "required": ["apprise"]})
    validator: Any = Draft202012Validator(found)
    assert validator.is_valid({"channels": {"a": {"apprise": "x"}}})
    assert not validator.is_valid({"channels": {"a": {}}})
