"""What a worker announces of its executors: whoever reads it can, or the start says what is wrong with which field."""

from __future__ import annotations

import enum
import json
import math
from datetime import timedelta
from decimal import Decimal
from typing import Annotated, Any, Literal

import hypothesis
import hypothesis.strategies as st
import msgspec
import pytest

from tests.support import odd_values
from waterclock import RunContext, executor
from waterclock.executors.context import GiveUp
from waterclock.kit.service import Unfit
from waterclock.kit.settings import SettingsError
from waterclock.log.commands.bodies import body_of
from waterclock.model.events import ExecutorSpec, WorkerJoined
from waterclock_worker.announcement import NESTED_MOST, Unreadable, readable
from waterclock_worker.executors.http.references import http_references
from waterclock_worker.executors.places.configuration import announced as announced_places
from waterclock_worker.executors.places.configuration import read_places
from waterclock_worker.registry import load, spec_of
from waterclock_worker.reporting.bounds import LINE_MOST

HALF = "a\ud800b"


class Text(str):
    __slots__ = ()


class Whole(int):
    def __repr__(self) -> str:
        return "whole"


class Real(float):
    """As numpy's."""


class Key(enum.StrEnum):
    DAILY = "g.daily"


class Said(msgspec.Struct, frozen=True, kw_only=True):
    title: Annotated[str, msgspec.Meta(title=HALF, description="NUL\0", examples=[HALF, "fine"])] = HALF
    limit: float = math.inf
    many: tuple[float, ...] = (math.nan, 1.5)
    below: Annotated[int, msgspec.Meta(extra_json_schema={"$comment": HALF, "minimum": 3})] = 3


def announced(one: Any) -> ExecutorSpec:
    """As a reader has it."""
    spec = spec_of(one)
    joined = WorkerJoined(worker="w", session="w-1", queues=(), slots=1, executors=(spec,))
    body = body_of(joined)
    body.encode()
    json.loads(body, parse_constant=_no_constant)
    return msgspec.json.decode(body, type=WorkerJoined).executors[0]


def _no_constant(name: str) -> None:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize(
    ("given", "seconds"),
    [
        (None, None),
        (0, 0),
        (2, 2),
        (0.5, 0.5),
        (Real(1.5), 1.5),
        (Whole(3), 3),
        (Decimal("2.5"), 2.5),
        (timedelta(minutes=1), 60),
    ],
)
def test_a_timeout_is_announced_as_a_number_whatever_kind_of_number_it_is(given: Any, seconds: float | None) -> None:
    @executor("g.timed", timeout=given)
    def timed(ctx: RunContext) -> None: ...

    assert type(timed.timeout) in {int, float, type(None)}
    assert announced(timed).timeout == timed.timeout == seconds


@pytest.mark.parametrize(
    "given",
    [math.nan, math.inf, -1, Real("nan"), Decimal("sNaN"), Decimal("-Infinity"), 10**400, 1e300, "5", b"5", [5], 5j,
     timedelta(days=-1), timedelta.max],
)  # fmt: skip
def test_a_timeout_that_is_no_time_is_refused_and_named(given: Any) -> None:
    with pytest.raises(ValueError, match=r"executor 'g\.timed': its timeout is .*seconds, from 0 \(none\) to 31622400"):
        executor("g.timed", timeout=given)


def test_a_key_and_aliases_are_announced_as_plain_text() -> None:
    @executor(Key.DAILY, aliases=[Text("g:daily"), Key.DAILY])
    def daily(ctx: RunContext) -> None: ...

    spec = announced(daily)
    assert (spec.key, spec.aliases) == ("g.daily", ("g:daily", "g.daily"))
    assert {type(one) for one in (daily.key, *daily.aliases)} == {str}


@pytest.mark.parametrize(
    ("key", "aliases", "kind", "told"),
    [
        (HALF, (), ValueError, r"executor 'a\\ud800b': its name .* it holds U\+D800"),
        ("g.fine", (HALF,), ValueError, r"executor 'a\\ud800b': its name .* it holds U\+D800"),
        ("g.fine", "g:fine", TypeError, "`aliases` is a text"),
        ("g.fine", (7,), TypeError, "executor 7: its name is a int"),
        (b"g.fine", (), TypeError, "its name is a bytes"),
        (None, (), TypeError, "its name is a NoneType"),
    ],
)
def test_a_name_that_is_none_is_refused_and_named(key: Any, aliases: Any, kind: type[Exception], told: str) -> None:
    with pytest.raises(kind, match=told):
        executor(key, aliases=aliases)


def test_words_for_people_are_cleaned() -> None:
    def described(ctx: RunContext, params: Said) -> Said:
        return params

    described.__doc__ = f"{HALF} \0 {'x' * LINE_MOST}"
    spec = announced(executor("g.described")(described))
    assert spec.description.startswith("a?b \ufffd xxx")
    assert "[cut, " in spec.description
    for schema in (spec.params_schema, spec.result_schema):
        assert schema is not None
        said = schema["properties"]
        assert said["title"]["title"] == said["title"]["default"] == "a?b"
        assert said["title"]["description"] == "NUL\ufffd"
        assert said["title"]["examples"] == ["a?b", "fine"]
        assert said["limit"]["default"] is None
        assert said["many"]["default"] == [None, 1.5]
        assert (said["below"]["$comment"], said["below"]["minimum"]) == ("a?b", 3)


def _of(annotated: Any, default: Any = msgspec.NODEFAULT) -> Any:
    return msgspec.defstruct("Odd", [("odd", annotated, msgspec.field(default=default))], kw_only=True)


