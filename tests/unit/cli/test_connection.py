"""Which API a verb asks, with which key, and what it says names them."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from subprocess import Popen

import click
import pytest
from click.shell_completion import BashComplete
from click.testing import CliRunner, Result

from tests.unit.cli.test_command_line import AWAY, commands
from waterclock.cli.connection import contexts
from waterclock.cli.connection.contexts import Context
from waterclock.cli.connection.options import connection_options
from waterclock.cli.connection.resolve import Connection, resolve
from waterclock.cli.main import main
from waterclock.cli.short_help import ASK_NO_API
from waterclock.kit.settings import SettingsError

PROD, STAGING, KEY = "https://prod.example", "https://staging.example", "wck_prod_secret"


@pytest.fixture(autouse=True)
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder for configuration."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "config"))
    for name in ("API_URL", "API_KEY", "CONTEXT"):
        monkeypatch.delenv(f"WATERCLOCK_{name}", raising=False)
    return tmp_path / "config" / "waterclock"


def named(*arguments: str, **variables: str) -> Connection:
    """What a verb with these options and variables asks."""
    found: list[Connection] = []
    env: Mapping[str, str] = {f"WATERCLOCK_{name}": value for name, value in variables.items()}

    @click.group()
    @connection_options
    def outer() -> None:
        pass

    @outer.command()
    @connection_options
    def verb() -> None:
        found.append(resolve(env))

    CliRunner().invoke(outer, arguments, standalone_mode=False, catch_exceptions=False)
    return found[0]


def typed(*arguments: str, given: str = "", **env: str) -> Result:
    return CliRunner().invoke(main, arguments, input=given, env=env)


def asked(*arguments: str, **variables: str) -> tuple[str, str, str | None, str | None]:
    found = named(*arguments, **variables)
    return found.url, found.url_from, found.key, found.key_from if found.key else None


def test_options_come_before_variables_these_before_contexts_and_those_before_the_default(tmp_path: Path) -> None:
    (file := tmp_path / "key").write_text("wck_of_file\n")
    assert asked("verb")[0] == "http://127.0.0.1:8080"
    assert named("verb").is_default
    contexts.save("prod", Context(url=PROD, key=KEY))
    contexts.save("open", Context(url=STAGING))
    contexts.use("prod")
    of_prod = (PROD, "context prod", KEY, "context prod")
    assert asked("verb") == of_prod
    assert asked("verb", CONTEXT="open") == (STAGING, "context open", None, None)
    assert asked("verb", API_KEY="other") == (PROD, "context prod", "other", "WATERCLOCK_API_KEY")
    assert asked("verb", API_KEY_FILE=str(file)) == (PROD, "context prod", "wck_of_file", "WATERCLOCK_API_KEY_FILE")
    assert asked("verb", API_URL=AWAY, API_KEY="k") == (AWAY, "WATERCLOCK_API_URL", "k", "WATERCLOCK_API_KEY")
    assert asked("verb", "--url", STAGING, API_URL=AWAY, API_KEY="k") == (STAGING, "--url", "k", "WATERCLOCK_API_KEY")
    assert asked("--context", "prod", "verb", API_URL=AWAY, API_KEY="k") == of_prod
    assert asked("verb", "--context", "prod", CONTEXT="open") == of_prod
    assert asked("verb", "--context", "open", API_KEY="k")[2:] == ("k", "WATERCLOCK_API_KEY")
    by_file = ("wck_of_file", "--api-key-file")
    assert asked("--api-key-file", str(file), "verb", "--context", "prod", API_KEY="k")[2:] == by_file


@pytest.mark.parametrize("variables", [{"API_URL": AWAY}, {}])
def test_the_key_of_a_context_is_shown_to_no_other_url(variables: dict[str, str]) -> None:
    contexts.save("prod", Context(url=PROD, key=KEY))
    contexts.use("prod")
    options = [] if variables else ["--url", AWAY]
    assert asked("verb", *options, **variables)[0::2] == (AWAY, None)


@pytest.mark.parametrize(
    ("arguments", "variables", "said"),
    [
        (["verb"], {"API_URL": AWAY, "CONTEXT": "prod"}, "WATERCLOCK_API_URL and WATERCLOCK_CONTEXT are both set"),
        (["verb"], {"CONTEXT": "gone"}, "unknown context gone; known contexts: prod (WATERCLOCK_CONTEXT)"),
        (["verb", "--context", "gone"], {}, "unknown context gone; known contexts: prod (--context)"),
        (["verb", "--context", "../prod"], {}, "'../prod' must be 1 to 64 of a-z"),
        (["verb", "--url", "prod.example"], {}, "--url: does not begin with http:// or https://"),
        (["verb", "--url", "https://me:word@prod.example"], {}, "--url: holds a user or password, which others"),
        (["verb", "--api-key-file", "/none"], {}, "--api-key-file: /none cannot be read: No such file"),
        (["verb"], {"API_KEY_FILE": "/none"}, "WATERCLOCK_API_KEY_FILE: /none cannot be read: No such file"),
        (["verb"], {"API_KEY": "a b"}, "WATERCLOCK_API_KEY: holds a blank"),
    ],
)
def test_what_is_wrong_is_called_by_the_name_that_it_has(
    arguments: list[str], variables: dict[str, str], said: str
) -> None:
    contexts.save("prod", Context(url=PROD, key=KEY))
    with pytest.raises(SettingsError) as raised:
        named(*arguments, **variables)
    assert said in str(raised.value)
    assert "word" not in str(raised.value).replace("or password", "")


@pytest.mark.parametrize("verb", [("job", "list"), ("ledger", "verify")])
def test_an_option_stands_before_the_verb_or_behind_it_and_not_at_both(verb: tuple[str, ...]) -> None:
    for arguments in (("--url", AWAY, *verb), (*verb, "--url", AWAY)):
        done = typed(*arguments)
        assert (done.exit_code, f"no answer from {AWAY} (--url)" in done.stderr) == (2, True), done.stderr
    done = typed("--url", AWAY, *verb, "--url", AWAY)
    assert (done.exit_code, "before and after the command: give it once" in done.stderr) == (2, True), done.stderr
    done = typed("--url", AWAY, "--url", AWAY, *verb)
    assert (done.exit_code, "--url is given 2 times" in done.stderr) == (2, True), done.stderr
    done = typed("--url", AWAY, *verb, "--context", "prod")
    assert (done.exit_code, "--url and --context cannot be combined: give one of them" in done.stderr) == (2, True), (
        done.stderr
    )


def test_every_verb_that_asks_an_api_takes_these_options_and_no_other_lets_them_pass() -> None:
    takes = {
        path: {"--url", "--api-key-file", "--context"} <= {name for param in command.params for name in param.opts}
        for path, command in commands(main)
        if path and not isinstance(command, click.Group)
    }
    asks = {path[0] for path, does in takes.items() if does}
    assert {path[0] for path in takes} - asks == ASK_NO_API
    mixed = {path for path, does in takes.items() if not does and path[0] in asks}
    assert mixed == {("notices", "check"), ("notices", "resume"), ("notices", "test")}
    for verb, *more in (("migrate",), ("notices check", "/dev/null"), ("notices test", "ops", "/dev/null")):
        done = typed("--url", AWAY, *verb.split(), *more)
        said = f"`waterclock {verb}` does not use the API: leave out --url"
        assert (done.exit_code, said in done.stderr) == (2, True)
    assert not any("api-key" in name and "file" not in name for _, one in commands(main) for name in _options(one))


def _options(command: click.Command) -> Iterator[str]:
    return (name for param in command.params for name in param.opts)


def test_a_context_is_kept_for_its_user_alone_and_its_key_is_never_shown(kept: Path, tmp_path: Path) -> None:
    done = typed("context", "add", "prod", "--url", f"{PROD}/", given=f"{KEY}\n")
    assert (done.exit_code, done.stdout) == (0, ""), done.stderr
    (file := tmp_path / "key").write_text("wck_other_one\n")
    assert typed("context", "add", "test", "--url", AWAY, "--api-key-file", str(file)).exit_code == 0
    assert typed("context", "add", "open", "--url", STAGING, "--no-key").exit_code == 0
    path = kept / "contexts" / "prod.json"
    assert [stat.S_IMODE(one.stat().st_mode) for one in (path, path.parent, kept)] == [0o600, 0o700, 0o700]
    assert typed("context", "use", "prod").exit_code == 0

    assert contexts.names() == ["open", "prod", "test"]
    assert contexts.load("test") == Context(url=AWAY, key="wck_other_one")
    shown = [typed("context", *more).output for more in (["list"], ["list", "--json"], ["show"], ["show", "prod"])]
    assert all(PROD in text and "wck_" not in text for text in shown), shown
    assert shown[0].splitlines()[2].startswith("*  prod")
    assert "wck_" not in repr(contexts.load("prod")) + repr(named("verb"))

    refused = typed("context", "add", "prod", "--url", AWAY, "--no-key")
    assert (refused.exit_code, "overwrite it with --replace" in refused.stderr) == (2, True)
    assert typed("context", "add", "prod", "--url", AWAY, "--no-key", "--replace").exit_code == 0
    assert contexts.load("prod") == Context(url=AWAY)
    assert typed("context", "remove", "prod").exit_code == 0
    assert (contexts.names(), contexts.in_use()) == (["open", "test"], None)
    assert typed("context", "use", "test").exit_code == 0
    assert typed("context", "use", "--none").exit_code == 0
    assert named("verb").is_default


def test_a_key_that_is_asked_for_at_a_terminal_is_not_shown() -> None:
    terminal, own = os.openpty()
    command = [sys.executable, "-m", "waterclock", "context", "add", "prod", "--url", PROD]
    with Popen(command, stdin=own, stdout=own, stderr=own, start_new_session=True) as adding:
        os.close(own)
        shown = b""
        while b"Key or token: " not in shown:
            shown += os.read(terminal, 4096)
        os.write(terminal, f"{KEY}\n".encode())
        while b"Saved in" not in shown:
            shown += os.read(terminal, 4096)
        assert adding.wait(60) == 0
    os.close(terminal)
    assert KEY.encode() not in shown
    assert contexts.load("prod") == Context(url=PROD, key=KEY)


@pytest.mark.parametrize(
    ("arguments", "given", "said"),
    [
        (["add", "Prod", "--url", PROD], KEY, "'Prod' must be 1 to 64 of a-z"),
        (["add", "prod", "--url", "https://me:word@prod.example"], KEY, "holds a user or password"),
        (["add", "prod", "--url", PROD], "", "standard input holds no key"),
        (["add", "prod", "--url", PROD], "two words", "standard input: holds a blank as character 4 of 9"),
        (["add", "prod", "--url", PROD, "--no-key", "--api-key-file", "k"], "", "give one of them"),
        (["use", "gone"], "", "unknown context gone; known contexts: none: create one with `waterclock context add`"),
        (["use"], "", "give one context, or --none"),
        (["show", "gone"], "", "unknown context gone"),
        (["remove", "gone"], "", "unknown context gone"),
    ],
)
def test_a_wrong_context_is_refused_in_a_line(arguments: list[str], given: str, said: str, kept: Path) -> None:
    done = typed("context", *arguments, given=given)
    assert (done.exit_code, said in done.stderr.strip().splitlines()[-1]) == (2, True), done.stderr
    assert not kept.exists(), "nothing was kept"


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620])
def test_a_context_that_others_may_reach_is_refused_with_what_mends_it(mode: int, kept: Path) -> None:
    contexts.save("prod", Context(url=PROD, key=KEY))
    path = kept / "contexts" / "prod.json"
    path.chmod(mode)
    done = typed("job", "list", "--context", "prod")
    assert (done.exit_code, f"chmod 600 '{path}' (--context)" in done.stderr) == (2, True), done.stderr
    assert f"chmod 600 '{path}'" in typed("context", "list", "--json").stdout
    path.chmod(0o600)
    assert named("verb", "--context", "prod").key == KEY


def test_a_file_that_is_no_context_is_told_without_what_it_holds(kept: Path) -> None:
    contexts.save("prod", Context(url=PROD, key=KEY))
    (kept / "contexts" / "prod.json").write_text('{"url": 7, "key": "wck_prod_secret"}')
    done = typed("job", "list", "--context", "prod")
    assert (done.exit_code, "prod.json is not a context file" in done.stderr, KEY in done.output) == (2, True, False)


def test_a_shell_completes_contexts() -> None:
    contexts.save("prod", Context(url=PROD))
    completing = BashComplete(main, {}, "waterclock", "_WATERCLOCK_COMPLETE")
    for before in (["--context"], ["job", "list", "--context"], ["context", "use"], ["context", "remove"]):
        assert [one.value for one in completing.get_completions(before, "p")] == ["prod"]


def test_a_key_of_whatever_source_is_no_idempotency_key(tmp_path: Path) -> None:
    (file := tmp_path / "key").write_text("a-token-of-ours")
    done = typed("job", "trigger", "a/b", "--idempotency-key", "a-token-of-ours", "--api-key-file", str(file))
    assert (done.exit_code, "this looks like an API key" in done.stderr) == (2, True), done.stderr
