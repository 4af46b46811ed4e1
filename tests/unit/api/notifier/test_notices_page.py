"""The file that the page of notices shows is one that a notifier takes."""

from __future__ import annotations

import json
import re

import jsonschema
import pytest

from tests.support.repository import ROOT
from waterclock.cli.yaml_values import read_yaml
from waterclock.model.notices.rule_file import read_rules
from waterclock.model.notices.rules import schema
from waterclock_api.notifier.delivery.channels import heartbeat_flaws, read_channels, unresolved
from waterclock_api.notifier.delivery.channels import schema as channel_schema

SECRETS = {
    "ONCALL_URL": "slack://AAAAAAAAA/BBBBBBBBB/cccccccccccccccccccccccc",
    "HEARTBEAT_URL": "https://switch.example/ping/0123",
    "OPS_SECRET": "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw",
}


def test_the_file_of_the_page_is_right() -> None:
    [shown] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/reference/notices.md").read_text(), re.DOTALL)
    file = read_rules(read_yaml(shown))
    channels = read_channels(file.channels)
    assert unresolved(channels.values(), SECRETS) == ()
    assert [rule.name for rule in file.rules] == ["nightly", "installation"]
    assert file.heartbeat is not None
    assert heartbeat_flaws(file.heartbeat, SECRETS) == ()
    assert set(channels) == {"oncall", "ops"}


def test_the_schema_for_editors_is_the_one_of_the_code_and_takes_the_file_of_the_page() -> None:
    stored = json.loads((ROOT / "docs" / "notices.schema.json").read_bytes())
    assert stored == json.loads(json.dumps(schema(channel_schema())))
    [shown] = re.findall(r"```yaml\n(.*?)```", (ROOT / "docs/reference/notices.md").read_text(), re.DOTALL)
    jsonschema.validate(read_yaml(shown), stored)
    for wrong in ("rules: [{name: a, on: [lat], channels: [b]}]", "channels: {a: {mail: b}}", "heartbeet: {}"):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(read_yaml(wrong), stored)