def _nested(levels: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(levels):
        value = [value]
    return value


def _with(**more: Any) -> Any:
    return Annotated[str, msgspec.Meta(extra_json_schema=more)]


@pytest.mark.parametrize(
    ("odd", "told"),
    [
        (
            _of(_with(pattern=HALF)),
            r"parameters cannot be announced: /properties/odd/pattern holds half of a surrogate",
        ),
        (_of(_with(const=HALF)), "/properties/odd/const holds half of a surrogate"),
        (_of(_with(enum=["fine", HALF])), "/properties/odd/enum/1 holds half of a surrogate"),
        (_of(_with(**{HALF: 1})), "surrogate"),
        (_of(_with(const="NUL\0")), r"/properties/odd/const holds U\+0000"),
        (_of(_with(maximum=math.inf)), "/properties/odd/maximum is inf: JSON has no NaN and no infinity"),
        (_of(_with(minimum=math.nan)), "/properties/odd/minimum is nan"),
        (_of(_with(minimum=Real(1))), "objects of type Real"),
        (_of(_with(maximum=10**5000)), "/properties/odd/maximum holds a number of more than 4300 digits"),
        (_of(_with(examples=[10**5000])), "/properties/odd/examples/0 holds a number of more than 4300 digits"),
        (_of(_with(const=_nested(100))), f"is nested more than {NESTED_MOST} deep"),
        (_of(Literal["a\ud800"]), "parameters cannot be described by a JSON Schema"),
        (_of(float, Real(1)), r"the default of 'odd' \(Real\)"),
        (_of(list[_of(str, Text("x"))]), r"the default of 'odd' \(Text\)"),
        (_of(Any, object()), r"the default of 'odd' \(object\)"),
    ],
)
def test_what_parameters_are_compared_with_is_refused_where_not_all_can_read_it(odd: Any, told: str) -> None:
    def strange(ctx: RunContext, params: Any) -> None: ...

    strange.__annotations__["params"] = odd
    with pytest.raises(Unfit, match=told) as refused:
        spec_of(executor("g.strange")(strange))
    assert str(refused.value).startswith("executor 'g.strange': ")
    assert "\n" not in str(refused.value)


def test_a_parameter_may_be_called_as_a_keyword_is() -> None:
    named = {"properties": {"title": {"const": "x"}, "default": {"const": "y"}}, "default": {"pattern": HALF}}
    assert readable(named) == named | {"default": {"pattern": "a?b"}}
    with pytest.raises(Unreadable, match="/properties/title/const"):
        readable({"properties": {"title": {"const": HALF}}})


def test_values_of_python_are_refused_by_their_place_and_subclasses_are_what_they_hold() -> None:
    for value, told in (({1, 2}, "a set"), (Decimal(1), "a Decimal"), ({3: 4}, "whose name is not a string: 3")):
        with pytest.raises(Unreadable, match=f"/properties/odd/enum/1 .*{told}"):
            readable({"properties": {"odd": {"enum": [1, value]}}})
    made = readable({"enum": [Text("x"), Whole(3), Real(1.5), Key.DAILY, (1,)]})
    assert [type(one) for one in made["enum"]] == [str, int, float, str, list]


@hypothesis.given(data=st.data())
def test_whatever_stands_in_a_schema_is_read_by_all_or_refused(data: st.DataObject) -> None:
    pick = odd_values.picking(data.draw(st.integers(0, 2**32)))
    where = data.draw(st.sampled_from(["default", "const", "enum", "x-own"]))
    try:
        made = readable({"properties": {"odd": {where: odd_values.value(pick)}}})
    except Unreadable:
        return
    text = json.dumps(made, allow_nan=False)
    assert "\\u0000" not in text
    assert msgspec.json.decode(msgspec.json.encode(made)) == json.loads(text)


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("WATERCLOCK_HTTP_REFERENCES", "env:A\udcff*@hooks.example"),
        ("WATERCLOCK_HTTP_REFERENCES", "file:/run/\udcff@hooks.example"),
        ("WATERCLOCK_BACKUP_REFERENCES", "env:A\udcff*"),
        ("WATERCLOCK_S3_BUCKET", "b\udcffcket"),
        ("WATERCLOCK_S3_REGION", "eu\udcff"),
        ("WATERCLOCK_S3_ENDPOINT", "https://s3\udcff.example"),
    ],
)
def test_a_setting_that_is_not_utf8_and_would_be_announced_is_named(variable: str, value: str) -> None:
    def announce(environment: dict[str, str]) -> None:
        http_references(environment)
        announced_places(read_places(environment), environment)

    with pytest.raises((SettingsError, GiveUp), match=variable) as refused:
        announce({variable: value})
    str(refused.value).encode()


def test_what_a_url_names_that_is_not_utf8_is_not_announced() -> None:
    for url in ("postgresql://a@b/c\udcff", "postgresql://a@b/c%ff", "postgresql://a\udcff@b/c"):
        environment = {"WATERCLOCK_BACKUP_DATABASE_URL": url}
        [place] = announced_places(read_places(environment), environment)
        assert place.databases in {None, ("c",)}
        msgspec.json.encode(place)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("import sys\nsys.exit('no licence')\n", "SystemExit: no licence"),
        ("raise GeneratorExit\n", "GeneratorExit"),
        ("import asyncio\nraise asyncio.CancelledError\n", "CancelledError"),
        ("class Odd(Exception):\n    def __str__(self): raise self\nraise Odd\n", "Odd: "),
        ("from waterclock import executor\nexecutor('g.odd', timeout='soon')\n", "executor 'g.odd': its timeout is"),
    ],
)
def test_a_module_that_ends_what_loads_it_is_named(tmp_path: Any, text: str, told: str) -> None:
    file = tmp_path / "ends.py"
    file.write_text(text)
    with pytest.raises(Unfit, match=r"cannot load the executors in .*ends\.py: ") as refused:
        load(str(file))
    assert told in str(refused.value)
