"""Lines of many, told apart."""

import io
import os
import threading

from waterclock_dev.servers.prefix import Prefixed


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Closed(io.StringIO):
    def write(self, _: str, /) -> int:
        raise BrokenPipeError


def test_each_line_stands_behind_its_name() -> None:
    out = io.StringIO()
    output = Prefixed(out, width=8)
    output.write("api", "one\ntwo")
    assert output.flush(10)
    assert out.getvalue() == "api      │ one\napi      │ two\n"


def test_names_have_colours_on_a_terminal_only() -> None:
    plain, terminal = io.StringIO(), Terminal()
    for out in (plain, terminal):
        output = Prefixed(out)
        output.of("api")("one")
        output.of("worker-1")("two")
        assert output.flush(10)
    assert "\x1b" not in plain.getvalue()
    first, second = terminal.getvalue().splitlines()
    assert first.startswith("\x1b[36mapi")
    assert second.startswith("\x1b[32mworker-1")


def test_a_reader_that_left_does_not_stop_anybody() -> None:
    output = Prefixed(Closed())
    output.write("api", "unheard")
    assert not output.flush(0)


def test_what_a_process_says_is_not_obeyed_by_the_terminal() -> None:
    terminal = Terminal()
    output = Prefixed(terminal, width=8)
    output.write("api", "\x1b[2J\tone\x9b2J\u202e\u2028two")
    assert output.flush(10)
    first, second = terminal.getvalue().splitlines()
    assert first.endswith(" \\u001b[2J\tone\\u009b2J\\u202e")
    assert second.endswith(" two")


def test_a_terminal_that_stands_still_stops_nobody_and_is_told_what_it_missed() -> None:
    reading, writing = os.pipe()
    with os.fdopen(writing, "w") as out:
        output = Prefixed(out, width=8)
        for number in range(30_000):
            output.write("api", f"line {number} {'x' * 90}")
        found: list[str] = []

        def read() -> None:
            with os.fdopen(reading) as end:
                found.extend(end.read().splitlines())

        reader = threading.Thread(target=read)
        reader.start()
        assert output.flush(20)
    reader.join(20)
    *kept, last = found
    assert last == f"dev      │ {30_000 - len(kept)} lines were lost: nobody read"
