"""`riverrun completion`: the name of a shell in, the script that teaches it riverrun's words out."""

import click
from click.shell_completion import get_completion_class

from riverrun.cli.codes import Exit
from riverrun.cli.door import Session


@click.command("completion", short_help="Print the completion script of a shell.")
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_obj
def command(session: Session, shell: str) -> int:
    """Print the script with which SHELL completes commands, options and the names of steps.

    \b
    bash, in ~/.bashrc: eval "$(riverrun completion bash)"
    zsh, in ~/.zshrc:   eval "$(riverrun completion zsh)"
    fish:               riverrun completion fish > ~/.config/fish/completions/riverrun.fish
    """
    found = get_completion_class(shell)
    assert found is not None, shell  # click has all three
    root = click.get_current_context().find_root().command
    session.voice.say(found(root, {}, "riverrun", "_RIVERRUN_COMPLETE").source().rstrip())
    return Exit.KEPT
