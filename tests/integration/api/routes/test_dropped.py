"""What a repair has dropped is listed, and the runs among it are requested again: each once, under its own key."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest

from tests.contract.log.build import ask, run_of, wish
from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig, projected, served
from tests.integration.api.terminal import Terminal
from tests.support.lost_tail import lose_after, put_back, rows_of
from waterclock.cli.verbs.dropped import dropped
from waterclock.log.recovery.opening import open_partition
from waterclock.log.tail import tail_of
from waterclock.model.ids import JobId
from waterclock_api.commands import requeue
from waterclock_api.consistency import sole_server

DROPPED = "/v1/monitor/dropped"
REQUEUE = f"{DROPPED}/requeue"


class Branch(NamedTuple):
    """Runs that only an old branch of the log knows, by how they were asked for."""

    job_id: str
    keyed: str
    free: str
    ended: str
    again: str
    due: str


async def keyed(api: Rig, path: str, key: str, **body: Any) -> str:
    answer = await api.http.post(path, json=body, headers={"Idempotency-Key": key})
    assert answer.status_code == 202, answer.text
    return answer.json()["runId"]


@asynccontextmanager
async def forked(rig: MakeRig, monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[tuple[Rig, Branch]]:
    """An old primary went on while another had taken its place, and came back: a repair has dropped its branch."""
    monkeypatch.setattr(sole_server, "APART", 0.2)
    async with rig(projecting=False) as api:

        def projecting() -> Any:
            return projected(api.redis_url, api.postgres_url, api.log.keys.prefix)

        async with projecting():
            worker = await api.worker()
            job_id = (await api.create(concurrent="0"))["id"]
            await api.caught_up()
        common = await tail_of(api.log, 0)
        assert common is not None
        trigger = f"{JOBS}/{job_id}/trigger"
        ended = await keyed(api, RUNS, "three", invokeTarget="demo.noop")
        grant = await worker.claim_one()
        await worker.step(grant, "Collect", "a line")
        await worker.succeed(grant)
        branch = Branch(
            job_id=job_id,
            keyed=await keyed(api, trigger, "one", reason="because"),
            free=await api.ask(labels={"a": "b"}),
            ended=ended,
            again=await keyed(api, trigger, "two"),
            due=run_of(7, JobId(job_id)),
        )
        await ask(api.log, wish(7, job_id=JobId(job_id)))
        old = await rows_of(api.log, 0)
        await lose_after(api.log, 0, common.seq)
        await open_partition(api.log, 0, epoch=common.epoch + 1, expect_tail=common.entry)
        async with projecting():
            await api.caught_up()
        await put_back(api.log, 0, old, epoch=common.epoch)
        async with projecting():
            await api.caught_up()
            yield api, branch


async def typed(api: Rig, *arguments: str) -> tuple[int, str]:
    """Exit code and output of the verb."""
    async with served(api) as url:
        result = await Terminal(url).run(dropped, *arguments)
    return result.exit_code, result.output


async def fates(api: Rig, status: int, **body: Any) -> dict[str, str]:
    answer = await api.http.post(REQUEUE, json=body)
    assert answer.status_code == status, answer.text
    return {item["runId"]: item["fate"] for item in answer.json()["items"]}


async def test_what_was_dropped_is_listed_and_its_runs_are_asked_for_again(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with forked(rig, monkeypatch) as (api, branch):
        whole = (await api.http.get(DROPPED)).json()["items"]
        assert [item["event"]["type"] for item in whole] == [
            *("run.requested", "run.started", "step.started", "step.log", "step.finished", "run.succeeded"),
            *("run.requested", "run.requested", "run.requested", "run.requested"),
        ]
        assert {item["fork"] for item in whole} == {3}
        pages: list[str] = []
        cursor: str | None = None
        while True:
            query = {"type": "run.requested", "limit": 3} | ({} if cursor is None else {"cursor": cursor})
            page = (await api.http.get(DROPPED, params=query)).json()
            pages += [item["event"]["runId"] for item in page["items"]]
            if (cursor := page["nextCursor"]) is None:
                break
        assert pages == [branch.ended, branch.keyed, branch.free, branch.again, branch.due]
        for run_id in pages:
            assert (await api.http.get(f"{RUNS}/{run_id}")).status_code == 404

        # whoever asks again with the key has the run; nothing is to be done for it
        assert await keyed(api, f"{JOBS}/{branch.job_id}/trigger", "two") == branch.again
        assert await fates(api, 200) == {
            branch.ended: "ended",
            branch.keyed: "wouldRequeue",
            branch.free: "wouldRequeue",
            branch.again: "known",
            branch.due: "scheduled",
        }
        code, out = await typed(api, "requeue")
        assert (code, "2 of 5 would be requested again" in out, "1 have ended, and are left" in out) == (
            0,
            True,
            True,
        ), out
        assert (await api.http.get(f"{RUNS}/{branch.free}")).status_code == 404, "nothing was done"

        code, out = await typed(api, "requeue", "--run")
        assert (code, "2 of 5 requested again, 0 refused" in out) == (0, True), out
        assert set((await fates(api, 202, dryRun=False)).values()) == {"known", "ended", "scheduled"}
        await api.caught_up()
        run = (await api.http.get(f"{RUNS}/{branch.keyed}")).json()
        assert (run["jobId"], run["reason"], run["trigger"]) == (branch.job_id, "because", "manual")
        assert (await api.http.get(f"{RUNS}/{branch.free}")).json()["labels"] == {"a": "b"}
        assert await keyed(api, f"{JOBS}/{branch.job_id}/trigger", "one", reason="because") == branch.keyed
        assert len((await api.http.get(RUNS)).json()["items"]) == 3

        assert (await fates(api, 202, dryRun=False, executed=True))[branch.ended] == "requeued"
        assert await keyed(api, RUNS, "three", invokeTarget="demo.noop") == branch.ended


async def test_what_cannot_be_asked_for_again_is_refused_and_old_keys_are_warned_of(
    rig: MakeRig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with forked(rig, monkeypatch) as (api, branch):
        monkeypatch.setattr(requeue, "KEYS_KEPT_MS", -60_000)
        code, out = await typed(api, "requeue")
        assert (code, "warning: 2 were requested more than 24 h ago" in out) == (0, True), out
        assert (await api.http.delete(f"{JOBS}/{branch.job_id}")).status_code == 204
        api.parts.memory.forget(branch.job_id)
        code, out = await typed(api, "requeue", "--run", "--executed")
        assert (code, out.count("refused: The job"), "2 of 5 requested again, 2 refused" in out) == (1, 2, True), out
        code, out = await typed(api, "list", "--type", "run.succeeded")
        assert (code, branch.ended in out) == (0, True), out


async def test_only_what_a_fork_that_is_archived_has_dropped_is_told_and_only_to_admins(rig: MakeRig) -> None:
    async with rig(keyed=True) as api:
        assert (await api.http.get(DROPPED)).json() == {"items": [], "nextCursor": None}
        async with api.parts.reading() as connection:
            await connection.execute(
                "INSERT INTO dropped (partition, fork, epoch, seq, prev, at, type, document)"
                " VALUES (0, 9, 1, 5, '1-4', now(), 'run.requested', '{}')"
            )
        assert (await api.http.get(DROPPED)).json()["items"] == []
        assert (await api.http.post(REQUEUE)).json()["items"] == []
        for wrong in ({"cursor": "x"}, {"type": "nothing"}, {"limit": 0}):
            assert (await api.http.get(DROPPED, params=wrong)).status_code == 400
        assert (await api.http.post(REQUEUE, json={"dryRun": 1})).status_code == 422
        key = await api.key("list", "query", "add", "edit", "run", "export")
        headers = {"Authorization": f"Bearer {key}"}
        assert (await api.http.get(DROPPED, headers=headers)).status_code == 403
        assert (await api.http.post(REQUEUE, headers=headers)).status_code == 403
