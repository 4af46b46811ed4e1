"""`job create` and `job edit` say in their help what `--set` takes."""

from __future__ import annotations

import pytest
from click.testing import CliRunner

from waterclock.cli.verbs.job_definitions import create, edit
from waterclock.kit.text.members import members
from waterclock.model.definition import PARTS, Definition
from waterclock.model.promise import Promise
from waterclock.model.retry import RetryPolicy


@pytest.mark.parametrize("command", [create, edit], ids=["create", "edit"])
def test_each_field_is_listed_with_what_it_means_and_may_be(command: object) -> None:
    help_ = " ".join(CliRunner().invoke(command, ["--help"], terminal_width=100).output.split())  # pyright: ignore[reportArgumentType]
    listed = help_[help_.index("Fields of a job, for --set") :]
    whole = [member for member in members(Definition) if member.name not in PARTS]
    for member in (*whole, *members(RetryPolicy), *members(Promise)):
        assert f"{member.name} {member.summary.replace('`', '').rstrip('.')}" in listed
    for values in ("runAll, runOnce or skip", "shift or skip", "skip, buffer_one, buffer_all or cancel_other"):
        assert values in listed
