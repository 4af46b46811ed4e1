"""`waterclock`: one command, to which each installed package adds its verbs (group `waterclock.commands`)."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import click

from waterclock.kit.escaping import escaped

GROUP = "waterclock.commands"
CLIENT = frozenset({"httpx", "yaml"})
"""Modules of the extra `client`, which the images of schedulers and workers do without."""


class Verbs(click.Group):
    """Loads a verb when it is used, so that `waterclock worker` does not import the API."""

    @property
    def _found(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(self._found)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = self._found.get(cmd_name)
        if entry is None:
            return None
        try:
            return entry.load()
        except ModuleNotFoundError as error:
            if error.name not in CLIENT:
                raise
            return _lacking(cmd_name, error.name)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except click.ClickException as error:
            vars(error)["message"] = escaped(error.message, keep="\n\t")  # it may name what others have written
            raise


def _lacking(verb: str, module: str) -> click.Command:
    """Stands for a verb that speaks to a running API, where the library was installed without its client."""

    def say() -> None:
        raise click.UsageError(f"`waterclock {verb}` needs {module}: install waterclock[client]")

    free = {"ignore_unknown_options": True, "allow_extra_args": True}
    return click.Command(verb, callback=say, context_settings=free, short_help="Needs waterclock[client].")


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waterclock", prog_name="waterclock")
def main() -> None:
    """Waterclock: an event-sourced job scheduler and runner. Every instant is accounted for."""
    if not __debug__:
        raise click.UsageError("Python strips asserts here (-O, PYTHONOPTIMIZE), and Waterclock relies on its own")


if __name__ == "__main__":
    main()
