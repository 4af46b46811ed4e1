"""Tables as a terminal shows them: fitted to its width, with colours for what is well and what is not.

Imported where something is drawn: rich takes 60 ms, and an installation without the extra `client` has none.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import IO

from rich.console import Console
from rich.table import Table as Grid
from rich.text import Text

from waterclock.cli.tables import Table, cells_of, visible

GAP = 2  # cells between two columns
NARROWEST = 24  # cells of a column that wraps, while there are others to leave out
UNBOUNDED = 10_000  # cells, where nothing says how wide it is
WORDS = {
    **dict.fromkeys(("succeeded", "fired", "enabled", "open", "live", "ok"), "green"),
    **dict.fromkeys(("failed", "timedOut", "died", "lost", "hole", "double", "stray", "abandoned"), "red"),
    **dict.fromkeys(("queued", "waiting", "delayed", "pending", "skipped", "coalesced", "paused"), "yellow"),
    **dict.fromkeys(("running",), "cyan"),
    **dict.fromkeys(("cancelled", "disabled", "left", "notDue", "deleted", "notYetCreated", "forgotten"), "dim"),
}
"""Colours of states, by their word."""
COLUMNS = frozenset({"status", "last run", "state", "fate", "was", "outcome", "breach", "decision"})
"""Those whose first word is a state."""


def drawn(table: Table, file: IO[str], *, width: int | None = None) -> str:
    """The lines of a table for `file`, with the colours that it takes; no line is wider than it."""
    console = Console(file=file, width=width, highlight=False, emoji=False, markup=False)
    if width is None and not console.is_terminal:
        console.width = UNBOUNDED
    shown, left_out = _fitting(table, console.width)
    console.width = max(console.width, _narrowest(table, shown))
    with console.capture() as captured:
        console.print(_grid(table, shown), crop=False)
        if left_out:
            console.print(Text(f"columns not shown at this width: {', '.join(left_out)}", style="dim"))
    return "\n".join(line.rstrip() for line in captured.get().splitlines())


def _grid(table: Table, shown: Sequence[int]) -> Grid:
    grid = Grid(box=None, pad_edge=False, padding=(0, GAP, 0, 0), show_header=bool(table.heads), header_style="bold")
    if not table.heads:
        grid.add_column(no_wrap=True, style="dim")
        grid.add_column(overflow="fold")
        for name, value in table.rows:
            grid.add_row(_text(name), _cell(name, value))
        return grid
    for place in shown:
        head = table.heads[place]
        grid.add_column(_text(head), no_wrap=head not in table.wraps, overflow="fold")
    for row in table.rows:
        grid.add_row(*(_cell(table.heads[place], row[place]) for place in shown))
    return grid


def _fitting(table: Table, room: int) -> tuple[list[int], list[str]]:
    """The columns to show, and the heads of those that there is no room for."""
    shown, left_out = list(range(len(table.heads))), list[str]()
    for head in table.spare:
        if _narrowest(table, shown) <= room:
            break
        shown.remove(table.heads.index(head))
        left_out.append(head)
    return shown, left_out


def _narrowest(table: Table, shown: Sequence[int]) -> int:
    """The cells that these columns need: what does not wrap is an id, a moment or a word, and is not cut."""
    if not shown:
        return 0
    columns = [(table.heads[place], *(row[place] for row in table.rows)) for place in shown]
    widths = [max(map(cells_of, column)) for column in columns]
    least = [
        min(NARROWEST, wide) if head in table.wraps else wide for (head, *_), wide in zip(columns, widths, strict=True)
    ]
    return sum(least) + GAP * (len(shown) - 1)


def _cell(head: str, value: str) -> Text:
    text = _text(value)
    if head in COLUMNS:
        word = value.partition(" ")[0]
        text.stylize(WORDS.get(word, ""), 0, len(word))
    return text


def _text(value: str) -> Text:
    return Text(visible(value))
