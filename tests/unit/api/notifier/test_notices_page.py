"""The file that the page of notices shows is one that a notifier takes."""

from __future__ import annotations

import re

from tests.support.repository import ROOT
from waterclock.cli.yaml_values import read_yaml
from waterclock.model.notices.rule_file import read_rules
from waterclock_api.notifier.delivery.channels import heartbeat_flaws, read_channels, unresolved

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
