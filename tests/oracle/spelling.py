"""A world as specs: families come in, the text of each `riverrun.toml` goes out."""

import json
import os
from collections.abc import Iterator

from oracle.world import BRANCH, Family, How, Pipe, Read, Span, Style, World


def specs(world: World, weave: str) -> dict[str, str]:
    """The text of each spec, by its path; `weave` is the script that all commands call."""
    names = {family.uid: family for _, family in world.families()}
    return {
        os.path.join(pipe.home, "riverrun.toml"): "\n".join(_Speller(world, pipe, names, weave).lines())
        + "\n"
        for pipe in world.pipes.values()
        if pipe.families or not pipe.home
    }


class _Speller:
    def __init__(self, world: World, pipe: Pipe, families: dict[str, Family], weave: str) -> None:
        self._world = world
        self._pipe = pipe
        self._families = families
        self._weave = weave

    def lines(self) -> Iterator[str]:
        """The spec, line by line."""
        yield "[pipeline]"
        if self._pipe.end:
            yield f"end = {json.dumps(['@' + self._families[uid].name for uid in self._pipe.end])}"
        yield "\n[params]"
        yield from (f"{name} = {json.dumps(value)}" for name, value in self._pipe.params.items())
        branch = self._world.pipes[BRANCH]
        if self._pipe is not branch and branch.families:
            yield f'\n[tributary.{BRANCH}]\npath = "{BRANCH}"'
            yield f"params = {_table({name: json.dumps(value) for name, value in branch.overrides.items()})}"
            yield f"inputs = {_table({name: self._read(read, None) for name, read in branch.given.items()})}"
        families = self._pipe.families
        for family in reversed(families) if self._world.backwards else families:
            yield from self._step(family)

    def _step(self, family: Family) -> Iterator[str]:
        yield f"\n[step.{family.name}]"
        if family.over:
            yield f"foreach = {self._foreach(family)}"
        yield f"run = {self._command(family)}"
        reads = [self._read(read, family) for read in family.reads]
        if family.named:
            yield f"inputs = {_table({f'x{at}': read for at, read in enumerate(reads)})}"
        else:
            flat = [read.removeprefix("[").removesuffix("]") for read in reads]
            yield f"inputs = [{', '.join(flat)}]"
        if family.uses:
            yield f"uses = [{', '.join(self._read(read, family) for read in family.uses)}]"
        yield f"outputs = {json.dumps(family.outs)}"
        if family.declared:
            yield f"params = {json.dumps(family.declared)}"
        flags = {"temporary": family.temporary, "always": family.always, "real": family.real}
        yield from (f"{flag} = true" for flag, chosen in flags.items() if chosen)
        if not family.cached:
            yield "cache = false"

    def _command(self, family: Family) -> str:
        uses = [f"@{self._path(read, family)}" for read in family.uses]
        words = ["sh", self._weave, family.mode.value, family.const]
        words += [f"{{params.{name}}}" for name in family.params] + [f"{{{name}}}" for name in family.words]
        words += [*uses, "--", "{outputs}", "--", *(["{inputs}"] if family.reads else [])]
        if family.style is Style.WORDS:
            return json.dumps(words)
        return json.dumps(" ".join(words) + (" && :" if family.style is Style.SHELL else ""))

    def _foreach(self, family: Family) -> str:
        over = family.over
        assert over is not None
        if over.span is Span.SAME:
            return json.dumps("@" + self._families[over.of].name)
        if over.span is Span.VALUES:
            return f'{{ n = "{{params.{over.text}}}" }}'
        if over.span is Span.INSIDE:
            return json.dumps(self._families[over.of].outs[0] + "{n}.txt")
        return json.dumps(over.text)

    def _read(self, read: Read, family: Family | None) -> str:
        text = json.dumps(self._path(read, family))
        if read.how is How.OPTIONAL:
            return f"{{ path = {text}, optional = true }}"
        if read.without:
            return json.dumps([self._path(read, family), "!" + read.without])
        return text

    def _path(self, read: Read, family: Family | None) -> str:
        if read.how is How.STEP:
            return "@" + self._families[read.of].name
        if read.how is How.GIVEN:
            return f"@inputs.{read.text}"
        if read.how is How.PROMISE:
            return f"@{BRANCH}.{self._families[read.text].name}" if read.text else f"@{BRANCH}"
        if read.how is How.OUTPUT:
            return self._families[read.of].outs[0]
        if read.how is How.INSIDE:
            return self._families[read.of].outs[0] + read.text
        if read.how is How.ITEM:
            assert family is not None and family.over is not None
            over = family.over
            return self._families[over.of].outs[0] + "{n}.txt" if over.span is Span.INSIDE else over.text
        return read.text


def _table(entries: dict[str, str]) -> str:
    return (
        "{ " + ", ".join(f"{name} = {value}" for name, value in entries.items()) + " }" if entries else "{}"
    )
