"""Write the parts of pages, and the schemas of files, from the code: `python deploy/docs/generate.py`.

A part lies between `<!-- generated: NAME -->` and `<!-- end generated -->`; what makes it is `text` of the module
`parts/NAME.py` (with `_` for `-`); words after NAME are its arguments. `--check` changes nothing, names the files that
are out of date and ends with 1.
"""

from __future__ import annotations

import json
import re
import sys
from importlib import import_module
from pathlib import Path

from waterclock.cli.render.job_file_schema import schema
from waterclock.model.notices import rules
from waterclock_api.notifier.delivery import channels

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


def schemas() -> dict[Path, str]:
    """The JSON Schemas of files that people write, for editors."""
    made = {"jobs": schema(), "notices": rules.schema(channels.schema())}
    return {
        DOCS / f"{name}.schema.json": f"{json.dumps(one, indent=2, ensure_ascii=False)}\n" for name, one in made.items()
    }


def main(*options: str) -> int:
    made = {page: generated(page.read_text("utf-8")) for page in sorted(DOCS.rglob("*.md"))}
    made |= schemas()
    stale = [file for file, text in made.items() if not file.exists() or file.read_text("utf-8") != text]
    if "--check" not in options:
        for file in stale:
            file.write_text(made[file], "utf-8")
        return 0
    for file in stale:
        print(f"{file.relative_to(DOCS.parent)} is out of date: run `python deploy/docs/generate.py`")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
