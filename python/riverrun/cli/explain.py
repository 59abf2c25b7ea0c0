"""`riverrun explain`: steps in, the reasons why they would act out, with the values before and after."""

from collections.abc import Sequence

import click

from riverrun.cli import flags
from riverrun.cli.codes import Exit
from riverrun.cli.door import Session
from riverrun.cli.progress import TONES
from riverrun.cli.voice import Form
from riverrun.model.verdict import Action
from riverrun.report.fields import field_line
from riverrun.report.wording import VERBS, escape, reason_block


@click.command("explain", short_help="Say why steps would run, with old and new values.")
@flags.what
@flags.check
@flags.params
@click.option("--key", "with_key", is_flag=True, help="Also list everything that counts for the step.")
@click.option("--all", "all_steps", is_flag=True, help="Without WHAT: the kept steps too.")
@flags.session
def command(
    session: Session, what: Sequence[str], check: str, params: Sequence[str], with_key: bool, all_steps: bool
) -> int:
    """Say why steps would run, with the old and the new values.

    \b
    All that would act:         riverrun explain
    One step:                   riverrun explain total
    And everything that counts: riverrun explain total --key
    """
    voice = session.voice
    from riverrun.model.policy import Check

    explanations = session.open().explain(tuple(what), check=Check(check), params=flags.pairs(params, "-p"))
    if not (what or all_steps):
        explanations = [explanation for explanation in explanations if explanation.action is not Action.NONE]
    if voice.form is Form.JSON:
        from riverrun.native import __version__

        steps = [explanation.as_json() for explanation in explanations]
        voice.document({"riverrun": __version__, "ok": True, "steps": steps})
        return Exit.KEPT
    if not explanations:
        voice.say("nothing to explain: every step is kept")
    for explanation in explanations:
        verb = voice.paint(VERBS[explanation.action], TONES[explanation.action])
        voice.say(f"{escape(explanation.step)}: {verb}")
        for reason in explanation.reasons:
            voice.lines(f"  {line}" for line in reason_block(reason))
        if with_key:
            voice.say(f"  key {explanation.key}")
            voice.lines(f"    {field_line(field, name, value)}" for field, name, value in explanation.fields)
    return Exit.KEPT
