"""`waterclock`: one command, to which each installed package adds its verbs (group `waterclock.commands`)."""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points

import click

GROUP = "waterclock.commands"


class Verbs(click.Group):
    """Loads a verb when it is used, so that `waterclock worker` does not import the API."""

    @property
    def _found(self) -> dict[str, EntryPoint]:
        return {entry.name: entry for entry in entry_points(group=GROUP)}

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        return sorted(self._found)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        entry = self._found.get(cmd_name)
        return entry.load() if entry is not None else None


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(package_name="waterclock", prog_name="waterclock")
def main() -> None:
    """Waterclock: an event-sourced job scheduler and runner. Every instant is accounted for."""


if __name__ == "__main__":
    main()
