"""Dashboards and alert rules: what they ask for is what we tell, and Grafana and Prometheus can read them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import yaml
from jsonschema import Draft202012Validator
from promql_parser import parse  # pyright: ignore[reportMissingModuleSource, reportUnknownVariableType]

from tests.support.pages import blocks
from tests.support.repository import DOCS, script
from tests.unit.deploy.stands import DEPLOY, ROOT
from waterclock.kit.telemetry.catalog import ALL
from waterclock.kit.telemetry.metrics import Histogram

BOARDS = sorted((DEPLOY / "grafana").glob("*.json"))
RULES = DEPLOY / "prometheus" / "rules.yaml"
SCHEMA = ROOT / "tests" / "golden" / "grafana-dashboard.schema.json"


def board(path: Path) -> dict[str, Any]:
    return json.loads(path.read_text())


def rules() -> list[dict[str, Any]]:
    return [rule for group in yaml.safe_load(RULES.read_text())["groups"] for rule in group["rules"]]


def queries() -> Iterator[str]:
    """Of all panels, as Grafana sends them."""
    for path in BOARDS:
        for panel in board(path)["panels"]:
            for target in panel["targets"]:
                yield target["expr"].replace("$__rate_interval", "30s")


def names(expression: str) -> set[str]:
    return set(re.findall(r"\b(?:waterclock|http_server)_\w+", expression))


def told() -> set[str]:
    found: set[str] = set()
    for metric in ALL:
        ends = ("_bucket", "_sum", "_count") if isinstance(metric, Histogram) else ("",)
        found |= {metric.name + end for end in ends}
    return found


def test_each_query_and_each_rule_is_promql_and_asks_for_what_is_told() -> None:
    asked = [*queries(), *(rule["expr"] for rule in rules())]

    assert len(asked) > 60
    for expression in asked:
        parse(expression)
        assert names(expression)
        assert names(expression) <= told(), expression


def test_every_metric_is_on_a_dashboard() -> None:
    shown = {name for query in queries() for name in names(query)}

    assert {metric.name for metric in ALL} <= {re.sub(r"_bucket$", "", name) for name in shown}


def test_the_dashboards_are_what_their_code_writes() -> None:
    code = script(DEPLOY / "grafana" / "dashboards.py")

    assert [path.stem for path in BOARDS] == sorted(code.BOARDS)
    for path in BOARDS:
        assert path.read_text() == code.text(path.stem), f"run {code.__file__}"


@pytest.mark.parametrize("path", BOARDS, ids=lambda path: path.stem)
def test_a_dashboard_is_what_grafana_reads(path: Path) -> None:
    errors = list(Draft202012Validator(json.loads(SCHEMA.read_text())).iter_errors(board(path)))  # pyright: ignore[reportUnknownMemberType]

    assert not errors, errors
    panels = board(path)["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)


def test_panels_lead_to_traces_by_spans_that_we_make() -> None:
    sources = yaml.safe_load((DEPLOY / "compose" / "grafana.yaml").read_text())["datasources"]
    known = {source["uid"] for source in sources}
    code = "".join(path.read_text() for path in ROOT.glob("s*/**/src/**/*.py"))
    asked: set[str] = set()
    for path in BOARDS:
        for panel in board(path)["panels"]:
            assert panel["datasource"]["uid"] in known
            for link in panel["fieldConfig"]["defaults"]["links"]:
                (panes,) = parse_qs(urlsplit(str(link["url"])).query)["panes"]
                pane = json.loads(panes)["t"]
                assert pane["datasource"] in known
                assert pane["range"] == {"from": "${__from}", "to": "${__to}"}
                asked |= set(re.findall(r'operation.name = "(\w+)"', pane["queries"][0]["query"]))

    assert asked == {"attempt", "claim", "decide", "project"}
    for name in asked:
        assert re.search(rf'messaging\(\s*"\w+",\s*"{name}"', code), name


@pytest.mark.parametrize("page", ["how-to/alert.md", "tutorial/nightly-report.md"])
def test_what_a_page_shows_for_prometheus_is_read_by_it(page: str) -> None:
    shown = [yaml.safe_load(block.text) for block in blocks(DOCS / page) if "test_watching.py" in block.test]
    own: list[dict[str, Any]] = [rule for each in shown if isinstance(each, list) for rule in each]  # pyright: ignore[reportUnknownVariableType]
    configured: list[Any] = [one for each in shown if isinstance(each, dict) for one in each["scrape_configs"]]  # pyright: ignore[reportUnknownVariableType]

    assert own
    for rule in own:
        parse(rule["expr"])
        assert names(rule["expr"])
        assert names(rule["expr"]) <= told()
        assert rule.keys() <= {"alert", "expr", "for", "labels", "annotations"}
    for one in configured:
        assert one["honor_labels"] is True
    known = {rule["alert"] for rule in rules()} | {rule["alert"] for rule in own}
    assert set(re.findall(r"`(Waterclock[A-Z]\w+)`", (DOCS / page).read_text())) <= known


def test_each_alert_has_its_runbook_and_says_whom_to_wake() -> None:
    runbook = (ROOT / "docs" / "reference/alerts.md").read_text().splitlines()
    tested = (RULES.parent / "rules_test.yaml").read_text()

    for rule in rules():
        assert f"## `{rule['alert']}`" in runbook, rule["alert"]
        assert rule["alert"] in tested
        assert rule["labels"]["severity"] in {"page", "warn"}
        assert rule["annotations"]["summary"]
