from __future__ import annotations

import difflib
from types import SimpleNamespace
from typing import Any

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest

from waterclock.model.errors import Flaw, Invalid, pointer_to
from waterclock_api.access.credentials import ANYBODY, Principal
from waterclock_api.access.guard import ACCESS
from waterclock_api.access.principal import ADDRESS, PRINCIPAL, SCOPE
from waterclock_api.http.flaw_limits import GUESSES_MOST, MORE, MOST, bounded, guess
from waterclock_api.http.problems import BadRequest
from waterclock_api.http.request_body import read_json, read_struct, refuse
from waterclock_api.http.request_query import read_query
from waterclock_api.limits.memory_budget import BUDGET, Budget
from waterclock_api.schemas.requests import JobWrite, RunsQuery


class Anybody:
    """Access that lets everybody in, still."""

    async def principal_still(self, *_: object) -> Principal:
        return ANYBODY


class Asked:
    """As much of a request as reading takes."""

    def __init__(self, body: bytes = b"", query: bytes = b"") -> None:
        asker = {PRINCIPAL: ANYBODY, ADDRESS: "127.0.0.1", SCOPE: "run"}
        self.scope: dict[str, Any] = {"headers": [], "query_string": query, "state": asker}
        self.app = SimpleNamespace(state={BUDGET: Budget(), ACCESS: Anybody()})
        self._body = body

    async def receive(self) -> dict[str, Any]:
        return {"type": "http.request", "body": self._body, "more_body": False}


def asked(body: bytes = b"", query: bytes = b"") -> Any:
    return Asked(body, query)


def refused(found: Any) -> tuple[Flaw, ...]:
    flaws: list[Flaw] = []
    try:
        read_struct(JobWrite, found, flaws, stand_ins={"job_name": "-", "invoke_target": ""})
        refuse(flaws)
    except Invalid as error:
        return error.flaws
    return ()


@pytest.fixture
def compared(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names that were compared with others."""
    seen: list[str] = []
    compare = difflib.get_close_matches

    def counted(name: str, known: list[str], *, n: int, cutoff: float) -> list[str]:
        seen.append(name)
        return compare(name, known, n=n, cutoff=cutoff)

    monkeypatch.setattr(difflib, "get_close_matches", counted)
    return seen


def test_a_wide_body_of_unknown_members_is_named_in_part_and_says_so(compared: list[str]) -> None:
    flaws = refused({f"jobNam{number}": 0 for number in range(60_000)})
    assert (len(flaws), flaws[-1]) == (MOST + 1, MORE)
    assert sum("did you mean" in flaw.message for flaw in flaws) == GUESSES_MOST == len(compared)
    assert len(msgspec.json.encode(flaws)) < 64 << 10


@pytest.mark.parametrize(
    "found",
    [
        {"labels": {f"name-{number}": number for number in range(20_000)}},
        {"labels": {"\0" * number: "" for number in range(1, 500)}},
        {"invokeParams": {"all": ["\0"] * 20_000}},
        {"retry": {f"x{number}": None for number in range(20_000)}},
        {"~" * 200_000: 1, "/" * 200_000: 2, "€" * 100_000: 3},
        {("€" * 90 + str(number)) * 3: 1 for number in range(150)},
    ],
    ids=["labels", "names-with-nul", "values-with-nul", "inner", "long-names", "long-wide-names"],
)
def test_many_or_long_flaws_fit_into_an_answer(found: dict[str, Any]) -> None:
    flaws = refused(found)
    assert flaws
    assert len(flaws) <= MOST + 1
    assert len(msgspec.json.encode(flaws)) < 60 << 10


@hypothesis.given(st.lists(st.builds(Flaw, st.text(max_size=2_000), st.text(max_size=2_000)), max_size=300))
def test_what_an_answer_holds_is_bounded_and_keeps_the_first(flaws: list[Flaw]) -> None:
    found = bounded(flaws)
    assert len(found) <= MOST + 1
    assert (
        sum(len(flaw.pointer.encode(errors="replace")) + len(flaw.message.encode(errors="replace")) for flaw in found)
        < 50_000
    )
    if len(set(flaws)) <= MOST and sum(map(len, map("".join, flaws))) < 5_000:
        assert found == tuple(dict.fromkeys(flaws))


def test_nothing_is_guessed_for_long_names_or_among_many(compared: list[str]) -> None:
    assert guess("job_name" * 100, ["jobName"], []) == ""
    assert guess("jobNam", [f"jobName{number}" for number in range(5_000)], []) == ""
    assert compared == []
    assert guess("jobNam", ["jobName"], []) == "; did you mean jobName?"


@pytest.mark.parametrize("body", [b"[" + b"0," * 400_000 + b"0]", b'{"a":"' + b"," * 900_000 + b'"}'])
async def test_a_body_of_too_many_values_is_not_even_taken_apart(body: bytes) -> None:
    with pytest.raises(Invalid, match="holds more than"):
        await read_json(asked(body))


async def test_a_deep_place_in_a_wide_body_is_named() -> None:
    deep = '{"a":' * 31 + "[[0]]" + "}" * 31
    body = '{"wide":[' + ",".join(["[]"] * 60_000) + f'],"x~/y":{deep}' + "}"
    with pytest.raises(Invalid) as caught:
        await read_json(asked(body.encode()))
    assert caught.value.flaws[0].pointer == pointer_to("x~/y", *["a"] * 31)
    assert await read_json(asked(('{"a":' * 32 + "0" + "}" * 32).encode())) != {}


@pytest.mark.parametrize("query", [b"&" * 50_000, b"&".join(b"status=x" for _ in range(5_000))])
def test_a_query_of_too_many_parameters_is_refused(query: bytes) -> None:
    with pytest.raises(BadRequest, match="more than 1000 parameters"):
        read_query(asked(query=query), RunsQuery)


def test_flaws_of_a_query_are_bounded(compared: list[str]) -> None:
    query = "&".join(f"statu{number}=x" for number in range(900)).encode()
    with pytest.raises(BadRequest) as caught:
        read_query(asked(query=query), RunsQuery)
    assert len(caught.value.flaws) == MOST + 1
    assert len(compared) == GUESSES_MOST
