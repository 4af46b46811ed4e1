"""The commands, made from click: what each does, its arguments and its options."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator

import click

from waterclock.cli.main import main
from waterclock.cli.short_help import SECTIONS

WIDTH = 120
SERVICES = ("migrate", "api", "projector", "scheduler", "worker", "notifier", "publisher")
COMMON = {"--json", "--utc", "--url", "--api-key-file", "--context", "--help"}
"""Options that the head of the page explains; what a command says otherwise of one is in its table."""
TIMES = " Such as 1h, yesterday, '2026-11-28 03:00' or RFC 3339."
"""What the head of the page tells of once."""
USUAL = {"--json": "Print the API's JSON response.", "--zone": "Time zone for times read and shown"}


def text() -> str:
    context = click.Context(main, info_name="waterclock")
    parts: list[str] = []
    for title, names in SECTIONS.items():
        parts.append(f"## {title}\n")
        for name in names:
            command = main.get_command(context, name)
            assert command is not None
            parts += _command(command, context, name, "###")
    return "\n".join(parts)


def _command(command: click.Command, parent: click.Context, name: str, level: str) -> Iterator[str]:
    with click.Context(command, info_name=name, parent=parent) as context:
        yield f"{level} `{context.command_path}`\n"
        for paragraph in re.split(r"\n\s*\n", command.help or command.short_help or ""):
            yield f"{_wrapped(_marked(paragraph))}\n"
        if isinstance(command, click.Group):
            if options := _options(command, name):
                yield options
            for each in command.list_commands(context):
                inner = command.get_command(context, each)
                assert inner is not None
                if inner.hidden:
                    continue
                if name == "bench":
                    yield f"- `{context.command_path} {each}`: {_marked(inner.get_short_help_str(200))}"
                else:
                    yield from _command(inner, context, each, level + "#")
            if name == "bench":
                yield ""
            return
        pieces = " ".join(command.collect_usage_pieces(context))
        yield f"```text\n{context.command_path} {pieces}\n```\n"
        if options := _options(command, name):
            yield options
        if name in SERVICES:
            yield "The settings of this service are options too, except secrets: see [settings](settings.md).\n"


def _options(command: click.Command, name: str) -> str:
    rows = [row for param in command.params if isinstance(param, click.Option) for row in _row(param, name)]
    return "\n".join(("| Option | What it does |", "|---|---|", *rows, "")) if rows else ""


def _row(option: click.Option, name: str) -> Iterator[str]:
    said = option.help or ""
    usual = any(known in option.opts and said.startswith(told) for known, told in USUAL.items())
    a_setting = name in SERVICES and "[WATERCLOCK_" in said and "--executors" not in option.opts
    if (
        option.hidden
        or usual
        or a_setting
        or (COMMON & set(option.opts) and "--json" not in option.opts and name != "add")
    ):
        return
    names = ", ".join(option.opts) + "".join(f" / {each}" for each in option.secondary_opts)
    context = click.Context(click.Command(name))
    value = "" if option.is_flag else f" {_value(option, context)}"
    notes = [_range(option.type)] if isinstance(option.type, click.IntRange | click.FloatRange) else []
    if not option.is_flag and isinstance(option.default, str | int | float):
        notes.append(f"default `{option.default}`")
    if isinstance(option.type, click.Choice):
        notes.append("one of " + ", ".join(f"`{each}`" for each in option.type.choices))
    if option.required:
        notes.append("required")
    told = _marked(said).replace(TIMES, "").replace("the job (listed below)", "the [job](job.md)").removesuffix(".")
    shown = " ".join(filter(None, (told, f"({'; '.join(notes)})" if notes else "")))
    yield f"| `{_cell(names + value)}` | {_cell(shown)} |"


def _cell(said: str) -> str:
    return said.replace("|", r"\|")


def _range(kind: click.IntRange | click.FloatRange) -> str:
    least = None if kind.min is None else f"more than {kind.min:g}" if kind.min_open else f"{kind.min:g}"
    if kind.max is None:
        return f"{least} or more"
    return f"{least} to {kind.max:.0f}"


def _value(option: click.Option, context: click.Context) -> str:
    if isinstance(option.type, click.Choice):
        return (option.opts[-1].removeprefix("--")).upper()
    made = option.make_metavar(context)
    return {"INTEGER": "N", "INTEGER RANGE": "N", "FLOAT": "NUMBER", "FLOAT RANGE": "NUMBER"}.get(made, made)


def _marked(said: str) -> str:
    """A sentence of `--help` as Markdown: names of options, variables and files are code."""
    said = " ".join(said.replace("\b", "").split())
    parts = re.split(r"(`[^`]+`)", said)
    known = (
        r"(?<![\w`./-])(--[a-z][\w-]*|WATERCLOCK_[A-Z0-9_]+|eval \"[^\"]+\"|<data-dir>/dev\.json|notices\.yaml"
        r"|key:<name>|[a-z][\w.]*=\w+|[a-z][\w.]*[A-Z]\w*)"
    )
    return "".join(part if part.startswith("`") else re.sub(known, r"`\1`", part) for part in parts)


def _wrapped(said: str) -> str:
    return textwrap.fill(said, WIDTH, break_long_words=False, break_on_hyphens=False)
