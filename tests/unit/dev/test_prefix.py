"""Lines of many, told apart."""

import io

from waterclock_dev.prefix import Prefixed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    def write(self, _: str, /) -> int:
        raise BrokenPipeError


def test_each_line_stands_behind_its_name() -> None:
    out = io.StringIO()
    Prefixed(out, width=8).write("api", "one\ntwo")
    assert out.getvalue() == "api      │ one\napi      │ two\n"


def test_names_have_colours_on_a_terminal_only() -> None:
    plain, terminal = io.StringIO(), Terminal()
    for out in (plain, terminal):
        output = Prefixed(out)
        output.of("api")("one")
        output.of("worker-1")("two")
    assert "\x1b" not in plain.getvalue()
    first, second = terminal.getvalue().splitlines()
    assert first.startswith("\x1b[36mapi")
    assert second.startswith("\x1b[32mworker-1")


def test_a_reader_that_left_does_not_stop_anybody() -> None:
    Prefixed(Closed()).write("api", "unheard")
