"""The blocks of code in the README, and what the comment before each says of its test."""

import re
from pathlib import Path
from typing import NamedTuple

README = Path(__file__).parents[2] / "README.md"
BLOCK = re.compile(
    r"(?:^<!-- test: (?P<test>.+?) -->\n)?^```(?P<language>sh|python)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL
)


class Block(NamedTuple):
    test: str  # empty when no comment says
    text: str


def blocks() -> list[Block]:
    return [Block(found["test"] or "", found["text"]) for found in BLOCK.finditer(README.read_text())]


def save(folder: Path) -> list[Path]:
    """Write the files that the README shows to a folder."""
    shown = [block for block in blocks() if block.test.startswith("save as ")]
    files = [folder / block.test.removeprefix("save as ") for block in shown]
    for file, block in zip(files, shown, strict=True):
        file.write_text(block.text)
    return files
