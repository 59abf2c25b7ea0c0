"""`riverrun completion`: the name of a shell in, the script that teaches it riverrun's words out."""

import click
from click.shell_completion import get_completion_class

from riverrun.cli.codes import Exit
from riverrun.cli.door import Session

# Not click's own: bash breaks words at "@", "=" and ":", so that items (count@a) would arrive in pieces.
# The words are taken from the line itself, and what bash holds to be finished is taken from the replies.
_BASH = r"""
_riverrun_completion() {
    local line="${COMP_LINE:0:COMP_POINT}" current kept="" response type value
    local -a words
    read -ra words <<< "$line"
    local place=$((${#words[@]} - 1))
    [[ $line == *[[:space:]] ]] && place=$((place + 1))
    current="${words[place]-}"
    local breaks="${COMP_WORDBREAKS//[^@=:]/}"
    [[ -n $breaks && $current == *[$breaks]* ]] && kept="${current%"${current##*[$breaks]}"}"
    response=$(env COMP_WORDS="$line" COMP_CWORD="$place" _RIVERRUN_COMPLETE=bash_complete "$1")
    COMPREPLY=()
    while IFS=, read -r type value; do
        case $type in
            dir) compopt -o dirnames ;;
            file) compopt -o default ;;
            plain) COMPREPLY+=("${value#"$kept"}") ;;
        esac
    done <<< "$response"
}
complete -o nosort -F _riverrun_completion riverrun
"""


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
    if shell == "bash":
        session.voice.say(_BASH.strip())
        return Exit.KEPT
    found = get_completion_class(shell)
    assert found is not None, shell  # click has both
    root = click.get_current_context().find_root().command
    session.voice.say(found(root, {}, "riverrun", "_RIVERRUN_COMPLETE").source().rstrip())
    return Exit.KEPT
