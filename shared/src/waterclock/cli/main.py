"""`waterclock`: one command, to which each installed package adds its verbs (group `waterclock.commands`)."""

from __future__ import annotations

from waterclock.kit import start

start.begin()  # before the imports below, and all that they bring

import sys  # noqa: E402
from collections.abc import Iterable  # noqa: E402
from functools import cached_property  # noqa: E402
from importlib.metadata import EntryPoint, entry_points  # noqa: E402
from importlib.util import find_spec  # noqa: E402
from typing import Any, cast  # noqa: E402

import click  # noqa: E402
from click.shell_completion import CompletionItem  # noqa: E402

from waterclock.cli.connection.options import connection_options, refuse_unused  # noqa: E402
from waterclock.cli.short_help import ASK_NO_API, SECTIONS, SHORT_HELP  # noqa: E402
from waterclock.kit.text.escaping import escaped  # noqa: E402
from waterclock.kit.text.output_encoding import input_encoding, show_what_cannot_be_shown  # noqa: E402

GROUP = "waterclock.commands"
CLIENT = frozenset({"httpx", "yaml"})
"""Modules of the extra `client`, which the images of schedulers and workers do without."""
INTERRUPTED = 128 + 2
"""Exit code after Ctrl-C, as shells have it."""
_OF_CLIENT = ("waterclock.cli.verbs.", "waterclock.cli.context:", "waterclock.cli.status:")
_OWN_COMMAND_OF_HTTPX = "httpx._main"
"""httpx imports its own command line where that can be: 60 ms, for rich and a highlighter. None keeps it out."""
_LACKING = "Needs waterclock[client]."


class Verbs(click.Group):
    """Loads a verb when it is used, so that `waterclock worker` does not import the API."""

    @cached_property
    def _found(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(self._found)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = self._found.get(cmd_name)
        if entry is None:
            return None
        cast("dict[str, Any]", sys.modules).setdefault(_OWN_COMMAND_OF_HTTPX, None)
        try:
            return strict(entry.load())
        except ModuleNotFoundError as error:
            if error.name not in CLIENT:
                raise
            return _lacking(cmd_name, error.name)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        told = {name: self._told(ctx, name) for name in self.list_commands(ctx)}
        widest = max(map(len, told))
        room = formatter.width - 6 - widest
        others = told.keys() - {name for names in SECTIONS.values() for name in names}
        for title, names in {**SECTIONS, "Others": tuple(sorted(others))}.items():
            rows = [(name.ljust(widest), told[name].get_short_help_str(room)) for name in names if name in told]
            if rows:
                with formatter.section(title):
                    formatter.write_dl(rows)

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        names = [name for name in self.list_commands(ctx) if name.startswith(incomplete)]
        verbs = [CompletionItem(name, help=self._told(ctx, name).get_short_help_str()) for name in names]
        return [*verbs, *click.Command.shell_complete(self, ctx, incomplete)]

    def _told(self, ctx: click.Context, name: str) -> click.Command:
        """A verb as help lists it: by what we know of it, or itself where that is nothing."""
        if name in SHORT_HELP:
            lacking = self._found[name].value.startswith(_OF_CLIENT) and _lacks_client()
            return click.Command(name, short_help=_LACKING if lacking else SHORT_HELP[name])
        command = self.get_command(ctx, name)
        assert command is not None
        return command

    def invoke(self, ctx: click.Context) -> Any:
        show_what_cannot_be_shown()
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = escaped(error.message, keep="\n\t")  # it may name what others have written
            raise
        except KeyboardInterrupt as stopped:
            if not stopped.args:  # nothing was said of it
                click.echo(err=True)  # the terminal shows ^C
            raise click.exceptions.Exit(INTERRUPTED) from None


def strict(command: click.Command) -> click.Command:
    """The command, which refuses what it would read only in part, as do all below it.

    That is an option of one value that is given twice, of which the last would win in silence, and bytes that are no
    text, but for names of files.
    """
    if "parse_args" in vars(command):  # it was here before
        return command
    parse = command.parse_args

    def parse_args(ctx: click.Context, args: list[str]) -> list[str]:
        if not ctx.resilient_parsing:  # a shell completes what is not whole yet
            _check(command, ctx, args)
        return parse(ctx, args)

    vars(command)["parse_args"] = parse_args
    if isinstance(command, click.Group):
        for each in command.commands.values():
            strict(each)
    return command


def _check(command: click.Command, ctx: click.Context, args: list[str]) -> None:
    """
    Raises:
        UsageError: an option of one value is given twice, or a value is no text.
    """
    given, _, order = command.make_parser(ctx).parse_args(list(args))
    for param in dict.fromkeys(order):
        if order.count(param) > 1 and _of_one_value(param):
            names = " / ".join(param.opts)
            raise click.UsageError(f"{names} is given {order.count(param)} times: give it once", ctx)
        if not isinstance(param.type, click.Path) and not all(map(_is_text, _texts(given.get(param.name or "")))):
            raise click.UsageError(
                f"{param.get_error_hint(ctx)}: holds bytes that are not text in {input_encoding()}", ctx
            )


def _of_one_value(param: click.Parameter) -> bool:
    """A flag says the same however often, if it has no opposite."""
    if not isinstance(param, click.Option) or param.multiple or param.count:
        return False
    return not param.is_flag or bool(param.secondary_opts)


def _texts(value: Any) -> Iterable[str]:
    if isinstance(value, str):
        return (value,)
    if isinstance(value, list | tuple):
        return (text for each in cast("Iterable[Any]", value) for text in _texts(each))
    return ()


def _is_text(value: str) -> bool:
    return not any("\ud800" <= sign <= "\udfff" for sign in value)


def _lacks_client() -> bool:
    return any(find_spec(name) is None for name in CLIENT)


def _lacking(verb: str, module: str) -> click.Command:
    """Stands for a verb that speaks to a running API, where the library was installed without its client."""

    def say() -> None:
        raise click.UsageError(f"`waterclock {verb}` needs {module}: install waterclock[client]")

    free = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(verb, callback=say, context_settings=free, short_help=_LACKING)


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waterclock", prog_name="waterclock")
@connection_options
@click.pass_context
def main(ctx: click.Context) -> None:
    """Waterclock: an event-sourced job scheduler and runner."""
    verb = ctx.invoked_subcommand
    if verb in ASK_NO_API:
        refuse_unused(verb)
    if not __debug__:
        raise click.UsageError("Python runs without asserts (-O, PYTHONOPTIMIZE), and Waterclock needs them")


strict(main)
