"""YAML 1.2 as values of JSON: read whole, or refused in a line, before aliases are followed."""

from __future__ import annotations

import codecs
import time
from typing import Any, cast

import hypothesis
import pytest
from hypothesis import strategies as st

from waterclock.cli.yaml_values import ALIASED_MOST, DEPTH_MOST, BadFile, read_yaml, text_of

BOMB = "a: &a [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 9)}]\n" for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
MERGED = "a: &a {k: 1}\n" + "".join(
    f"{name}: &{name} {{<<: [{', '.join([f'*{before}'] * 9)}]}}\n"
    for before, name in zip("abcdefgh", "bcdefghi", strict=True)
)
LADDER = "a: &a [[[[[[[[x]]]]]]]]\n" + "".join(
    f"{name}: &{name} [[[[[[[[*{before}]]]]]]]]\n" for before, name in zip("abcd", "bcde", strict=True)
)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x1F", 31),
        ("0o17", 15),
        ("0777", 777),
        ("08", 8),
        ("-0", 0),
        ("+12", 12),
        ("1e5", 100_000.0),
        ("1.", 1.0),
        (".5", 0.5),
        ("-.5E-1", -0.05),
        ("9007199254740993", 9_007_199_254_740_993),
        ("0x", "0x"),
        ("-0o17", "-0o17"),
        ("0o8", "0o8"),
        ("1_000", "1_000"),
        ("12:30", "12:30"),
        ("2026-01-01", "2026-01-01"),
        ("yes", "yes"),
        ("tRUE", "tRUE"),
        ("True", True),
        ("NULL", None),
        ("nULL", "nULL"),
        ("'.inf'", ".inf"),
        (r'"\ud83d\ude00"', "\U0001f600"),
        ("!!str 5", "5"),
        ("!!int 5", 5),
    ],
)
def test_a_plain_value_is_what_yaml_1_2_says(text: str, value: object) -> None:
    found = read_yaml(f"a: {text}")["a"]
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    ("text", "flaws"),
    [
        ("a: [x, 1e400]", ["/a/1 1e400 is beyond the largest number"]),
        (
            "a: .inf\nb: -.Inf\nc: .NaN",
            ["/a .inf is not a number", "/b -.Inf is not a number", "/c .NaN is not a number"],
        ),
        ("a/b: {true: 1}", ["/a~1b/true is a member name and reads as a truth value: put it in quotes"]),
        ("{null: 1}", ["/null is a member name and reads as nothing"]),
        ("{~: 1}", ["/~0 is a member name and reads as nothing"]),
        ("5: 1", ["/5 is a member name and reads as a number"]),
        ("? [a]\n: 1", ["/ has a list or a mapping as a member name"]),
        ("a: {b: 1, 'b': 2}", ["/a/b is given twice"]),
        ("a: {<<: 3}", ["/a has a merge key (<<) whose value is not a mapping"]),
        ("a: !!binary aGk=", ["/a has the tag binary"]),
        ("a: !python/object:os.system x", ["/a has the tag !python/object"]),
        ("a: !!set {x}", ["/a has the tag set"]),
        ("a: !!int five", ["/a 'five' is not a whole number"]),
        ("a: " + "9" * 5_000, ["/a has more than 4300 digits"]),
        (r'a: "\ud800"', ["/a holds half of a surrogate pair"]),
        ("cron: */5 * * * *", ["line 1, column 8: * begins an alias", 'cronExpression: "*/5 * * * *"']),
        ("cron: * * * * *", ["line 1, column 8: * begins an alias"]),
        ("cron: *daily", ["found undefined alias 'daily'; put text that begins with it in quotes"]),
        ("cron: @daily", ["found character '@': put text that begins with it in quotes"]),
        ("a:\n\tb: 1", ["line 2, column 1: a tab: YAML indents with spaces"]),
        ("remark: a: b", ["a colon and a space in text"]),
        ("a: 1\n---\nb: 1", ["a second document"]),
        ("a: 'x", ["line 1, column 6: found unexpected end of stream"]),
        ("a: \x9c", ['line 1, column 4: the character U+009C: write it in double quotes as an escape, "\\x9C"']),
        ("a: &p {self: *p}", ["an alias refers to the value that contains it"]),
        ("a: &p [*p]", ["an alias refers to the value"]),
        ("a: &p [&q {b: *p}, *q]", ["an alias refers to the value"]),
        (BOMB, [f"aliases repeat more than {ALIASED_MOST} values"]),
        (MERGED, [f"aliases repeat more than {ALIASED_MOST} values"]),
        (LADDER, [f"are nested more than {DEPTH_MOST} deep"]),
        ("[" * 3_000 + "]" * 3_000, [f"are nested more than {DEPTH_MOST} deep"]),
        ("a: {" * 3_000 + "}" * 3_000, [f"are nested more than {DEPTH_MOST} deep"]),
        ("- " * 3_000 + "x", [f"are nested more than {DEPTH_MOST} deep"]),
    ],
    ids=lambda value: value[:24] if isinstance(value, str) else "",
)
def test_what_cannot_be_sent_is_refused_with_its_place(text: str, flaws: list[str]) -> None:
    with pytest.raises(BadFile) as bad:
        read_yaml(text)
    for flaw in flaws:
        assert flaw in str(bad.value)


