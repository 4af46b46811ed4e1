"""What a name may hold, and when two are one."""

from __future__ import annotations

import unicodedata

import hypothesis
import hypothesis.strategies as st
import pytest

from waterclock.model.names import common, name_flaw, normal

SEEN = [
    "nightly",
    "sea/tide [2] · ∑ €",
    "日本語の仕事",
    "caf\u00e9",
    "می\u200cخواهم",  # Persian, with a ZWNJ between what is seen
    "क्\u200dष",
    "👨\u200d👩\u200d👧 visits",
    "❤\ufe0f",
    "❤\ufe0f\u200d🔥 drill",
    "1\ufe0f\u20e3 first",
    "葛\U000e0100",
]
UNSEEN: list[tuple[str, str]] = [
    *((sign, "visible") for sign in ("", " ", "\u200b", "\u3164", "\u2800", "\u180e")),
    *((f"nel{sign}x", "visible") for sign in ("\u0085", "\u009b", "\u2028", "\u2029", "\t", "\n", "\x1b", "\x7f")),
    *((f"a{sign}b", "visible") for sign in ("\u200b", "\u00ad", "\u034f", "\u202e", "\u2066", "\ufeff", "\U000e0041")),
    *((f"a{sign}b", "space") for sign in ("\u00a0", "\u2003", "\u3000", "\u202f")),
    *((f"a{sign}b", "not a character") for sign in ("\ue000", "\uffff", "\U0003fffe")),
    *((f"{sign}a", "visible") for sign in ("\u200c", "\u200d", "\ufe0f")),
    *((f"a{sign}", "visible") for sign in ("\u200c", "\u200d", "\ufe0f", "\U000e0100")),
    *((f"a {sign} b", "visible") for sign in ("\u200c", "\u200d", "\ufe0f")),
    ("❤\u200d\u200d🔥", "visible"),
    (" a", "begins with a space"),
    ("a ", "ends with a space"),
    ("a  b", "two consecutive"),
]


@pytest.mark.parametrize("text", SEEN)
def test_a_line_of_what_is_seen_is_a_name(text: str) -> None:
    assert name_flaw(normal(text)) is None


@pytest.mark.parametrize(("text", "said"), UNSEEN)
def test_what_is_not_seen_or_breaks_a_line_is_none(text: str, said: str) -> None:
    assert said in (name_flaw(normal(text)) or "")


def test_a_slash_is_refused_only_where_it_parts_two_names() -> None:
    assert name_flaw("a/b") is None
    assert "slash" in (name_flaw("a/b", slash=False) or "")


@pytest.mark.parametrize(
    ("one", "other"),
    [("caf\u00e9", "cafe\u0301"), ("می\u200cخواهم", "میخواهم"), ("❤\ufe0f", "❤"), ("a\u200bb", "ab"), ("Å", "\u212b")],
)
def test_names_that_differ_in_nothing_seen_are_one(one: str, other: str) -> None:
    assert common(one) == common(other)


@pytest.mark.parametrize(("one", "other"), [("a", "A"), ("a", "а"), (" a", "a"), ("fi", "ﬁ"), ("a b", "a\u00a0b")])
def test_names_that_only_look_alike_are_two(one: str, other: str) -> None:
    assert common(one) != common(other)


@hypothesis.given(st.text(st.characters(exclude_categories=["Cs"])))
def test_what_names_have_in_common_is_settled_at_once(text: str) -> None:
    shared = common(text)
    assert common(shared) == shared == normal(shared)
    assert common(normal(text)) == shared == common(unicodedata.normalize("NFD", text))


@hypothesis.given(st.text(st.characters(exclude_categories=["Cs"]), min_size=1))
def test_a_name_is_one_line_and_no_two_of_it_are_blank_or_hidden(text: str) -> None:
    text = normal(text)
    if name_flaw(text) is None:
        assert text.splitlines() == [text] == [text.strip()]
        assert "".join(text.split()).replace("\u200c", "").replace("\u200d", "").isprintable()
        assert common(text)
