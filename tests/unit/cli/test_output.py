"""What verbs write where a terminal reads, and where a program does."""

from __future__ import annotations

import io
import json
import unicodedata

import click
import hypothesis
import pytest
from click.testing import CliRunner
from hypothesis import strategies as st

from waterclock.cli import output
from waterclock.cli.job_files import read_file, write_file
from waterclock.cli.main import main
from waterclock.cli.output import put_json
from waterclock.model.definition import Definition

ODD = "a\x9b2J b\u202egnp.exe c\x7f\x85\u2028\u2066\u200b\ufeff\U000e0041 é 水 🕰"
TEXTS = st.text(st.characters(exclude_categories=("Cs",)) | st.sampled_from(ODD), max_size=20)


class Terminal(io.TextIOWrapper):
    def isatty(self) -> bool:
        return True


def is_shown(text: str) -> bool:
    return all(sign in "\n " or unicodedata.category(sign)[0] != "C" for sign in text)


def written(monkeypatch: pytest.MonkeyPatch, answer: bytes, *, terminal: bool) -> bytes:
    raw = io.BytesIO()
    out = (Terminal if terminal else io.TextIOWrapper)(raw, encoding="utf-8", newline="\n")
    monkeypatch.setattr("sys.stdout", out)
    put_json(answer)
    out.flush()
    return raw.getvalue()


def test_json_at_a_terminal_is_the_same_value_in_what_can_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.dumps({"remark": ODD, ODD: [ODD]}, ensure_ascii=False).encode()

    shown = written(monkeypatch, answer, terminal=True)

    assert is_shown(shown.decode())
    assert json.loads(shown) == json.loads(answer)
    assert r"a\u009b2J b\u202egnp.exe" in shown.decode()
    assert "é 水 🕰" in shown.decode()


def test_json_for_a_program_is_exact(monkeypatch: pytest.MonkeyPatch) -> None:
    answer = json.dumps({"remark": ODD}, ensure_ascii=False).encode()
    assert written(monkeypatch, answer, terminal=False) == answer + b"\n"


@hypothesis.given(remark=TEXTS, params=st.dictionaries(TEXTS, TEXTS | st.lists(TEXTS), max_size=3), label=TEXTS)
def test_a_file_at_a_terminal_means_the_same_in_what_can_be_seen(
    remark: str, params: dict[str, str | list[str]], label: str
) -> None:
    one = Definition(job_name="n", invoke_target="demo.noop", remark=remark, invoke_params=params, labels={"l": label})
    for shown in (True, False):
        text = write_file([one], shown=shown)
        assert is_shown(text) or not shown
        (wanted,) = read_file(text).jobs
        assert wanted.definition == one


def test_an_error_rules_no_terminal() -> None:
    done = CliRunner().invoke(main, ["plan", "-f", f"/none/{ODD}"])
    assert done.exit_code == 2
    assert is_shown(done.output)
    assert r"/none/a\u009b2J b\u202egnp.exe" in done.output
    done = CliRunner().invoke(main, ["job", "list", f"--{ODD}"])
    assert done.exit_code == 2
    assert is_shown(done.output)


def test_lines_and_complaints_rule_no_terminal() -> None:
    @click.command()
    def verb() -> None:
        output.say([ODD])
        output.complain(ODD)

    assert is_shown(CliRunner().invoke(verb).output)
