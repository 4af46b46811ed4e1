"""Draw `waterclock demo` as it ran in a terminal: `python deploy/docs/terminal.py` writes docs/pictures/demo.svg.

The command runs in a pseudo terminal. Each line is shown when it came, waits are cut short, and progress that
overwrites itself is left out. The picture moves by CSS alone; with `prefers-reduced-motion` it stands at its end.
"""

from __future__ import annotations

import os
import pty
import sys
import time
from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import NamedTuple

from rich.text import Text

PICTURE = Path(__file__).parents[2] / "docs" / "pictures" / "demo.svg"
COMMAND = ("waterclock", "demo")
COLUMNS, ROWS = 104, 26
LINE, CHARACTER, MARGIN = 18.0, 7.8, 14.0  # px
WAIT_LEAST, WAIT_MOST, HELD = 0.12, 1.2, 6.0  # s: between two lines, and at the end
COLOURS = {"red": "#ff7b72", "green": "#7ee787", "cyan": "#79c0ff", "dim": "#8b949e"}
NAMED = {"color(1)": "red", "color(2)": "green", "color(6)": "cyan"}  # as Rich reads them
OVERWRITTEN = ("\r\x1b[2K", "\x1b[?25l", "\x1b[?25h")


class Line(NamedTuple):
    at: float  # s
    text: Text


def recorded() -> list[Line]:
    """What the command writes, line by line, each with the moment at which it came."""
    begun, rest, lines = time.monotonic(), "", list[Line]()

    def read(terminal: int) -> bytes:
        nonlocal rest
        written = os.read(terminal, 65536)
        *whole, rest = (rest + written.decode("utf-8", "replace")).split("\r\n")
        lines.extend(Line(time.monotonic() - begun, Text.from_ansi(_last(one))) for one in whole)
        return written

    os.environ |= {"TERM": "xterm", "COLUMNS": str(COLUMNS)}
    if os.waitstatus_to_exitcode(pty.spawn(COMMAND, read)):
        sys.exit(f"{' '.join(COMMAND)} failed")
    return lines


def _last(line: str) -> str:
    """What a line shows in the end."""
    for sequence in OVERWRITTEN:
        line = line.rpartition(sequence)[2]
    return line.lstrip("\r").removeprefix("\x1b[1A\x1b[2K")


def paced(lines: list[Line]) -> list[Line]:
    """The same with short waits, and folded at the width of the terminal."""
    shown, at, before = list[Line](), 0.0, 0.0
    for line in lines:
        at, before = at + min(max(line.at - before, WAIT_LEAST), WAIT_MOST), line.at
        pieces = line.text.divide(range(COLUMNS, max(len(line.text), 1), COLUMNS))
        shown += [Line(at, piece) for piece in pieces]
    return shown


def drawn(lines: list[Line]) -> Iterator[str]:
    length = lines[-1].at + HELD
    width, height = COLUMNS * CHARACTER + 2 * MARGIN, ROWS * LINE + 2 * MARGIN + 22
    steps = dict[str, int]()
    for count, line in enumerate(lines, 1):
        steps[f"{100 * line.at / length:.2f}%"] = count
    frames = "".join(f"{at}{{transform:translateY({_offset(count):.0f}px)}}" for at, count in steps.items())
    end = f"translateY({_offset(len(lines)):.0f}px)"
    yield f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height:.0f}" role="img">'
    yield f"<title>{escape(' '.join(COMMAND))}, as it ran</title><style>"
    yield "text{font:13px ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;fill:#e6edf3;white-space:pre}"
    yield ".b{font-weight:bold}"
    yield "".join(f".{name}{{fill:{colour}}}" for name, colour in COLOURS.items())
    yield f"@keyframes run{{0%{{transform:translateY({_offset(0):.0f}px)}}{frames}100%{{transform:{end}}}}}"
    yield f"#lines{{animation:run {length:.1f}s step-end infinite;transform:{end}}}"
    yield "@media (prefers-reduced-motion:reduce){#lines{animation:none}}</style>"
    yield f'<rect width="{width:.0f}" height="{height:.0f}" rx="8" fill="#0d1117"/>'
    yield "".join(f'<circle cx="{18 + 18 * n}" cy="16" r="5" fill="#484f58"/>' for n in range(3))
    yield f'<text x="{width / 2:.0f}" y="20" text-anchor="middle" class="dim">$ {escape(" ".join(COMMAND))}</text>'
    yield f'<svg x="{MARGIN}" y="32" width="{COLUMNS * CHARACTER:.0f}" height="{ROWS * LINE:.0f}"><g id="lines">'
    for row, line in enumerate(lines, 1):
        if line.text.plain.strip():
            yield f'<text y="{row * LINE - 4:.0f}">{_spans(line.text)}</text>'
    yield "</g></svg></svg>"


def _offset(count: int) -> float:
    return (ROWS - count) * LINE


def _spans(text: Text) -> str:
    parts = list[str]()
    for piece in text.divide(sorted({edge for span in text.spans for edge in (span.start, span.end)})):
        names = {_name(str(span.style)) for span in piece.spans} - {""}
        words = escape(piece.plain)
        parts.append(f'<tspan class="{" ".join(sorted(names))}">{words}</tspan>' if names else words)
    return "".join(parts)


def _name(style: str) -> str:
    words = [NAMED.get(word, word) for word in style.split()]
    found = [name for name in COLOURS if name in words]
    return " ".join([*found, *(["b"] if "bold" in words else [])])


def main() -> None:
    lines = paced(recorded())
    PICTURE.parent.mkdir(parents=True, exist_ok=True)
    PICTURE.write_text("\n".join(drawn(lines)) + "\n", "utf-8")
    print(f"{PICTURE.name}: {len(lines)} lines, {lines[-1].at:.0f} s, {PICTURE.stat().st_size} bytes")


if __name__ == "__main__":
    main()
