"""`riverrun dag`: wanted steps in, a picture of what needs what out."""

import sys
from collections.abc import Sequence

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.voice import Form


@click.command("dag", short_help="Show which step needs which.")
@flags.what
@click.option(
    "--format",
    "kind",
    type=click.Choice(["tree", "json", "dot", "mermaid"]),
    default="tree",
    show_default=True,
    help="A tree to read, JSON, or a picture for Graphviz or Mermaid.",
)
@click.option("--all", "every_item", is_flag=True, help="Show every item of a family by itself.")
@flags.session
def command(session: Session, what: Sequence[str], kind: str, every_item: bool) -> int:
    """Show which step needs which, from the end state backwards.

    \b
    A tree:    riverrun dag
    A picture: riverrun dag --format dot | dot -Tpng -o dag.png
    """
    from riverrun.report import picture

    graph = session.open().graph(tuple(what))
    if kind == "json" or session.voice.form is Form.JSON:
        session.voice.document(picture.as_json(graph))
        return Exit.KEPT
    nodes = picture.draw(graph, picture.Items.SPELLED if every_item else picture.Items.GATHERED)
    if kind == "dot":
        lines = picture.dot(nodes)
    elif kind == "mermaid":
        lines = picture.mermaid(nodes)
    else:
        unicode = (sys.stdout.encoding or "").lower().startswith("utf")
        lines = picture.tree(nodes, picture.Glyphs.UNICODE if unicode else picture.Glyphs.ASCII)
    session.voice.lines(lines)
    return Exit.KEPT
