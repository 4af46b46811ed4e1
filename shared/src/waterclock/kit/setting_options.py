"""Options of a service: one for each setting, made from the structs that read them.

An option overrules the variable and the file of its setting. A secret, and a URL that may hold one, has no option: the
command line of a process is shown to everybody on its machine.
"""

from __future__ import annotations

import os
import typing
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from functools import wraps
from typing import Any, Literal

import click
import msgspec
from msgspec.structs import FieldInfo

from waterclock.kit.settings import FILE, PREFIX, SettingsError, given, help_of, options_of, value_of, written

Kind = type[msgspec.Struct]
Decorator = Callable[[click.Command], click.Command]

_NUMBERS = {int: "N", float: "NUMBER"}


def setting_options(
    *kinds: Kind, also: Mapping[str, str] | None = None, but: Iterable[str] = (), of_process: Iterable[Kind] = ()
) -> Decorator:
    """Gives a service an option for each setting of `kinds`, but for the fields in `but`, which it has its own for.

    `also`: a second name of an option, by field. `of_process`: those of `kinds` whose variables are read where they are
    needed, from the environment of the process; their files are read here.
    """
    fields = [field for kind in kinds for field in msgspec.structs.fields(kind)]
    open_ = [field for field in fields if field.name not in but and not help_of(field).secret]
    secret = [field for field in fields if help_of(field).secret]
    here = [field for kind in of_process for field in msgspec.structs.fields(kind) if not help_of(field).secret]

    def with_options(command: click.Command) -> click.Command:
        serve = command.callback
        assert serve is not None

        @wraps(serve)
        def served(**options: Any) -> Any:
            texts = {field.name: options.pop(field.name) for field in open_}
            chosen = {PREFIX + name.upper(): text for name, text in texts.items() if text is not None}
            with overruled(_from_files(here, chosen) | chosen):
                return serve(**options)

        command.callback = served
        command.params += [_option(field, (also or {}).get(field.name)) for field in open_]
        command.params.sort(key=lambda param: param.opts[0])
        command.epilog = "\n\n".join(filter(None, (command.epilog, _by_variable_alone(secret))))
        return command

    return with_options


@contextmanager
def overruled(chosen: Mapping[str, str]) -> Generator[None]:
    """For as long as the context lasts these variables stand in the environment of the process, and not their files."""
    names = [each for name in chosen for each in (name, name + FILE)]
    before = {name: os.environ.get(name) for name in names}
    try:
        for name, text in chosen.items():
            os.environ[name] = text
            os.environ.pop(name + FILE, None)
        yield
    finally:
        for name, text in before.items():
            if text is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = text


def variable_of(field: FieldInfo) -> str:
    return PREFIX + field.name.upper()


def _from_files(fields: Iterable[FieldInfo], chosen: Mapping[str, str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for field in fields:
        name = variable_of(field)
        if name not in chosen and os.environ.get(name + FILE):
            try:
                found[name] = given(os.environ, name) or ""
            except SettingsError as error:
                raise click.UsageError(str(error)) from None
    return found


def _option(field: FieldInfo, also: str | None) -> click.Option:
    dashed = field.name.replace("_", "-")
    said = f"{help_of(field).text} [{variable_of(field)}{_default(field)}]"
    if bool in options_of(field.type):
        names = [field.name, f"--{dashed}/--no-{dashed}"]
        return click.Option(names, default=None, help=said, callback=_flag)
    names = [field.name, f"--{dashed}", *([also] if also else [])]
    return click.Option(names, metavar=_metavar(field), help=said, callback=_checked(field))


def _default(field: FieldInfo) -> str:
    default = written(field.default)
    return f"; default {default}" if default else ""


def _flag(_context: click.Context, _option: click.Parameter, value: bool | None) -> str | None:
    return None if value is None else written(value)


def _checked(field: FieldInfo) -> Callable[[click.Context, click.Parameter, str | None], str | None]:
    def check(_context: click.Context, _option: click.Parameter, text: str | None) -> str | None:
        if text is None:
            return None
        if not text.strip():
            raise click.BadParameter(f"is empty: leave it out, or give a value for {variable_of(field)}")
        try:
            value_of(text.strip(), field.type)
        except ValueError as error:
            raise click.BadParameter(str(error)) from None
        return text

    return check


def _metavar(field: FieldInfo) -> str:
    kinds = list(options_of(field.type))
    values = [str(value) for kind in kinds if typing.get_origin(kind) is Literal for value in typing.get_args(kind)]
    if words := [value for value in values if value]:
        return "|".join(words)
    if any(typing.get_origin(kind) is tuple for kind in kinds):
        return "A,B,…"
    return next((_NUMBERS[kind] for kind in kinds if kind in _NUMBERS), "TEXT")


def _by_variable_alone(fields: Iterable[FieldInfo]) -> str:
    rows = [(variable_of(field), help_of(field).text) for field in fields]
    if not rows:
        return ""
    width = max(len(name) for name, _ in rows)
    told = "\n".join(f"  {name:<{width}}  {text}" for name, text in rows)
    return (
        f"\b\nOnly as environment variables, because they may hold secrets:\n{told}\n\nAdd {FILE} to a "
        "variable's name to read the value from a file."
    )
