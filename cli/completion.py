"""`kerasnn completion`."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from kerasnn.cli.options import command

SHELLS = ("bash", "zsh", "fish")


@command(
    examples=[
        'eval "$(kerasnn completion bash)"                 in ~/.bashrc',
        "kerasnn completion fish > ~/.config/fish/completions/kerasnn.fish",
    ]
)
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(context: click.Context, shell: str) -> None:
    """Print the script that lets a shell complete commands, options and names."""
    kind = get_completion_class(shell)
    assert kind is not None, "click completes all of SHELLS"
    root = context.find_root().command
    click.echo(kind(root, {}, "kerasnn", "_KERASNN_COMPLETE").source())
