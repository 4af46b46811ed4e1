"""The pictures of the console: all that the script takes are there, small, and of the same size as its page."""

from __future__ import annotations

import runpy
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import pytest

from tests.support.repository import DOCS, ROOT

SHOTS = runpy.run_path(str(ROOT / "deploy" / "console" / "shots.py"))
PICTURES = DOCS / "pictures" / "console"
TAKEN: dict[str, Any] = {f"{shot.name}-{scheme}.png": shot for shot in SHOTS["SHOTS"] for scheme in SHOTS["SCHEMES"]}
UP, AVERAGE, PAETH = 2, 3, 4


def png(rows: Iterable[bytes], width: int, *, kind: int = 2) -> bytes:
    body = [bytes(row) for row in rows]
    head = struct.pack(">IIBBBBB", width, len(body), 8, kind, 0, 0, 0)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(b"".join(body))), (b"IEND", b""))
    return SHOTS["_MAGIC"] + b"".join(SHOTS["_chunk"](name, data) for name, data in parts)


def colours(picture: bytes) -> list[list[bytes]]:
    """Those of a picture with a palette, row by row."""
    chunks = dict(SHOTS["_chunks"](picture))
    width, height = struct.unpack(">II", chunks[b"IHDR"][:8])
    body, palette = zlib.decompress(chunks[b"IDAT"]), chunks[b"PLTE"]
    rows = [body[at * (width + 1) + 1 : (at + 1) * (width + 1)] for at in range(height)]
    return [[palette[3 * place : 3 * place + 3] for place in row] for row in rows]


def test_each_picture_that_is_taken_is_there_and_no_other() -> None:
    assert {file.name for file in PICTURES.iterdir()} == TAKEN.keys()


@pytest.mark.parametrize("name", TAKEN)
def test_a_picture_is_small_and_as_wide_as_its_page(name: str) -> None:
    picture = (PICTURES / name).read_bytes()
    size = TAKEN[name].size
    assert struct.unpack(">II", picture[16:24]) == (size["width"], size["height"])
    assert len(picture) <= SHOTS["HEAVIEST"]


def test_a_picture_of_few_colours_keeps_each_by_whatever_filter_it_was_written() -> None:
    first = b"\x01" + bytes((10, 20, 30, 5, 0, 250))  # less than what is left of it
    others = [bytes((kind, 1, 2, 3, 4, 5, 6)) for kind in (0, UP, AVERAGE, PAETH)]

    found = colours(SHOTS["fewer_colours"](png([first, *others], 2)))

    assert found == [
        [bytes((10, 20, 30)), bytes((15, 20, 24))],
        [bytes((1, 2, 3)), bytes((4, 5, 6))],
        [bytes((2, 4, 6)), bytes((8, 10, 12))],
        [bytes((2, 4, 6)), bytes((9, 12, 15))],
        [bytes((3, 6, 9)), bytes((13, 17, 21))],
    ]


def test_what_is_not_opaque_is_taken_as_it_is_painted() -> None:
    assert colours(SHOTS["fewer_colours"](png([bytes((0, 1, 2, 3, 255))], 1, kind=6))) == [[bytes((1, 2, 3))]]


def test_of_many_colours_the_rare_ones_become_their_neighbours() -> None:
    often = [bytes((red, 0, 0)) for red in range(256)] * 2
    rare = [bytes((7, 1, 0)), bytes((200, 0, 2))]
    pixels = often + rare

    (found,) = colours(SHOTS["fewer_colours"](png([b"\0" + b"".join(pixels)], len(pixels))))

    assert found == [*often, bytes((7, 0, 0)), bytes((200, 0, 0))]
