"""``styled completion``: what a shell has to know to complete commands, options and jobs."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from styled.cli.machine.completing import use_own_shells

SHELLS = ("bash", "zsh", "fish")


@click.command()
@click.argument("shell", type=click.Choice(SHELLS))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print the script that makes SHELL complete commands, options, jobs and settings.

    \b
    bash:  echo 'eval "$(styled completion bash)"' >> ~/.bashrc
    zsh:   echo 'eval "$(styled completion zsh)"' >> ~/.zshrc      (after compinit)
    fish:  styled completion fish > ~/.config/fish/completions/styled.fish
    """  # noqa: D301  # click wants the character that \b stands for, and not a backslash with a b
    use_own_shells()
    kind = get_completion_class(shell)
    assert kind is not None  # noqa: S101  # click has each of SHELLS
    click.echo(kind(ctx.find_root().command, {}, "styled", "_STYLED_COMPLETE").source())
