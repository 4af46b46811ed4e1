"""The blocks of code in the README and the docs, and what the comment before each says of its test."""

import re
from pathlib import Path
from typing import NamedTuple

from tests.support.repository import ROOT

README = ROOT / "README.md"
BLOCK = re.compile(
    r"(?:^<!-- test: (?P<test>.+?) -->\n)?^```(?P<language>sh|python|toml)\n(?P<text>.*?)^```$",
    re.MULTILINE | re.DOTALL,
)


class Block(NamedTuple):
    test: str  # empty when no comment says
    text: str


def blocks(page: Path = README) -> list[Block]:
    return [Block(found["test"] or "", found["text"]) for found in BLOCK.finditer(page.read_text())]


def save(folder: Path, page: Path = README) -> list[Path]:
    """Write the files that a page shows to a folder."""
    shown = [block for block in blocks(page) if block.test.startswith("save as ")]
    files = [folder / block.test.removeprefix("save as ") for block in shown]
    for file, block in zip(files, shown, strict=True):
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(block.text)
    return files
