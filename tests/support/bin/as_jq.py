"""jq, as far as the README needs it, for machines that have none: run as a program, by the tests' interpreter."""

import argparse
import json
import sys
from importlib import import_module
from pathlib import Path
from typing import Any

UNFIT = 5  # jq's own exit code for an input or a step that does not do


def main() -> int:
    parser = argparse.ArgumentParser(prog="jq", allow_abbrev=False)
    parser.add_argument("-r", "--raw-output", action="store_true")
    parser.add_argument("-c", "--compact-output", action="store_true")
    parser.add_argument("filter")
    parser.add_argument("file", nargs="?", type=Path)
    asked = parser.parse_args()
    text = sys.stdin.read() if asked.file is None else asked.file.read_text()
    jq: Any = import_module("jq")  # a binding without types
    try:
        found: list[Any] = jq.compile(asked.filter).input_text(text).all()
    except ValueError as error:
        sys.stderr.write(f"jq: {error}\n")
        return UNFIT
    for value in found:
        raw = asked.raw_output and isinstance(value, str)
        sys.stdout.write(f"{value if raw else _json(value, compact=asked.compact_output)}\n")
    return 0


def _json(value: object, *, compact: bool) -> str:
    if compact:
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return json.dumps(value, ensure_ascii=False, indent=2)


if __name__ == "__main__":
    sys.exit(main())
