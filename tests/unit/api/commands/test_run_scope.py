"""What is asked of who may only run where it cannot be told what an executor is."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, cast

import pytest

from waterclock.log.commands.idempotency import Command
from waterclock.model.errors import TryLater
from waterclock.model.events import ExecutorSpec
from waterclock.model.parameters.authority import Asked
from waterclock_api.access.credentials import BeyondRun
from waterclock_api.commands.run_scope import hold, hold_without_job
from waterclock_api.dependencies import Dependencies
from waterclock_api.http.caller import Caller, Patience
from waterclock_api.validation.announced_places import Announced


class Registry:
    """What is known of executors: None while Postgres is away."""

    announced: tuple[Announced, ...] = ()

    def __init__(self, known: dict[str, ExecutorSpec] | None) -> None:
        self._known = known

    async def known(self, wanted: str) -> dict[str, ExecutorSpec] | None:
        del wanted
        return self._known


def parts(known: dict[str, ExecutorSpec] | None) -> Dependencies:
    return cast("Dependencies", SimpleNamespace(registry=Registry(known)))


def caller(*, may_edit: bool = False) -> Caller:
    return Caller(
        actor="key:ci",
        may_edit=may_edit,
        command=Command(id="c"),
        traceparent=None,
        patience=Patience(0, None),
        versions=None,
    )


def asked(target: str, **params: Any) -> Asked:
    return Asked(target, params, "default")


NOOP = ExecutorSpec(key="demo.noop", description="", params_schema={})


async def test_while_it_cannot_be_told_nothing_is_let_through() -> None:
    with pytest.raises(TryLater):
        await hold(parts(None), caller(), asked("acme.sync"), None)
    for target in ("db.backup", "db:restore-drill"):
        with pytest.raises(BeyondRun, match="scope 'edit'"):
            await hold(parts(None), caller(), asked(target), None)
    with pytest.raises(BeyondRun, match=r"/params/sign/key"):
        await hold(parts(None), caller(), asked("http.request", sign={"key": "env:A"}), None)
    await hold(parts(None), caller(), asked("http.request", url="https://x.example"), None)
    await hold(parts(None), caller(may_edit=True), asked("acme.sync"), None)


async def test_what_the_job_says_is_sent_without_asking_anybody() -> None:
    job = asked("acme.sync", n=1)
    await hold(parts(None), caller(), job, job)


async def test_of_a_job_that_is_gone_only_what_is_free_runs_again() -> None:
    known = {"demo.noop": NOOP}
    await hold_without_job(parts(known), caller(), asked("demo.noop", n=1), "j")
    await hold_without_job(parts(known), caller(may_edit=True), asked("db.backup"), "j")
    for target in ("db.backup", "acme.sync"):
        with pytest.raises(BeyondRun, match="/params"):
            await hold_without_job(parts(known), caller(), asked(target), "j")


async def test_a_refusal_is_a_short_line_whatever_is_sent() -> None:
    sent = {f"{'m' * 1000}{n}": n for n in range(500)}
    with pytest.raises(BeyondRun) as refused:
        await hold(parts({}), caller(), Asked("db.backup", sent, "default"), asked("db.backup"))
    assert len(str(refused.value)) < 2000
    assert len(refused.value.flaws) == 100
