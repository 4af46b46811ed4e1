"""Of sentinels the majority of those in the URL counts."""

from __future__ import annotations

from typing import Any

import pytest
from redis.exceptions import ResponseError

from waterclock.log.connection.addresses import Address, Deployment, deployment_of
from waterclock.log.connection.errors import LogError, LogUnavailable
from waterclock.log.topology.sentinels import Verdict, verdict_of

SENTINELS = deployment_of("redis+sentinel://a:1,b:2,c:3/mymaster", "10.0.0.9=old.example")
OLD, NEW = Address("old.example", 6379), Address("10.0.0.2", 6379)
CALM, TILT = b"# Sentinel\r\nsentinel_tilt:0\r\n", b"# Sentinel\r\nsentinel_tilt:1\r\n"

Answer = list[Any] | LogError
old: Answer = [[b"10.0.0.9", b"6379"], CALM]
new: Answer = [[b"10.0.0.2", b"6379"], CALM]
tilted: Answer = [[b"10.0.0.2", b"6379"], TILT]
unknown: Answer = [None, CALM]
refused: Answer = [ResponseError("NOPERM"), CALM]
untold: Answer = [[b"10.0.0.2", b"6379"], ResponseError("NOPERM")]
silent: Answer = LogUnavailable("a:1 does not answer: timeout")


def verdict(*answers: Answer, deployment: Deployment = SENTINELS) -> Verdict:
    return verdict_of(deployment, dict(zip((one.address for one in deployment.sentinels), answers, strict=True)))


@pytest.mark.parametrize(
    ("answers", "primary"),
    [
        ((new, new, new), NEW),
        ((old, new, new), NEW),
        ((old, old, new), OLD),
        ((silent, new, new), NEW),
        ((untold, new, silent), NEW),
        ((old, new, silent), None),
        ((old, new, tilted), None),
        ((new, silent, silent), None),
        ((new, refused, silent), None),
        ((new, unknown, unknown), None),
        ((unknown, new, new), NEW),
    ],
)
def test_a_majority_names_the_primary(answers: tuple[Answer, ...], primary: Address | None) -> None:
    assert verdict(*answers).primary == primary


def test_one_that_others_contradict_is_told() -> None:
    assert "old.example:6379 is named by 1" in verdict(old, new, new).reason
    assert verdict(new, new, new).reason == ""


def test_two_answers_without_a_majority_are_both_told() -> None:
    reason = verdict(old, new, silent).reason
    assert "old.example:6379 is named by 1" in reason
    assert "10.0.0.2:6379 is named by 1" in reason
    assert "a:1 does not answer" in reason


def test_a_master_that_none_knows_is_told_from_silence() -> None:
    assert verdict(unknown, unknown, silent).unknown
    assert verdict(unknown, unknown, silent).reason == "2 of 3 sentinels know no master 'mymaster'"
    assert not verdict(unknown, silent, silent).unknown


def test_one_in_tilt_is_told() -> None:
    assert "c:3 is in TILT" in verdict(old, new, tilted).reason
