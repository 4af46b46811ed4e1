"""The channels of the notices file: read, resolved, and never shown."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from waterclock.model.notices import rules
from waterclock.model.notices.rule_file import BadRules
from waterclock_api.notifier.delivery.channels import (
    AppriseChannel,
    AppriseTarget,
    WebhookChannel,
    WebhookTarget,
    read_channels,
    resolve,
    schema,
    unresolved,
)

KEY = "whsec_aGFyZGx5IGEgc2VjcmV0IG9mIGFueWJvZHk="
OTHER_KEY = "YW5vdGhlciBzZWNyZXQgb2Ygbm9ib2R5IGF0IGFsbA"
HOOK = {"webhook": "https://ops.example/hook", "secret": "env:OPS_SECRET"}


def test_channels_are_read_with_their_references() -> None:
    channels = read_channels({"oncall": {"apprise": "env:ONCALL_URL"}, "ops.eu-1": HOOK})

    assert channels == {
        "oncall": AppriseChannel(name="oncall", address="env:ONCALL_URL"),
        "ops.eu-1": WebhookChannel(name="ops.eu-1", url="https://ops.example/hook", secret="env:OPS_SECRET"),
    }


@pytest.mark.parametrize(
    ("found", "path", "message"),
    [
        ({"a": "env:X"}, "channels.a", "object"),
        ({"a": None}, "channels.a", "object"),
        ({"a": {}}, "channels.a", "needs `apprise`, or `webhook`"),
        ({"a": {"apprise": 7}}, "channels.a.apprise", "str"),
        ({"a": {"appprise": "env:X"}}, "channels.a", "unknown field appprise"),
        ({"a": {"apprise": "env:X", "secret": "env:Y"}}, "channels.a.secret", "stands beside"),
        ({"a": {"apprise": "env:X", "webhook": "env:Y"}}, "channels.a.webhook", "stands beside"),
        ({"a": {"apprise": "no address"}}, "channels.a.apprise", "is no address"),
        ({"a": {"apprise": "env:NO-NAME"}}, "channels.a.apprise", "is no address"),
        ({"a": {"apprise": "file:relative"}}, "channels.a.apprise", "is no address"),
        ({"a": {"webhook": "https://ops.example/hook"}}, "channels.a.secret", "is missing"),
        ({"a": HOOK | {"secret": KEY}}, "channels.a.secret", "never the key itself"),
        ({"a": HOOK | {"webhook": "ftp://ops.example"}}, "channels.a.webhook", "is no URL"),
        ({"a": HOOK | {"webhook": "https://user:pa55@ops.example"}}, "channels.a.webhook", "is no URL"),
    ],
)
def test_what_is_wrong_is_told_by_its_place(found: Any, path: str, message: str) -> None:
    with pytest.raises(BadRules) as refused:
        read_channels(found)

    (flaw,) = refused.value.flaws
    assert flaw.path == path
    assert message in flaw.message
    for secret in ("t0ken", "pa55", KEY):
        assert secret not in str(refused.value)


def test_everything_that_is_wrong_is_told_at_once() -> None:
    with pytest.raises(BadRules) as refused:
        read_channels({"a": {}, "b": {"webhook": "x"}, "c": HOOK})

    assert [flaw.path for flaw in refused.value.flaws] == [
        "channels.a",
        "channels.b.webhook",
        "channels.b.secret",
    ]


@pytest.mark.parametrize(
    ("channel", "fits"),
    [
        ({"apprise": "env:X"}, True),
        (HOOK, True),
        ({}, False),
        ({"webhook": "https://ops.example"}, False),
        (HOOK | {"secret": KEY}, False),
        (HOOK | {"apprise": "env:X"}, False),
        ({"apprise": "env:X", "secret": "env:Y"}, False),
        ({"appprise": "env:X"}, False),
        ({"apprise": 7}, False),
        ({"apprise": None}, False),
        ("env:X", False),
    ],
)
def test_an_editor_is_told_the_same_of_a_channel(channel: Any, fits: bool) -> None:
    whole = rules.schema(schema())
    Draft202012Validator.check_schema(whole)
    validator: Any = Draft202012Validator(whole)

    assert validator.is_valid({"channels": {"ops": channel}}) is fits
    if fits:
        assert read_channels({"ops": channel})
    else:
        with pytest.raises(BadRules):
            read_channels({"ops": channel})


def test_references_are_resolved_when_they_are_asked_for(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text(f"{KEY}\n")
    (channel,) = read_channels({"ops": {"webhook": "env:HOOK", "secret": f"file:{file}"}}).values()
    first = resolve(channel, {"HOOK": "https://ops.example/t0ken"})
    file.write_text(f"{OTHER_KEY} {KEY}\n")
    second = resolve(channel, {"HOOK": "https://ops.example/t0ken"})

    assert isinstance(first, WebhookTarget)
    assert isinstance(second, WebhookTarget)
    assert str(first.url) == "https://ops.example/t0ken"
    assert (first.keys, second.keys) == ((KEY,), (OTHER_KEY, KEY))


def test_an_address_may_be_written_or_referred_to() -> None:
    found = read_channels({"a": {"apprise": "env:A"}, "b": {"apprise": "mailto://u@mail.example"}})

    assert resolve(found["a"], {"A": " slack://a/b/c\n"}) == AppriseTarget("slack://a/b/c")
    assert resolve(found["b"], {}) == AppriseTarget("mailto://u@mail.example")


@pytest.mark.parametrize(
    "key",
    ["", "   ", "whsec_", "hush", "whsec_not base64", "whsec_" + "A" * 31, "A" * 200, KEY + "!", f"{KEY} hush",
     " ".join([KEY] * 5)],
)  # fmt: skip
def test_a_key_that_is_none_of_the_standard_is_told_without_being_shown(key: str) -> None:
    (channel,) = read_channels({"ops": HOOK}).values()
    (flaw,) = unresolved([channel], {"OPS_SECRET": key})

    assert flaw.path == "channels.ops.secret"
    assert KEY not in flaw.message
    assert "hush" not in flaw.message


@pytest.mark.parametrize(
    ("environment", "path", "message"),
    [
        ({}, "channels.a.apprise", "the notifier's environment has no variable A"),
        ({"A": "\n"}, "channels.a.apprise", "env:A is empty"),
        ({"A": "t0ken"}, "channels.a.apprise", "is no address"),
        ({"A": "json://" + "t0ken" * 1000}, "channels.a.apprise", "is no address"),
        ({"A": "json://t0ken\u202ex"}, "channels.a.apprise", "is no address"),
    ],
)
def test_a_reference_that_does_not_resolve_is_told(environment: dict[str, str], path: str, message: str) -> None:
    (flaw,) = unresolved(read_channels({"a": {"apprise": "env:A"}}).values(), environment)

    assert flaw.path == path
    assert message in flaw.message
    assert "t0ken" not in flaw.message


def test_nothing_that_may_be_a_secret_is_shown_by_repr() -> None:
    channels = read_channels(
        {
            "a": {"apprise": "slack://t0ken/t0ken/t0ken"},
            "b": {"webhook": "https://ops.example/t0ken", "secret": "env:K"},
        }
    )
    targets = [resolve(channel, {"K": KEY}) for channel in channels.values()]

    shown = f"{channels} {channels!r} {targets} {targets!r}"
    assert "t0ken" not in shown
    assert KEY not in shown
