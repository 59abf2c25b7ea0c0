"""README, docs and the examples' pages: every block does what the page says, every link leads somewhere."""

import re
from pathlib import Path

import pytest

from console import agrees, commands_of, execute
from project import ROOT
from riverrun.cli.app import COMMANDS

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])
LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
CODE = re.compile(r"^```.*?^```$|`[^`\n]*`", re.MULTILINE | re.DOTALL)


def anchors(page: Path) -> set[str]:
    """The anchors of a page's titles, as they are commonly made."""
    titles = re.findall(
        r"^#+ (.*)$", CODE.sub(lambda code: code[0].strip("`"), page.read_text()), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", title.lower()).strip().replace(" ", "-") for title in titles}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_blocks_do_what_the_page_says(page: Path) -> None:
    commands = list(commands_of(page.read_text()))
    if commands:
        execute(page, commands)
    for command in commands:
        if command.expected is None:
            assert command.code == 0, f"in {page.name}:\n{command}"
        else:
            wanted = "\n".join(command.expected)
            assert agrees(command.expected, command.got), f"{page.name} says:\n{wanted}\n\nreally:\n{command}"


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in LINK.findall(CODE.sub("", page.read_text())):
        if "://" in link:
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        assert target.exists(), f"{page.name}: {link}"
        assert not anchor or anchor in anchors(target), f"{page.name}: {link}"


def test_every_command_is_told_of() -> None:
    told = set(re.findall(r"[a-z]+", " ".join(re.findall(r"`[^`\n]+`", (ROOT / "README.md").read_text()))))
    assert set(COMMANDS) <= told, sorted(set(COMMANDS) - told)


@pytest.mark.parametrize(
    ("expected", "got", "same"),
    [
        (["a", "b"], ["a", "b"], True),
        (["a", "b"], ["a"], False),
        (["took 1.5 s"], ["took 0.02 s"], True),
        (["took 15 ms"], ["took 3 steps"], False),
        (["ran   1.5s"], ["ran  12m05s"], True),
        (["...", "b"], ["x", "y", "b"], True),
        (["a", "..."], ["a"], True),
        (["in 20260102-030405-0123abcd/x"], ["in 20271122-210749-b5d6a6a7/x"], True),
        (["a.c"], ["abc"], False),
        (["x", "ran b 1s", "ran a 2s", "y"], ["x", "ran a 1s", "ran b 1s", "y"], True),
    ],
)
def test_lines_agree(expected: list[str], got: list[str], same: bool) -> None:
    assert agrees(expected, got) is same