def test_a_bomb_costs_what_its_text_does() -> None:
    began = time.process_time()
    with pytest.raises(BadFile):
        read_yaml(BOMB)
    spent = time.process_time() - began
    began = time.process_time()
    read_yaml(BOMB.replace("*", "_"))
    assert spent < 20 * (time.process_time() - began) + 0.1


def test_as_deep_as_a_job_may_be_is_read() -> None:
    assert read_yaml("[" * DEPTH_MOST + "x" + "]" * DEPTH_MOST)
    with pytest.raises(BadFile):
        read_yaml("[" * (DEPTH_MOST + 1) + "x" + "]" * (DEPTH_MOST + 1))


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (b"", "utf-8"),
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ],
)
def test_a_file_is_utf_8_or_says_that_it_is_utf_16(mark: bytes, encoding: str) -> None:
    text = "jobs: [{jobName: prüfung ☕ ÜßŸ}]\n"
    assert text_of(mark + text.encode(encoding)) == text


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (
            "jobs:\n- jobName: prüfung".encode("latin-1"),
            "is not UTF-8: byte 0xfc at line 2, column 14; save the file as",
        ),
        (codecs.BOM_UTF16_LE + b"a", "is not UTF-16"),
        (b"\x1f\x8b\x08", "is compressed (gzip)"),
    ],
)
def test_another_encoding_is_named(data: bytes, said: str) -> None:
    with pytest.raises(BadFile) as bad:
        text_of(data)
    assert said in str(bad.value)


_PIECES = st.sampled_from(
    [
        *"[]{}:,-?*&!|>%@`'\"#~<=.+ \n\t",
        "a",
        "*a",
        "&a ",
        "<<",
        "---",
        "...",
        "0x1",
        ".inf",
        "1e999",
        "null",
        "\\ud800",
        "ü",
    ]
)


@hypothesis.settings(max_examples=150)
@hypothesis.given(pieces=st.lists(_PIECES, max_size=40))
def test_whatever_is_written_is_read_or_refused_by_name(pieces: list[str]) -> None:
    found, flaws = _read("".join(pieces))
    assert _is_json(found)
    assert all(flaws)
    assert not any(sign in flaw for flaw in flaws for sign in ("$(", "[^", "(?"))


def _read(text: str) -> tuple[Any, list[str]]:
    try:
        return read_yaml(text), []
    except BadFile as bad:
        return None, [flaw.message for flaw in bad.flaws]


def _is_json(value: Any) -> bool:
    if isinstance(value, dict):
        return all(isinstance(name, str) and _is_json(each) for name, each in cast("dict[Any, Any]", value).items())
    if isinstance(value, list):
        return all(map(_is_json, cast("list[Any]", value)))
    return value is None or isinstance(value, str | bool | int | float)
