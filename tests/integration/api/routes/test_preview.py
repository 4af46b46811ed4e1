"""What an expression means, over HTTP: words, instants, and what a change of the clock does to them."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import Rig

PREVIEW = "/v1/monitor/schedules/preview"
BERLIN = "Europe/Berlin"
MOVED = ("03:00:00+02:00", "moved: the clock went forward")
FIRST = ("02:30:00+02:00", "first pass: the clock is about to go back")
SECOND = ("02:30:00+01:00", "second pass: the clock went back")


async def asked(api: Rig, expression: str, **body: Any) -> httpx.Response:
    return await api.http.post(PREVIEW, json={"cronExpression": expression} | body)


async def previewed(api: Rig, expression: str, **body: Any) -> dict[str, Any]:
    response = await asked(api, expression, **body)
    assert response.status_code == 200, response.text
    return response.json()


async def test_an_expression_is_told_in_words_with_its_next_instants(rig: MakeRig) -> None:
    async with rig() as api:
        found = await previewed(api, "30 9 * * MON-FRI", timezone=BERLIN, count=2, **{"from": "2026-11-27T08:30:00Z"})
        assert found == {
            "words": "at 09:30 from Monday to Friday, Europe/Berlin",
            "dialect": "unix",
            "timezone": BERLIN,
            "items": [
                {"at": "2026-11-30T08:30:00.000Z", "local": "2026-11-30T09:30:00+01:00", "note": None},
                {"at": "2026-12-01T08:30:00.000Z", "local": "2026-12-01T09:30:00+01:00", "note": None},
            ],
            "leftOut": [],
            "notes": [],
        }
        found = await previewed(api, "0 0 9 ? * 2", cronDialect="quartz")
        assert (found["words"], found["dialect"], len(found["items"])) == ("at 09:00 on Mondays, UTC", "quartz", 10)
        assert len((await previewed(api, "* * * * * *", count=1000))["items"]) == 1000


@pytest.mark.parametrize(
    ("since", "rules", "items", "left_out"),
    [
        ("2027-03-27T12:00Z", {}, [MOVED], []),
        ("2027-03-27T12:00Z", {"dstGap": "skip"}, [("02:30:00+02:00", None)], [MOVED]),
        ("2026-10-24T12:00Z", {}, [FIRST], []),
        ("2026-10-24T12:00Z", {"count": 2}, [FIRST, ("02:30:00+01:00", None)], [SECOND]),
        ("2026-10-24T12:00Z", {"count": 2, "dstFold": "both"}, [FIRST, SECOND], []),
    ],
)
async def test_a_change_of_the_clock_is_marked_also_where_it_leaves_an_instant_out(
    rig: MakeRig,
    since: str,
    rules: dict[str, Any],
    items: list[tuple[str, str | None]],
    left_out: list[tuple[str, str | None]],
) -> None:
    async with rig() as api:
        found = await previewed(api, "30 2 * * *", timezone=BERLIN, **{"from": since, "count": 1} | rules)
        assert [(item["local"][11:], item["note"]) for item in found["items"]] == items
        assert [(item["local"][11:], item["note"]) for item in found["leftOut"]] == left_out


async def test_what_follows_from_a_jobs_id_is_told_for_that_job(rig: MakeRig) -> None:
    async with rig() as api:
        await api.worker()
        for expression in ("H H * * *", "@every 7h"):
            job = await api.create(jobName=expression, cronExpression=expression)
            example = await previewed(api, expression)
            assert "jobId" in example["notes"][0]
            own = await previewed(api, expression, jobId=job["id"], count=1)
            assert own["notes"] == []
            assert own["items"][0]["at"] == job["nextFireAt"]


async def test_an_expression_whose_instants_run_out_says_so(rig: MakeRig) -> None:
    async with rig() as api:
        found = await previewed(api, "0 0 9 1 1 ? 2030", **{"from": "2029-01-01T00:00:00Z"})
        assert ([item["at"] for item in found["items"]], found["notes"]) == (
            ["2030-01-01T09:00:00.000Z"],
            ["It has no further scheduled times."],
        )
        found = await previewed(api, "0 0 9 1 1 ? 2020")
        assert (found["items"], found["leftOut"]) == ([], [])
        assert found["notes"] == ["It has no scheduled time after from: a job with it is refused."]


async def test_what_cannot_be_read_is_refused_by_the_field_to_change(rig: MakeRig) -> None:
    async with rig() as api:
        for expression, body, pointers in (
            ("61 * * * *", {}, ["/cronExpression"]),
            ("", {}, ["/cronExpression"]),
            ("0 9 * * *", {"timezone": "Mars/Base"}, ["/timezone"]),
            ("0 0 9 ? * 2", {}, ["/cronExpression"]),
            ("0 9 * * *", {"cronDialect": "cron"}, ["/cronDialect"]),
            ("CRON_TZ=UTC 0 9 * * *", {"timezone": BERLIN}, ["/cronExpression"]),
            ("0 9 * * *", {"count": 0}, ["/count"]),
            ("0 9 * * *", {"count": 1001, "dstGap": "jump", "dstFold": "none"}, ["/count", "/dstGap", "/dstFold"]),
            ("0 9 * * *", {"from": "noon"}, ["/from"]),
            ("0 9 * * *", {"jobId": "No!"}, ["/jobId"]),
            ("0 9 * * *", {"zone": BERLIN}, ["/zone"]),
        ):
            response = await asked(api, expression, **body)
            assert response.status_code == 422, response.text
            assert [error["pointer"] for error in response.json()["errors"]] == pointers
        response = await api.http.post(PREVIEW, json={})
        assert [error["pointer"] for error in response.json()["errors"]] == ["/cronExpression"]
