"""`riverrun init`: a folder in, a first small spec in it out; nothing that exists is overwritten."""

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form
from riverrun.errors import UsageError
from riverrun.model.names import SPEC_NAME

_IGNORED = ".riverrun/"

_SPEC = """\
# A pipeline: steps, what each reads, and what each makes. `riverrun` brings about its end state.

[pipeline]
end = ["total.txt"]              # what this pipeline promises

[params]
greeting = "hello"

[step.words]
run     = "echo {params.greeting} river > {outputs}"
outputs = ["words.txt"]

[step.total]
run     = "wc -w < {inputs} > {outputs}"
inputs  = ["words.txt"]          # made by the step above, which therefore runs first
outputs = ["total.txt"]

# More: files that count but are not arguments   uses = ["count.py"]
#       one step for every file that matches     foreach = "logs/{day}.csv"
#       the outputs of another step              inputs = ["@words"]
"""


@click.command("init", short_help="Write a first small spec to start from.")
@flags.session
def command(session: Session) -> int:
    """Write a small riverrun.toml to start from, and let git ignore what riverrun keeps.

    \b
    Here:          riverrun init
    In a folder:   riverrun -C analysis init
    """
    session.enter()
    path = session.file or SPEC_NAME
    try:
        with open(path, "x", encoding="utf-8") as spec:
            spec.write(_SPEC)
    except FileExistsError:
        raise UsageError(f"'{path}' is there already", hint="riverrun init overwrites nothing") from None
    written = [path]
    if _ignore():
        written.append(".gitignore")
    if session.voice.form is Form.JSON:
        from riverrun.native import __version__

        session.voice.document({"riverrun": __version__, "ok": True, "written": written})
    else:
        session.voice.say(f"wrote {' and '.join(written)}; now try: riverrun")
    return Exit.KEPT


def _ignore() -> bool:
    """Add the line to .gitignore unless it is there; whether it was added."""
    try:
        with open(".gitignore", encoding="utf-8", errors="surrogateescape") as present:
            text = present.read()
    except FileNotFoundError:
        text = ""
    if any(line.strip().strip("/") == _IGNORED.strip("/") for line in text.splitlines()):
        return False
    with open(".gitignore", "a", encoding="utf-8") as ignored:
        ignored.write(("\n" if text and not text.endswith("\n") else "") + _IGNORED + "\n")
    return True
