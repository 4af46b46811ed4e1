"""What was told, over HTTP and at a terminal: which notices, and how they are delivered."""

from __future__ import annotations

from typing import Any

import msgspec

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Rig, served
from tests.integration.api.terminal import Terminal
from waterclock.cli.notices.told import list_
from waterclock.kit.clock import SystemClock
from waterclock.model.ids import JobId, RunId
from waterclock.model.notices.notice import Notice
from waterclock.model.timestamps import stamp
from waterclock.store.notices import deliveries, mutes, outbox

NOTICES = "/v1/monitor/notices"
AT = SystemClock().now_ms()  # what is older than an hour is told in digests alone
FAILED = Notice(
    id="n1",
    kind="failed",
    rule="nightly",
    channels=("oncall", "ops"),
    at=AT,
    since=AT - 60_000,
    count=3,
    position="0-1-7",
    job=JobId("job-a"),
    run=RunId("job-a-1"),
    group="reports",
    name="nightly",
    instant=AT - 120_000,
    attempt=2,
)
SAME = msgspec.structs.replace(FAILED, id="n2", rule="everything", channels=("ops",))
LATE = msgspec.structs.replace(
    FAILED, id="n3", kind="late", at=AT + 1, count=1, due=AT, what="start", attempt=None, run=RunId("job-a-2")
)
OVER = msgspec.structs.replace(
    FAILED, id="n4", kind="recovered", at=AT + 2, of="n1", recovers="failed", run=RunId("job-a-3")
)
LOST = Notice(
    id="n5", kind="clock", rule="nightly", channels=("oncall",), at=AT + 3, since=AT, reason="hole 0-1-1 0-2-4"
)


async def told(api: Rig, *notices: Notice) -> None:
    async with api.parts.reading() as connection:
        await outbox.record(connection, notices, ())


async def asked(api: Rig, **query: Any) -> dict[str, Any]:
    response = await api.http.get(NOTICES, params=query)
    assert response.status_code == 200, response.text
    return response.json()


async def ids(api: Rig, **query: Any) -> list[str]:
    return [one["id"] for one in (await asked(api, **query))["items"]]


async def test_a_notice_tells_what_happened_and_how_it_was_delivered(rig: MakeRig) -> None:
    async with rig() as api:
        await told(api, FAILED)
        async with api.parts.reading() as connection:
            claimed = await deliveries.claim(connection, {"oncall": 9, "ops": 9}, lease=9, claim="c")
            sent = {one.channel: one for one in claimed}
            await deliveries.postpone(connection, sent["ops"], "c", after=60, said="answered 500")
            await deliveries.settle(connection, sent["oncall"], "c", "delivered")
        (one,) = (await asked(api))["items"]
        by_channel = {each["channel"]: each for each in one.pop("deliveries")}
        assert one == {
            "id": "n1",
            "kind": "failed",
            "rule": "nightly",
            "at": stamp(AT),
            "since": stamp(AT - 60_000),
            "count": 3,
            "jobId": "job-a",
            "jobGroup": "reports",
            "jobName": "nightly",
            "runId": "job-a-1",
            "instant": stamp(AT - 120_000),
            "last": None,
            "due": None,
            "what": None,
            "attempt": 2,
            "position": "0-1-7",
            "reason": None,
            "reminder": 0,
            "recovers": None,
            "of": None,
        }
        delivered, waits = by_channel["oncall"], by_channel["ops"]
        assert (delivered["state"], delivered["tries"], delivered["error"]) == ("delivered", 1, None)
        assert (delivered["at"] is None, delivered["nextTryAt"]) == (False, None)
        assert (waits["state"], waits["tries"], waits["error"], waits["at"]) == ("waiting", 1, "answered 500", None)
        assert waits["nextTryAt"] is not None
        assert (delivered["mute"], waits["mute"]) == (None, None)


async def test_what_was_kept_back_names_the_mute(rig: MakeRig) -> None:
    async with rig() as api:
        await told(api, FAILED)
        muted = await api.http.post(f"{NOTICES}/mutes", json={"all": True, "for": 60, "reason": "a move"})
        async with api.parts.reading() as connection:
            assert await mutes.settle_waiting(connection) == 2
        (one,) = (await asked(api))["items"]
        states = {(each["state"], each["mute"], each["error"], each["tries"]) for each in one["deliveries"]}
        assert states == {("muted", muted.json()["id"], None, 0)}


async def test_rules_that_say_the_same_show_the_message_that_they_share(rig: MakeRig) -> None:
    async with rig() as api:
        await told(api, FAILED, SAME)
        shown = {one["id"]: [each["channel"] for each in one["deliveries"]] for one in (await asked(api))["items"]}
        assert {name: sorted(channels) for name, channels in shown.items()} == {"n1": ["oncall", "ops"], "n2": ["ops"]}


async def test_notices_are_filtered(rig: MakeRig) -> None:
    async with rig() as api:
        await told(api, FAILED, SAME, LATE, OVER, LOST)
        assert await ids(api) == ["n5", "n4", "n3", "n2", "n1"]
        assert await ids(api, jobId="job-a") == ["n4", "n3", "n2", "n1"]
        assert await ids(api, runId=["job-a-2", "job-a-3"]) == ["n4", "n3"]
        assert await ids(api, kind=["late", "clock"]) == ["n5", "n3"]
        assert await ids(api, rule="everything") == ["n2"]
        assert await ids(api, **{"from": stamp(AT + 1), "to": stamp(AT + 2)}) == ["n4", "n3"]
        assert await ids(api, jobId="job-b") == []


async def test_they_come_in_pages_of_which_each_goes_on_where_the_last_ended(rig: MakeRig) -> None:
    async with rig() as api:
        await told(api, FAILED, SAME, LATE, OVER, LOST)
        found: list[str] = []
        cursor: dict[str, str] = {}
        while True:
            page = await asked(api, limit=2, **cursor)
            assert len(page["items"]) <= 2
            found += [one["id"] for one in page["items"]]
            if page["nextCursor"] is None:
                break
            cursor = {"cursor": page["nextCursor"]}
        assert found == ["n5", "n4", "n3", "n2", "n1"]


async def test_what_cannot_be_asked_is_refused_by_its_name(rig: MakeRig) -> None:
    async with rig() as api:
        for query in ({"kind": "lat"}, {"from": "soon"}, {"cursor": "x"}, {"limit": "0"}):
            response = await api.http.get(NOTICES, params=query)
            assert response.status_code == 400, response.text
            (name,) = query
            assert f"?{name}" in response.json()["detail"]


async def test_they_are_read_with_the_scope_of_lists(rig: MakeRig) -> None:
    async with rig(keyed=True) as api:
        for scope, status in (("list", 200), ("run", 403)):
            key = await api.key(scope)
            response = await api.http.get(NOTICES, headers={"Authorization": f"Bearer {key}"})
            assert response.status_code == status


async def test_a_terminal_shows_them(rig: MakeRig) -> None:
    async with rig() as api:
        await told(api, FAILED, OVER, LOST)
        async with served(api) as url:
            kinds = ("--kind", "failed", "--kind", "recovered", "--kind", "clock")
            done = await Terminal(url).run(list_, *kinds)
        assert done.exit_code == 0, done.output
        lines = done.stdout
        assert "clock" in lines
        assert "recovered (failed)" in lines
        assert "failed (3 times)" in lines
        assert "reports/nightly  job-a-1" in lines
        assert "oncall: waiting; ops: waiting" in lines
