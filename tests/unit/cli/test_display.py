"""How tables are shown at a terminal, and what a pipe has of them."""

from __future__ import annotations

import io
import os
import pty
import re
import subprocess
import sys

import pytest

from waterclock.cli.display import drawn
from waterclock.cli.tables import Table, cells_of, facts, table

RUN = "4kqmrt9gq3h1b2oa-6u0k2v5c"
WHY = "Skipped: run of the job was not finished, its runs may not overlap, and the policy skips what comes meanwhile"
RUNS = table(("run", "job", "status", "worker"), [(RUN, "reports/水時計", "failed", "worker-1")], spare=("worker",))
FATES = table(("scheduled", "outcome", "why"), [("2026-11-25T02:48:07Z", "skipped", WHY)], wraps={"why"})
PRINT = "from tests.unit.cli.test_display import *; from waterclock.cli.output import say; say([{name}])"


def shown(what: Table, width: int) -> list[str]:
    return drawn(what, io.StringIO(), width=width).splitlines()


def bare_environment(**more: str) -> dict[str, str]:
    kept = {name: value for name, value in os.environ.items() if name not in {"COLUMNS", "NO_COLOR", "FORCE_COLOR"}}
    return {**kept, "TERM": "xterm", **more}


FOLLOW = """
from waterclock.cli.render.follow import Lines
from waterclock.client.sse import Event
lines = Lines()
data = {"at": "2026-11-23T10:00:01.250Z", "total": 2}
for done in (1, 2):
    lines.write(Event(kind="step.progress", position="0-1-1", data=data | {"done": done}))
lines.write(Event(kind="run.failed", position="0-1-2", data=data))
"""


def piped(name: str, **more: str) -> str:
    command = [sys.executable, "-c", PRINT.format(name=name)]
    return subprocess.run(command, env=bare_environment(**more), capture_output=True, text=True, check=True).stdout


def at_a_terminal(name: str, **more: str) -> str:
    return written_at_a_terminal(PRINT.format(name=name), **more)


def written_at_a_terminal(code: str, **more: str) -> str:
    """What a child writes whose standard output is a terminal."""
    master, slave = pty.openpty()
    with subprocess.Popen(
        [sys.executable, "-c", code], env=bare_environment(**more), stdout=slave, close_fds=True
    ) as child:
        os.close(slave)
        written = b""
        try:
            while block := os.read(master, 4096):
                written += block
        except OSError:  # Linux says so that the other end is closed
            pass
        os.close(master)
    assert child.returncode == 0
    return written.decode().replace("\r\n", "\n")


def test_a_text_wraps_in_its_column() -> None:
    head, first, *others = shown(FATES, 80)
    column = head.index("why")
    assert all(len(line) <= 80 for line in (first, *others))
    assert others
    assert all(line[:column].isspace() for line in others)
    assert " ".join(line[column:] for line in (first, *others)) == WHY


def test_a_value_wraps_beside_its_name() -> None:
    lines = shown(facts({"reason": WHY, "status": "failed"}), 60)
    assert all(len(line) <= 60 for line in lines)
    assert all(line.startswith(" " * len("reason  ")) for line in lines[1:-1])


def test_columns_that_may_be_spared_are_left_out_and_named() -> None:
    assert shown(RUNS, 80)[0].split() == ["run", "job", "status", "worker"]
    head, row, said = shown(RUNS, 50)
    assert head.split() == ["run", "job", "status"]
    assert said == "columns not shown at this width: worker"
    assert row.startswith(RUN)


def test_an_id_is_not_cut_however_narrow_the_terminal_is() -> None:
    assert RUN in shown(RUNS, 20)[1]


@pytest.mark.parametrize("name", ["水時計", "🕰 clock", "e\u0301bb", "plain"])
def test_signs_take_the_cells_that_they_are_wide(name: str) -> None:
    what = table(("job", "status"), [(name, "failed"), ("x" * 12, "failed")])
    for lines in (list(what), shown(what, 80)):
        assert len({cells_of(line[: line.index("failed")]) for line in lines[1:]}) == 1


def test_what_others_have_written_is_no_markup() -> None:
    assert shown(table(("a", "b"), [("[red]x[/red]", ":smiley:")]), 80)[1].split() == ["[red]x[/red]", ":smiley:"]


def test_in_a_pipe_a_row_is_a_line_without_colours_at_any_width() -> None:
    narrow, wide = piped("FATES", COLUMNS="40"), piped("FATES", COLUMNS="200")
    assert narrow == wide == "".join(f"{line}\n" for line in FATES)
    assert len(narrow.splitlines()) == 2
    assert list(table(("a",), [("one\ntwo",)])) == ["a", "one two"]


def test_at_a_terminal_a_state_has_its_colour_and_lines_have_its_width() -> None:
    written = at_a_terminal("RUNS", COLUMNS="80")
    assert "\x1b[31mfailed\x1b[0m" in written
    plain = re.sub(r"\x1b\[[0-9;]*m", "", at_a_terminal("FATES", COLUMNS="60"))
    assert max(map(len, plain.splitlines())) <= 60


@pytest.mark.parametrize("more", [{"NO_COLOR": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1", "FORCE_COLOR": "1"}])
def test_no_colour_is_shown_where_none_is_wanted(more: dict[str, str]) -> None:
    assert "\x1b[3" not in at_a_terminal("RUNS", COLUMNS="80", **more)


def test_colours_may_be_forced_into_a_pipe() -> None:
    assert "\x1b[31mfailed\x1b[0m" in piped("RUNS", FORCE_COLOR="1")
    assert "\x1b" not in piped("RUNS")


def test_without_rich_a_terminal_has_plain_lines() -> None:
    without = "import sys; sys.modules['rich'] = None; " + PRINT.format(name="RUNS")
    without = without.replace("from tests.unit.cli.test_display import *", "from waterclock.cli.tables import table")
    without = without.replace("[RUNS]", "[table(('a',), [('b',)])]")
    command = [sys.executable, "-c", without]
    done = subprocess.run(command, env=bare_environment(FORCE_COLOR="1"), capture_output=True, text=True, check=True)
    assert done.stdout == "a\nb\n"


@pytest.mark.parametrize("arguments", [["--help"], ["job", "list", "--help"]])
def test_rich_is_not_imported_until_something_is_drawn(arguments: list[str]) -> None:
    code = (
        "import sys\nfrom waterclock.cli.main import main\n"
        f"try: main({arguments})\nfinally: sys.stderr.write(str('rich' in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "False"


@pytest.mark.parametrize(("more", "colour"), [({}, "\x1b[31m"), ({"NO_COLOR": "1"}, "")])
def test_progress_takes_the_place_of_the_progress_before_it_with_colours_or_without(
    more: dict[str, str], colour: str
) -> None:
    day, first, second, failed = written_at_a_terminal(FOLLOW, TZ="UTC", **more).splitlines()
    assert day == "2026-11-23, times in UTC"
    assert first.endswith("▰▰▰▰▰▱▱▱▱▱ 1 of 2")
    assert second.startswith("\x1b[1A\x1b[2K10:00:01.250  ")
    assert failed == f"{colour}10:00:01.250  failed" + ("\x1b[0m" if colour else "")
