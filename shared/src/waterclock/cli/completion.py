"""`waterclock completion`: the script by which a shell completes verbs and options."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

SHELLS = ("bash", "zsh", "fish")


@click.command(short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the completion script for SHELL. In its start-up file: eval "$(waterclock completion bash)"."""
    kind = get_completion_class(shell)
    assert kind is not None
    main = ctx.find_root().command
    click.echo(kind(main, {}, "waterclock", "_WATERCLOCK_COMPLETE").source())
