"""A run's log from both ends, around a line, and in outline; a line keeps its number."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.integration.api.conftest import MakeRig
from tests.integration.api.rig import JOBS, RUNS, Rig, Worker
from waterclock.kit.text.log_gaps import gap_here, gap_so_far
from waterclock.log.commands.attempts import Grant
from waterclock.log.commands.bodies import body_of
from waterclock.model.events import Level, LogLine, StepLogged
from waterclock.model.timestamps import Stamp
from waterclock_api.queries.cursors import cursor_of, read_cursor

AT = Stamp("2027-01-15T10:00:00.000Z")


async def say(
    worker: Worker, grant: Grant, *texts: str, level: Level = "info", step: int | None = None, at: Stamp = AT
) -> None:
    """One event with these lines."""
    lines = tuple(LogLine(at=at, level=level, text=text) for text in texts)
    event = StepLogged(
        run_id=grant.run_id, job_id=grant.job_id, attempt=grant.attempt, fence=grant.fence, number=step, lines=lines
    )
    await worker.record(grant, body_of(event))


async def started(api: Rig) -> tuple[Worker, Grant]:
    worker = await api.worker()
    await api.trigger((await api.create())["id"])
    return worker, await worker.claim_one()


async def page(api: Rig, run_id: str, **query: Any) -> dict[str, Any]:
    response = await api.http.get(f"{RUNS}/{run_id}/logs", params=query)
    assert response.status_code == 200, response.text
    return response.json()


def texts(found: dict[str, Any]) -> list[str]:
    return [one["text"] for one in found["items"]]


def numbers(found: dict[str, Any]) -> list[int]:
    return [one["number"] for one in found["items"]]


async def all_pages(api: Rig, run_id: str, **query: Any) -> list[tuple[int, str]]:
    found: list[tuple[int, str]] = []
    cursor: str | None = None
    while not found or cursor is not None:
        some = await page(api, run_id, **query, **({} if cursor is None else {"cursor": cursor}))
        found += zip(numbers(some), texts(some), strict=True)
        cursor = some["nextCursor"]
    return found


async def test_a_log_is_read_from_both_ends_and_each_line_has_its_number(rig: MakeRig) -> None:
    async with rig() as api:
        worker, grant = await started(api)
        for first in (1, 4, 5):
            await say(worker, grant, *(f"line {n}" for n in range(first, {1: 4, 4: 5, 5: 12}[first])))
        await api.caught_up()
        lines = [(n, f"line {n}") for n in range(1, 12)]
        for limit in (1, 2, 3, 5, 11, 12):
            assert await all_pages(api, grant.run_id, limit=limit) == lines
            assert await all_pages(api, grant.run_id, limit=limit, order="newest") == lines[::-1]
        some = await all_pages(api, grant.run_id, limit=1, q="1")
        assert some == [lines[0], lines[9], lines[10]]
        assert await all_pages(api, grant.run_id, limit=1, q="1", order="newest") == some[::-1]


async def test_each_page_leads_on_to_both_sides(rig: MakeRig) -> None:
    async with rig() as api:
        worker, grant = await started(api)
        await say(worker, grant, *(f"line {n}" for n in range(1, 10)))
        await api.caught_up()
        run_id = grant.run_id
        assert (await page(api, run_id, limit=2))["previousCursor"] is None

        end = await page(api, run_id, order="newest", limit=3)
        assert numbers(end) == [9, 8, 7]
        assert numbers(await page(api, run_id, cursor=end["previousCursor"])) == []
        await say(worker, grant, "line 10", "line 11")
        await api.caught_up()
        assert numbers(await page(api, run_id, cursor=end["previousCursor"])) == [10, 11]
        before = await page(api, run_id, order="newest", limit=3, cursor=end["nextCursor"])
        assert numbers(before) == [6, 5, 4]
        assert numbers(await page(api, run_id, limit=3, cursor=before["previousCursor"])) == [7, 8, 9]

        middle = await page(api, run_id, around=6, limit=4)
        assert numbers(middle) == [4, 5, 6, 7]
        assert numbers(await page(api, run_id, cursor=middle["nextCursor"])) == [8, 9, 10, 11]
        assert numbers(await page(api, run_id, order="newest", cursor=middle["previousCursor"])) == [3, 2, 1]


async def test_a_page_around_a_line_holds_it_or_the_nearest_one(rig: MakeRig) -> None:
    async with rig() as api:
        worker, grant = await started(api)
        assert (await page(api, grant.run_id, around=5))["items"] == []
        await say(worker, grant, *(f"line {n}" for n in range(1, 6)), level="debug")
        await say(worker, grant, *(f"line {n}" for n in range(6, 11)))
        await api.caught_up()

        async def around(number: int, **query: Any) -> list[int]:
            return numbers(await page(api, grant.run_id, around=number, **query))

        assert await around(1, limit=4) == [1, 2, 3, 4]
        assert await around(7, limit=1) == [7]
        assert await around(7, limit=4, level="debug") == [4, 5]
        assert await around(10**15, limit=4) == [8, 9, 10]
        assert await around(5, limit=1000) == list(range(1, 11))
        assert await around(2, limit=4, level="info") == [6, 7, 8, 9]
        text = await api.http.get(
            f"{RUNS}/{grant.run_id}/logs", params={"around": 5, "limit": 2}, headers={"Accept": "text/plain"}
        )
        assert [line[-6:] for line in text.text.splitlines()] == ["line 4", "line 5"]
        assert "around" not in text.links["next"]["url"]


async def test_of_huge_lines_a_page_around_one_still_holds_it(rig: MakeRig) -> None:
    async with rig() as api:
        worker, grant = await started(api)
        for number in range(1, 121):
            await say(worker, grant, f"line {number} " + "x" * 60_000)
        await api.caught_up()
        found = numbers(await page(api, grant.run_id, around=100, limit=1000))
        assert 100 in found
        assert len(found) < 120


async def test_lines_keep_their_numbers_when_those_before_are_cleared(rig: MakeRig) -> None:
    async with rig() as api:
        worker, grant = await started(api)
        await say(worker, grant, "a", "b", "c")
        await say(worker, grant, "d")
        await api.caught_up()
        early = await page(api, grant.run_id, limit=2)
        assert (await api.http.delete(f"{JOBS}/{grant.job_id}/logs")).status_code in (202, 204)
        await say(worker, grant, "e", "f", "g")
        await api.caught_up()
        run_id = grant.run_id

        assert await all_pages(api, run_id, limit=2) == [(5, "e"), (6, "f"), (7, "g")]
        assert await all_pages(api, run_id, limit=2, order="newest") == [(7, "g"), (6, "f"), (5, "e")]
        assert numbers(await page(api, run_id, around=1, limit=2)) == [5, 6]
        assert numbers(await page(api, run_id, around=6, limit=2)) == [5, 6]
        assert numbers(await page(api, run_id, limit=2, cursor=early["nextCursor"])) == [5, 6]
        assert numbers(await page(api, run_id, order="newest", cursor=early["nextCursor"])) == []
        outline = (await api.http.get(f"{RUNS}/{run_id}/logs/outline")).json()
        assert outline["gaps"] == [{"after": 0, "lines": 4, "reason": "cleared"}]
        assert (outline["lines"], outline["attempts"]) == (3, [{"attempt": 1, "lines": 3, "first": 5, "last": 7}])


async def test_a_cursor_without_a_number_is_counted_up(rig: MakeRig) -> None:
    """As the release before made them."""
    async with rig() as api:
        worker, grant = await started(api)
        await say(worker, grant, *"abcdef")
        await api.caught_up()
        cursor = (await page(api, grant.run_id, limit=2))["nextCursor"]
        place = read_cursor(cursor, tuple[int, ...])
        assert place is not None
        earlier = cursor_of(*place[:3])
        assert numbers(await page(api, grant.run_id, cursor=earlier)) == [3, 4, 5, 6]
        assert numbers(await page(api, grant.run_id, cursor=earlier, order="newest")) == [1]


async def test_what_cannot_be_asked_of_a_log_is_refused_by_name(rig: MakeRig) -> None:
    async with rig() as api:
        _, grant = await started(api)

        async def refused(**query: Any) -> list[str]:
            response = await api.http.get(f"{RUNS}/{grant.run_id}/logs", params=query)
            assert response.status_code == 400, response.text
            return [flaw["pointer"] for flaw in response.json()["errors"]]

        assert await refused(around=3, order="newest") == ["?order"]
        assert await refused(around=3, cursor=cursor_of(1, 2, 3, 4)) == ["?cursor"]
        assert await refused(around=0) == await refused(around="x") == ["?around"]
        assert await refused(order="sideways") == ["?order"]
        for wrong in (cursor_of(1), cursor_of("x"), cursor_of(1, 2, 1 << 40, 4), cursor_of(1, -7, 3, 4), "x"):
            assert await refused(cursor=wrong) == ["?cursor"]
        assert (await api.http.get(f"{RUNS}/none-such/logs/outline")).status_code == 404


async def test_plain_text_is_in_the_order_that_is_asked_for(rig: MakeRig) -> None:
    async with rig() as api:
        worker, grant = await started(api)
        await say(worker, grant, *"abcdef")
        await api.caught_up()

        async def lines(**query: Any) -> list[str]:
            path = f"{RUNS}/{grant.run_id}/logs"
            response = await api.http.get(path, params=query, headers={"Accept": "text/plain"})
            return [line[-1] for line in response.text.splitlines()]

        assert await lines() == [*"abcdef"]
        assert await lines(order="newest") == [*"fedcba"]
        assert await lines(order="newest", limit=2) == [*"fe"]


async def test_an_outline_tells_what_a_log_has_and_where(rig: MakeRig) -> None:
    async with rig() as api:
        worker, grant = await started(api)
        await say(worker, grant, "start")
        await say(worker, grant, "one", "two", step=1)
        await say(worker, grant, "bad", step=2, level="error", at=Stamp("2027-01-15T10:02:30.000Z"))
        await say(worker, grant, gap_so_far(40), level="warning")
        await say(worker, grant, gap_here(1, "speed"), level="warning")
        await say(worker, grant, gap_so_far(77), level="warning", step=2)  # a step's own words
        await say(worker, grant, gap_so_far(90), level="warning")
        await say(worker, grant, "worse", step=1, level="error", at=Stamp("2027-01-15T10:02:59.999Z"))
        await api.caught_up()
        assert await outline(api, grant) == {
            "lines": 9,
            "levels": {"info": 3, "warning": 4, "error": 2},
            "attempts": [{"attempt": 1, "lines": 9, "first": 1, "last": 9}],
            "steps": [
                {"attempt": 1, "step": None, "lines": 4, "first": 1, "last": 8},
                {"attempt": 1, "step": 1, "lines": 3, "first": 2, "last": 9},
                {"attempt": 1, "step": 2, "lines": 2, "first": 4, "last": 7},
            ],
            "minuteMs": 60_000,
            "minutes": [
                {"at": "2027-01-15T10:00:00.000Z", "lines": 7, "worst": "warning"},
                {"at": "2027-01-15T10:02:00.000Z", "lines": 2, "worst": "error"},
            ],
            "errors": [4, 9],
            "gaps": [
                {"after": 6, "lines": 1, "reason": "speed"},
                {"after": 8, "lines": 90, "reason": "limit"},
            ],
            "complete": True,
        }


async def test_an_outline_is_bounded(rig: MakeRig) -> None:
    async with rig() as api:
        worker, grant = await started(api)
        assert await outline(api, grant) == {
            "lines": 0, "levels": {}, "attempts": [], "steps": [], "minuteMs": 60_000, "minutes": [], "errors": [],
            "gaps": [], "complete": True,
        }  # fmt: skip
        await say(worker, grant, "early", at=Stamp("1990-01-15T10:00:00.000Z"))
        await say(worker, grant, *["bad"] * 1_001, level="error")
        await api.caught_up()
        found = await outline(api, grant)
        assert (len(found["errors"]), found["errors"][-1], found["complete"]) == (1_000, 1_001, False)
        assert found["levels"] == {"info": 1, "error": 1_001}
        years = 37 * 365.25 * 86_400_000
        assert found["minuteMs"] % 60_000 == 0
        assert years / 1_500 < found["minuteMs"] < years / 1_400
        assert [one["lines"] for one in found["minutes"]] == [1, 1_001]


async def outline(api: Rig, grant: Grant) -> dict[str, Any]:
    response = await api.http.get(f"{RUNS}/{grant.run_id}/logs/outline")
    assert response.status_code == 200, response.text
    found = response.json()
    assert isinstance(found["gaps"], Sequence)
    return found
