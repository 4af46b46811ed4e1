"""Write the parts of pages that are made from the code: `python deploy/docs/generate.py`.

A part lies between `<!-- generated: NAME -->` and `<!-- end generated -->`; what makes it is `text` of the module
`parts/NAME.py` (with `_` for `-`); words after NAME are its arguments. `--check` changes nothing, names the pages that
are out of date and ends with 1.
"""

from __future__ import annotations

import re
import sys
from importlib import import_module
from pathlib import Path

DOCS = Path(__file__).parents[2] / "docs"
PART = re.compile(
    r"(?<=^<!-- generated: )([\w-]+)((?: [\w-]+)*)( -->\n).*?(?=^<!-- end generated -->$)", re.MULTILINE | re.DOTALL
)


def generated(page: str) -> str:
    """The page with its generated parts as the code has them now."""

    def part(found: re.Match[str]) -> str:
        text: str = import_module(f"parts.{found[1].replace('-', '_')}").text(*found[2].split())
        return f"{found[1]}{found[2]}{found[3]}\n{text.strip()}\n\n"

    return PART.sub(part, page)


def main(*options: str) -> int:
    stale = [
        page for page in sorted(DOCS.rglob("*.md")) if generated(page.read_text("utf-8")) != page.read_text("utf-8")
    ]
    if "--check" not in options:
        for page in stale:
            page.write_text(generated(page.read_text("utf-8")), "utf-8")
        return 0
    for page in stale:
        print(f"{page.relative_to(DOCS.parent)} is out of date: run `python deploy/docs/generate.py`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
