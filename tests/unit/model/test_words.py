"""The words for the codes of a definition: each stands for one code, and what is written either way is the same."""

from __future__ import annotations

from typing import Any, get_args

import hypothesis
import msgspec
import pytest
from hypothesis import strategies as st

from waterclock.kit.text.validation_messages import message_of
from waterclock.model.definition import Concurrent, MisfirePolicy, Status
from waterclock.model.words import CODED, CONCURRENT, MISFIRE, STATUS, code_of, worded
from waterclock_api.schemas import requests

KINDS: list[tuple[Any, Any, Any]] = [
    (STATUS, Status, requests.Status),
    (MISFIRE, MisfirePolicy, requests.MisfirePolicy),
    (CONCURRENT, Concurrent, requests.Concurrent),
]
WRITTEN = st.text(max_size=8) | st.integers(-9, 9) | st.booleans() | st.none() | st.floats()


@pytest.mark.parametrize(("words", "stored", "asked"), KINDS)
def test_every_code_has_one_word_and_the_api_takes_code_word_and_digit(words: Any, stored: Any, asked: Any) -> None:
    assert tuple(words) == get_args(stored)
    assert len(set(words.values())) == len(words)
    literal, *_ = get_args(asked)
    assert set(get_args(literal)) == {*words, *words.values(), *map(int, words)}


@pytest.mark.parametrize("member", CODED)
def test_code_word_and_digit_are_one(member: str) -> None:
    for code, word in CODED[member].items():
        assert [code_of(CODED[member], each) for each in (code, word, int(code))] == [code] * 3
        assert worded(member, code) == word
        assert worded("queue", code) == code


@hypothesis.given(written=WRITTEN)
@pytest.mark.parametrize(("words", "stored", "asked"), KINDS)
def test_what_is_read_as_a_code_is_what_the_api_takes(words: Any, stored: Any, asked: Any, written: Any) -> None:
    try:
        msgspec.convert(written, asked)
    except msgspec.ValidationError as error:
        assert code_of(words, written) is None
        said = message_of(error, asked)
        assert said.startswith("must be ")
        assert all(f'"{code}"/"{word}"' in said for code, word in words.items())
    else:
        assert code_of(words, written) in get_args(stored)
