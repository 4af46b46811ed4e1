"""The linear engine against Python's `re`, by which workers check."""

from __future__ import annotations

import re
import warnings

import hypothesis
import hypothesis.strategies as st
import pytest

from tests.support import announced
from waterclock_api.validation.regex import LONGEST, understood

ATOMS = st.sampled_from(
    [
        "a",
        "b",
        "0",
        "_",
        "-",
        "é",
        "\\n",
        "\\.",
        ".",
        r"\d",
        r"\D",
        r"\w",
        r"\W",
        r"\s",
        r"\S",
        "[ab]",
        "[^a]",
        r"[^\d-]",
        r"[\w.-]",
        r"[^\W_]",
        r"[\x00-\x1f]",
        "[é-ü]",
        "(?:a|b)",
        "(a|)",
        "^",
        "$",
        r"\A",
        r"\Z",
        r"$(?!\n)",
        "(?:)",
        r"[^\x00-\x20\x7f/@?#]",
    ]
)
QUANTIFIERS = st.sampled_from(["", "", "", "*", "+", "?", "*?", "{2}", "{1,3}", "{2,}"])
TEXTS = st.text(st.sampled_from("ab0_-.é ü\n\r\t\x1c\x85\u0661\u2028\x00A{"), max_size=12) | st.text(max_size=12)


@st.composite
def patterns(draw: st.DrawFn) -> str:
    parts = [draw(ATOMS) + draw(QUANTIFIERS) for _ in range(draw(st.integers(0, 5)))]
    cut = draw(st.integers(0, len(parts)))
    pattern = "".join(parts)
    return draw(st.sampled_from([pattern, f"({pattern})+", "|".join(["".join(parts[:cut]), "".join(parts[cut:])])]))


@hypothesis.given(patterns(), st.lists(TEXTS, min_size=1, max_size=5))
@hypothesis.settings(max_examples=150)
def test_what_is_understood_fits_what_python_finds(pattern: str, texts: list[str]) -> None:
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            python = re.compile(pattern)
    except re.error:
        assert understood(pattern) is None
        return
    found = understood(pattern)
    if found is None:
        return
    for text in texts:
        assert found.fits(text) in (None, python.search(text) is not None), text


@pytest.mark.parametrize(
    ("pattern", "text", "fits"),
    [
        ("^[a-z]+$", "abc\n", True),  # as Python's $, unlike that of ECMA-262
        (r"^[a-z]+$(?!\n)", "abc\n", False),
        (r"^[a-z]+\Z", "abc\n", False),
        (r"^\d+$", "\u0661\u0662", True),
        (r"^\s$", "\x1c", True),
        (r"^\w+$", "é_1", True),
        (r"^[\W]$", "é", False),
        ("^.$", "\r", True),
        ("^.$", "\n", False),
        ("(?s)^.$", "\n", True),
        ("(?x) a b  # both", "ab", True),
        ("[[a]", "[", True),
        (r"a{,2}b", "b", True),
        (r"\x41\u00e9\U0001F600", "Aé😀", True),
        ("^(a|b$)", "b\n", True),
        (r"^\w{1,64}$", "a" * 64, True),
    ],
)
@pytest.mark.filterwarnings("ignore:Possible nested set")
def test_the_engine_reads_as_python_does(pattern: str, text: str, fits: bool) -> None:
    found = understood(pattern)
    assert found is not None
    assert found.fits(text) is fits is (re.search(pattern, text) is not None)


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "(?=a)",
            "(?!a)",
            "(?<=a)b",
            "(?<!a)b",
            r"(a)\1",
            r"(?P<x>a)(?P=x)",
            "(?(1)a|b)",
            "(?i)a",
            "(?m)^a",
            "(?a:\\w)",
        ),
        *(r"\bfoo\b", r"\B", "a++b", "(?>a)b", "a$b", "($a)", "(a$)*", "[\ud800]", "(", "*", "[b-a]", "a{2,1}"),
        *("(a{1000}){1000}", "(((a{99}){99}){99}){99}", "x" * (LONGEST + 1), "(" * 900 + ")" * 900, "((a?){90}){90}"),
    ],
)
@pytest.mark.filterwarnings("ignore:Possible nested set")
def test_what_the_engine_cannot_tell_is_left_alone(pattern: str) -> None:
    assert understood(pattern) is None


@pytest.mark.parametrize("pattern", ["^(a+)+$", "^(a|aa)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$", "(.*)*b"])
def test_a_pattern_that_takes_python_for_ever_is_told_at_once(pattern: str) -> None:
    found = understood(pattern)
    assert found is not None
    assert found.fits("a" * 4_000 + "!") is False


def test_a_large_pattern_is_tried_on_short_texts_only() -> None:
    found = understood("([ab]{0,99}a){0,9}c")
    assert found is not None
    assert found.fits("ab" * 32_000) is None
    assert found.fits("ab" * 100) is False


def test_half_a_surrogate_is_left_to_python() -> None:
    found = understood("^.$")
    assert found is not None
    assert found.fits("\ud800") is None


@pytest.mark.parametrize("pattern", sorted(announced.patterns()))
def test_each_pattern_of_the_built_in_executors_is_checked_here(pattern: str) -> None:
    assert understood(pattern) is not None
