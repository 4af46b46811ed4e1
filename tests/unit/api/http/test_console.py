"""The page of the console, by the path that asks for it."""

from __future__ import annotations

import hypothesis
import pytest
from hypothesis import strategies as st

from waterclock_api.routes.system.console import DEEPEST, Shell, base_of, file_of

SEGMENT = st.text("ab-.%2F", max_size=3).filter(lambda one: one not in (".", ".."))  # which browsers resolve before
PREFIXES = st.sampled_from(["", "/scheduler", "/a/b/c", "/console"])


@hypothesis.given(segments=st.lists(SEGMENT, max_size=DEEPEST), prefix=PREFIXES)
def test_a_browser_finds_the_folder_of_the_console_from_each_path_below_each_prefix(
    segments: list[str], prefix: str
) -> None:
    path = "/".join(["/console", *segments])
    base = base_of(path.encode())
    if path.count("/") - 2 > DEEPEST:
        assert base is None
        return
    assert base is not None
    assert resolved(f"{prefix}{path}", base) == f"{prefix}/console/"


def resolved(path: str, base: str) -> str:
    """As browsers do it: a segment may be empty, which `urllib.parse.urljoin` does not know."""
    folder = path.split("/")[:-1]
    *ups, last = base.split("/")[:-1]
    ups = [*ups, last] if last == ".." else ups
    return "/".join([*folder[: len(folder) - len(ups)], *([] if last in (".", "..") else [last])]) + "/"


def test_a_path_without_an_end_is_no_page() -> None:
    assert base_of(b"/console/" + b"/" * DEEPEST) is not None
    assert base_of(b"/console/" + b"/" * (DEEPEST + 1)) is None


@pytest.mark.parametrize("page", [b"<p>", b'<base href="./"><base href="./">'])
def test_a_page_without_one_place_for_its_base_is_not_served(page: bytes) -> None:
    with pytest.raises(ValueError, match="one <base"):
        Shell(page)


def test_what_is_no_smaller_compressed_is_sent_as_it_is() -> None:
    assert file_of("a.js", b"1").compressed is None
    assert file_of("a.png", bytes(1000)).compressed is None
    large = file_of("a.js", b"1" * 1000)
    assert large.compressed is not None
    assert large.compressed.headers["ETag"] != large.plain.headers["ETag"]
