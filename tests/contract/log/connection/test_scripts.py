"""What holds of every script file, whatever it does."""

import re
from pathlib import Path

import pytest

import waterclock.log
from waterclock.log.connection.scripts import Script

FOLDER = Path(waterclock.log.__file__).parent / "lua"
NAMES = sorted(path.stem for path in FOLDER.glob("*.lua"))
COMMENT = re.compile(r"--.*$", re.MULTILINE)
CALLED = re.compile(r"call\('(\w+)', ([^,)]+)")
BY_OTHER_NAMES = {
    "key",
    "keys[side + 1]",
    "shadow",
    "stream",
    "streams.again",
    "streams.due",
    "streams.suspect",
}  # arguments that hold a declared key


@pytest.mark.parametrize("name", NAMES)
def test_a_script_declares_the_keys_that_it_touches_and_no_others(name: str) -> None:
    source = Script(name, dict).source
    code = COMMENT.sub("", source.text.decode())
    assert set(re.findall(r"\bK\.(\w+)", code)) == set(source.keys)
    assert set(re.findall(r"\bS\.(\w+)", code)) == {name[7:] for name in source.spelled[len(source.keys) :]}
    assert ("QUEUES" in code) == source.queues


@pytest.mark.parametrize("name", NAMES)
def test_a_script_builds_no_key(name: str) -> None:
    code = COMMENT.sub("", Script(name, dict).source.text.decode())
    first = {key.strip() for command, key in CALLED.findall(code) if command not in {"TIME", "XINFO"}}
    assert all(key.startswith(("K.", "QUEUES[", "streams[")) or key in BY_OTHER_NAMES for key in first), first


@pytest.mark.parametrize("name", NAMES)
def test_a_script_says_what_it_does_and_what_it_returns(name: str) -> None:
    lines = (FOLDER / f"{name}.lua").read_text().splitlines()
    assert lines[0] in {"#!lua", "#!lua flags=allow-oom", "#!lua flags=no-writes"}
    assert lines[1].startswith("-- ")
    assert any(line.startswith("-- Returns {") for line in lines)
