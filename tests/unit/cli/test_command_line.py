"""What the command line refuses before anybody is asked, and what it prints in whatever encoding there is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import click
import pytest
from click.testing import CliRunner

from tests.unit.cli.test_yaml_values import BOMB
from waterclock.cli.main import main
from waterclock.cli.terminal import connect
from waterclock.client.http import Client
from waterclock.kit.text.output_encoding import show_what_cannot_be_shown

AWAY = "http://127.0.0.1:9"  # discard: nobody answers


def commands(command: click.Command, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for name in command.list_commands(context):
            inner = command.get_command(context, name)
            assert inner is not None
            yield from commands(inner, (*path, name))
    yield path, command


OPTIONS = [
    (path, option)
    for path, command in commands(main)
    for option in command.params
    if path and isinstance(option, click.Option) and not option.is_flag and not option.multiple
]


def typed(*arguments: str, env: dict[str, str] | None = None, charset: str = "utf-8") -> tuple[int, str]:
    done = CliRunner(charset=charset).invoke(main, arguments, env={"WATERCLOCK_API_URL": AWAY, **(env or {})})
    assert done.exception is None or isinstance(done.exception, SystemExit), done.exception
    return done.exit_code, done.stderr


def last(said: str) -> str:
    return said.strip().splitlines()[-1]


def _named(value: object) -> str:
    return value.opts[0] if isinstance(value, click.Option) else " ".join(map(str, cast("tuple[object, ...]", value)))


@pytest.mark.parametrize(("path", "option"), OPTIONS, ids=_named)
def test_an_option_of_one_value_is_refused_if_it_is_given_twice(path: tuple[str, ...], option: click.Option) -> None:
    name = option.opts[0]
    code, said = typed(*path, name, "1", name, "2")
    assert code == 2
    assert last(said) == f"Error: {' / '.join(option.opts)} is given 2 times: give it once"


def test_the_options_that_were_looked_at_are_those_of_all_packages() -> None:
    found = {(path[0], option.name) for path, option in OPTIONS}
    assert {("plan", "path"), ("worker", "slots"), ("key", "name"), ("dev", "data_dir")} <= found


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("plan", "-f", "a.yaml", "-f", "b.yaml"), "given 2 times"),
        (("plan", "-f", "a.yaml", "--file=b.yaml"), "given 2 times"),
        (("job", "create", "g/n", "t", "--param", "a=1", "--param", "a=2"), "the parameter a is given twice"),
        (("job", "create", "g/n", "t", "--params", '{"a":1,"a":2}'), "a is given more than once"),
        (("job", "create", "g/n", "t", "--params", '{"b":{"a":1,"a":2}}'), "b/a is given more than once"),
        (("job", "create", "g/n", "t", "--set", "queue=a", "--set", "queue=b"), "queue is given twice"),
        (("job", "create", "g/n", "t", "--set", "queue=a", "--queue", "b"), "queue is given by its own option"),
        (("job", "create", "g/n", "t", "--disabled", "--set", "status=0"), "status is given by its own option"),
        (("run", "start", "t", "--queue", "a", "--set", "queue=b"), "queue is given by its own option"),
        (("job", "create", "g/n", "t", "--set", "retry.max=1", "--set", "retry.max=2"), "retry.max is given twice"),
        (
            ("job", "create", "g/n", "t", "--set", "retry={}", "--set", "retry.max=2"),
            "retry and its part retry.max are both given",
        ),
    ],
)
def test_what_is_said_twice_is_refused(arguments: tuple[str, ...], said: str) -> None:
    code, told = typed(*arguments)
    assert (code, said in last(told)) == (2, True), told


def test_a_flag_may_be_said_twice() -> None:
    code, said = typed("plan", "-f", "/none", "--json", "--json")
    assert (code, said) == (2, "Error: /none: No such file or directory\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ("job", "show", ""),
        ("job", "delete", " "),
        ("preview", "0 9 * * *", "--job", ""),
        ("run", "cancel", "--job", ""),
        ("run", "retry", "--failed", "--job", ""),
        ("run", "list", "--job="),
        ("ledger", "verify", "--job", ""),
        ("export", "a/b", ""),
        ("tail", ""),
    ],
)
def test_an_empty_name_is_no_job(arguments: tuple[str, ...]) -> None:
    code, said = typed(*arguments)
    assert (code, "the job name is empty" in last(said)) == (2, True), said


@pytest.mark.parametrize(
    "arguments",
    [
        ("job", "show", "caf\udce9"),
        ("job", "create", "g/caf\udce9", "demo.noop"),
        ("job", "list", "--name", "\udcff"),
        ("job", "create", "g/n", "demo.noop", "--param", "a=\udce9"),
        ("run", "cancel", "a", "\udc80"),
    ],
)
def test_bytes_that_are_no_text_are_refused_in_a_line(arguments: tuple[str, ...]) -> None:
    code, said = typed(*arguments)
    assert (code, last(said).endswith("holds bytes that are not text in UTF-8")) == (2, True), said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        (
            "jobs: [{jobName: a, invokeTarget: t, invokeParams: {true: 1}}]",
            "/jobs/0/invokeParams/true is a member name",
        ),
        (
            "jobs: [{jobName: a, invokeTarget: t, invokeParams: {null: 1}}]",
            "/jobs/0/invokeParams/null is a member name",
        ),
        ("jobs: " + "[" * 3_000 + "]" * 3_000, "are nested more than"),
        ("jobs: [{jobName: a, invokeTarget: t, invokeParams: &p {self: *p}}]", "the value that contains it"),
        (BOMB, "aliases repeat more than"),
        ("jobs: [{jobName: a, invokeTarget: t, cronExpression: */5 * * * *}]", "in quotes, as in"),
    ],
    ids=["true", "null", "deep", "endless", "bomb", "unquoted"],
)
def test_a_file_that_cannot_be_read_is_one_line(written: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "jobs.yaml"
    path.write_text(written)
    code, told = typed("plan", "-f", str(path))
    assert (code, len(told.strip().splitlines()), said in told) == (2, 1, True), told


def test_a_file_is_read_as_utf_8_whatever_the_machine_is_set_to(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "jobs.yaml"
    path.write_bytes("jobs: [{jobName: prüfung, invokeTarget: t, cronExpression: 61 * * * *}]".encode())
    monkeypatch.setattr(io, "text_encoding", _latin_1)
    code, said = typed("plan", "-f", str(path))
    assert (code, "/jobs/0/cronExpression '61'" in said) == (2, True), said


def _latin_1(*_: object) -> str:
    return "latin-1"


@pytest.mark.parametrize("option", ["--idempotency-key", "--key"])
@pytest.mark.parametrize(
    "secret", ["wck_" + "a" * 12, "eyJhbGciOi.eyJzdWIi." + "s" * 43, "Bearer x", "the key of this shell"]
)
def test_a_credential_is_no_idempotency_key_and_is_not_repeated(option: str, secret: str) -> None:
    code, said = typed("job", "trigger", "a/b", option, secret, env={"WATERCLOCK_API_KEY": "the-key"})
    if secret == "the key of this shell":
        code, said = typed("job", "trigger", "a/b", option, "the-key", env={"WATERCLOCK_API_KEY": "the-key"})
    assert (code, "belongs in WATERCLOCK_API_KEY" in last(said)) == (2, True), said
    assert secret not in said


def test_the_former_name_of_the_idempotency_key_is_read_and_says_so_once() -> None:
    code, said = typed("job", "trigger", "a/b", "--key", "nightly")
    assert (code, said.count("note: --key is deprecated: use --idempotency-key")) == (2, 1), said
    assert "no answer from" in last(said)
    code, said = typed("job", "trigger", "a/b", "--key", "nightly", "--idempotency-key", "nightly")
    assert (code, "give one of them" in last(said)) == (2, True)


@pytest.mark.parametrize("written", ["no such file", ""])
def test_a_file_that_is_not_there_is_one_line(written: str, tmp_path: Path) -> None:
    code, said = typed("plan", "-f", str(tmp_path / written))
    assert (code, len(said.strip().splitlines())) == (2, 1), said


def test_standard_input_that_is_closed_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("waterclock.cli.verbs.apply.sys", SimpleNamespace(stdin=None))
    code, said = typed("plan", "-f", "-")
    assert (code, "standard input is closed" in said) == (2, True), said


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost", "does not begin with http:// or https://"),
        ("ftp://x", "does not begin with http:// or https://"),
        ("http:/x", "does not begin with http:// or https://"),
        ("http://127.0.0.1:8080/v1/monitor", "ends with /v1/monitor, which the client adds: leave it out"),
        ("http://127.0.0.1:8080/prefix/v1/monitor/", "ends with /v1/monitor"),
        ("http://127.0.0.1:99999", "has no valid port (1 to 65535)"),
        ("http://127.0.0.1:0", "has no valid port (1 to 65535)"),
        ("http://127.0.0.1:80a", "has no valid port (1 to 65535)"),
        ("http://:18310", "has no host"),
        ("http://", "has no host"),
        ("http://::1:8080", "has an IPv6 address without brackets"),
        ("http://[::1", "cannot be parsed"),
        ("http://a b", "holds a space"),
        ("http://a/?q=1", "has a ? or # part"),
    ],
)
def test_a_url_of_the_api_that_is_none_is_said_in_words(url: str, said: str) -> None:
    code, told = typed("job", "list", env={"WATERCLOCK_API_URL": url})
    assert (code, len(told.strip().splitlines())) == (2, 1), told
    assert told.startswith("Error: WATERCLOCK_API_URL: ")
    assert said in told
    with pytest.raises(ValueError, match=r"such as|as in"):
        Client(url)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        ("HTTP://127.0.0.1:9", "http://127.0.0.1:9"),
        ("Http://LOCALHOST:9/", "http://localhost:9"),
        ("http://127.0.0.1:9/Prefix//", "http://127.0.0.1:9/Prefix"),
        ("http://[::1]:9/", "http://[::1]:9"),
        ("", "http://127.0.0.1:8080"),
        (" ", "http://127.0.0.1:8080"),
    ],
)
def test_a_url_of_the_api_is_read_as_people_write_it(url: str, asked: str) -> None:
    with connect({"WATERCLOCK_API_URL": url, "WATERCLOCK_API_KEY": ""}) as client:
        assert client.url == asked


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("wk_a b", "holds a blank as character 5 of 6"),
        ("wk_é", "holds a character that is not ASCII as character 4 of 4"),
        ("wk_\x07x", "holds a control as character 4 of 5"),
    ],
)
def test_a_key_that_is_none_is_not_repeated(key: str, said: str) -> None:
    code, told = typed("job", "list", env={"WATERCLOCK_API_KEY": key})
    assert (code, said in told, key in told) == (2, True, False), told


def test_signs_that_an_encoding_lacks_are_replaced(monkeypatch: pytest.MonkeyPatch) -> None:
    bare = io.BytesIO()
    written = io.TextIOWrapper(bare, encoding="latin-1", write_through=True)
    monkeypatch.setattr("sys.stdout", written)
    show_what_cannot_be_shown()
    click.echo("tide … → ☕ \U0001f600 ü ✓ \ud800")
    assert bare.getvalue() == b"tide ... -> \\u2615 \\ud83d\\ude00 \xfc + \\ud800\n"
