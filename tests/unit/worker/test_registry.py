from __future__ import annotations

import sys
from pathlib import Path

import msgspec
import pytest

from waterclock import RunContext, executor
from waterclock.executors.definition import declared
from waterclock.kit.service import Unfit
from waterclock_worker.registry import Registry, discover, load, schema_of, spec_of


class Inner(msgspec.Struct, frozen=True, kw_only=True):
    name: str


class Outer(msgspec.Struct, frozen=True, kw_only=True):
    inner: Inner
    count: int = 1


class Tree(msgspec.Struct, frozen=True, kw_only=True):
    children: list[Tree] = []


@executor("g.one", aliases=("g:one",), timeout=5)
async def one(ctx: RunContext, params: Outer) -> Inner:
    """First line.

    More.
    """
    return params.inner


@executor("g.one")
def other(ctx: RunContext) -> None: ...


@executor("g.silent")
def silent(ctx: RunContext): ...  # pyright: ignore[reportUnknownParameterType]


def test_an_executor_is_found_by_its_key_and_its_aliases() -> None:
    registry = Registry([one])
    assert registry.find("g.one") is registry.find("g:one") is one
    assert registry.find("g.two") is None


def test_two_executors_of_one_key_are_refused() -> None:
    with pytest.raises(Unfit, match=r"two executors are named 'g\.one'"):
        Registry([one, other])


def test_what_is_announced_holds_schemas_with_their_members_at_the_top() -> None:
    spec = spec_of(one)
    assert (spec.key, spec.timeout, spec.aliases) == ("g.one", 5, ("g:one",))
    assert spec.description == "First line.\n\nMore."
    assert spec.params_schema["type"] == "object"
    assert spec.params_schema["required"] == ["inner"]
    assert spec.params_schema["properties"]["inner"] == {"$ref": "#/$defs/Inner"}
    assert spec.params_schema["$defs"]["Inner"]["properties"] == {"name": {"type": "string"}}
    assert spec.result_schema is not None
    assert spec.result_schema["title"] == "Inner"


def test_no_parameters_means_an_empty_object_and_no_annotation_no_schema() -> None:
    spec = spec_of(silent)
    assert spec.params_schema == {"type": "object", "properties": {}, "required": [], "additionalProperties": False}
    assert spec.result_schema is None


def test_a_type_that_refers_to_itself_stays_a_reference() -> None:
    schema = schema_of(Tree)
    assert schema["$ref"] == "#/$defs/Tree"
    assert "Tree" in schema["$defs"]


def test_a_file_of_executors_is_loaded_with_its_neighbours(tmp_path: Path) -> None:
    (tmp_path / "neighbour_of_g.py").write_text("KEY = 'g.file'\n")
    file = tmp_path / "file_of_g.py"
    file.write_text(
        "from neighbour_of_g import KEY\nfrom waterclock import executor\n@executor(KEY)\ndef f(ctx): ...\n"
    )
    load(str(file))
    assert "g.file" in {one.key for one in declared()}


@pytest.mark.parametrize("name", ["no/such/file.py", "no.such.module"])
def test_what_cannot_be_loaded_is_named(name: str) -> None:
    with pytest.raises(Unfit, match="cannot load the executors in no"):
        load(name)


def test_a_module_without_executors_is_told_and_one_with_is_not(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "shore_of_g").mkdir()
    (tmp_path / "shore_of_g" / "__init__.py").write_text("from . import deep")
    lines = "from waterclock import executor\n@executor('{}')\ndef f(ctx): ...\n"
    (tmp_path / "shore_of_g" / "deep.py").write_text(lines.format("g.deep"))
    (tmp_path / "empty_of_g.py").write_text("def f(ctx): ...\n")
    (tmp_path / "full_of_g.py").write_text(lines.format("g.full"))
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])

    modules = ["json", str(tmp_path / "empty_of_g.py"), "shore_of_g", str(tmp_path / "full_of_g.py"), "shore_of_g"]
    with pytest.raises(Unfit, match="two executors are named"):  # those of these tests
        discover(modules)

    said = [record for record in caplog.records if record.message == "module has no executors"]
    assert [vars(record)["executors"] for record in said] == modules[:2]


def test_a_type_without_a_schema_is_refused_in_one_line_that_names_it() -> None:
    @executor("g.opaque")
    def opaque(ctx: RunContext) -> object: ...

    with pytest.raises(Unfit) as refused:
        spec_of(opaque)
    told = str(refused.value)
    assert told.startswith(
        "executor 'g.opaque': its result cannot be described by a JSON Schema: type <class 'object'> "
    )
    assert "\n" not in told
