"""Quoting for the shell: pieces of a command come in, each placeholder's surroundings are found, quoted words go out.

The lexer knows quotes, backslashes, `$(...)`, backticks and comments. It takes the text of a here-document for plain
text of the shell: there a lone apostrophe opens a quote, and then only values without special characters are filled.
"""

import re
from collections.abc import Iterable
from enum import Enum

from riverrun.spec.template import Doubled, Field, Pieces

_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./-]+")  # without '=': a first word must not become an assignment
_PLAIN_IN_QUOTES = re.compile(r"[A-Za-z0-9_@%+=:,./-]*")


class Quote(Enum):
    """Where in a shell's text a placeholder stands."""

    NONE = "outside quotes"
    SINGLE = "inside '...'"
    DOUBLE = 'inside "..."'
    ESCAPED = "after a backslash"
    COMMENT = "in a comment"


class Unquotable(ValueError):
    """args: what is wrong, and a hint."""


def quotes(pieces: Pieces) -> list[Quote]:
    """Where each placeholder of a command stands, in order."""
    lexer = _Lexer()
    found = []
    for piece in pieces:
        if isinstance(piece, Field):
            found.append(lexer.here())
            lexer.word()
        else:
            lexer.read(piece.text if isinstance(piece, Doubled) else piece)
    return found


class _Lexer:
    """Follows a shell's text letter by letter; `_open` holds what is open, the innermost last."""

    def __init__(self) -> None:
        self._open: list[str] = []
        self._escaped = False
        self._fresh = True  # a word would begin here, so '#' begins a comment
        self._before = ""

    def here(self) -> Quote:
        if self._escaped:
            return Quote.ESCAPED
        inner = self._open[-1] if self._open else ""
        return {"'": Quote.SINGLE, "$'": Quote.SINGLE, '"': Quote.DOUBLE, "#": Quote.COMMENT}.get(
            inner, Quote.NONE
        )

    def word(self) -> None:
        """A placeholder was read."""
        self._escaped = self._fresh = False
        self._before = ""

    def read(self, text: str) -> None:
        for letter in text:
            escaped = self._escaped
            self._letter(letter)
            self._before = "" if escaped else letter

    def _letter(self, letter: str) -> None:
        inner = self._open[-1] if self._open else ""
        fresh, self._fresh = self._fresh, False
        if self._escaped:
            self._escaped = False
        elif inner == "#":
            if letter == "\n":
                self._open.pop()
                self._fresh = True
        elif inner == "'":
            if letter == "'":
                self._open.pop()
        elif letter == "\\":
            self._escaped = True
        elif inner == "$'":
            if letter == "'":
                self._open.pop()
        elif letter == '"':
            self._open.pop() if inner == '"' else self._open.append('"')
        elif letter == "(" and self._before == "$":
            self._open.append(")")
            self._fresh = True
        elif letter == "`":
            self._backtick()
        elif inner != '"':
            self._bare(letter, inner, fresh=fresh)

    def _backtick(self) -> None:
        """Closes the innermost backtick with all that is open in it, or opens one."""
        if "`" in self._open:
            while self._open.pop() != "`":
                pass
        else:
            self._open.append("`")
            self._fresh = True

    def _bare(self, letter: str, inner: str, *, fresh: bool) -> None:
        if letter == "'":
            self._open.append("$'" if self._before == "$" else "'")
        elif letter == "#" and fresh:
            self._open.append("#")
        elif letter == "(":
            self._open.append(")")
            self._fresh = True
        elif letter == ")":
            if inner == ")":
                self._open.pop()
            self._fresh = True
        elif letter in " \t\n;&|":
            self._fresh = True


def quoted(values: Iterable[str], quote: Quote) -> str:
    """Values as words of the shell at such a place; Unquotable where that cannot be."""
    words = list(values)
    if any("\0" in word for word in words):
        raise Unquotable("a command cannot hold a NUL character", "")
    if quote is Quote.NONE:
        return " ".join(map(word, words))
    if quote is Quote.COMMENT:
        if any("\n" in one for one in words):
            raise Unquotable("a value with a line break cannot stand in a comment", "")
        return " ".join(words)
    if len(words) != 1:
        many = "several words" if words else "no word at all"
        raise Unquotable(f"{many} cannot stand {quote.value}", "take the placeholder out of the quotes")
    if not _PLAIN_IN_QUOTES.fullmatch(words[0]):
        raise Unquotable(
            f"the value '{words[0]}' has special characters and cannot stand {quote.value}",
            "take the placeholder out of the quotes; it is quoted by itself",
        )
    return words[0]


def word(value: str) -> str:
    """One value as one word."""
    if _PLAIN.fullmatch(value):
        return value
    return "'" + value.replace("'", "'\"'\"'") + "'"
