"""SQLite's SQL as tokens and statements, split where SQLite itself splits (https://sqlite.org/lang.html)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

_TOKEN = re.compile(
    r"""(?P<blank>[ \t\r\n\f]+)
    | (?P<comment>--[^\n]*|/\*.*?(?:\*/|\Z))
    | (?P<blob>[xX]'[0-9A-Fa-f]*')
    | (?P<string>'(?:[^']|'')*')
    | (?P<name>"(?:[^"]|"")*"|`(?:[^`]|``)*`|\[[^\]]*\])
    | (?P<number>0[xX][0-9A-Fa-f_]+|(?:\d[\d_]*(?:\.[\d_]*)?|\.\d[\d_]*)(?:[eE][+-]?\d+)?)
    | (?P<variable>\?\d*|[:@$\#][A-Za-z_0-9$\x80-\U0010ffff]+(?:::[\w$]+)*)
    | (?P<word>[A-Za-z_\x80-\U0010ffff][A-Za-z_0-9$\x80-\U0010ffff]*)
    | (?P<operator>->>|->|\|\||<<|>>|<=|>=|<>|!=|==|[-+*/%&|<>=~(),.;])
    """,
    re.VERBOSE | re.DOTALL,
)


class Token(NamedTuple):
    """One token: its kind (word, name, string, blob, number, variable, operator, comment), its text, its place."""

    kind: str
    text: str
    start: int
    end: int

    @property
    def word(self) -> str:
        """The unquoted word in capitals, empty for any other token."""
        return self.text.upper() if self.kind == "word" else ""

    @property
    def identifier(self) -> str:
        """The name that the token stands for, without its quotes."""
        if self.kind == "name":
            closing = self.text[-1]
            inner = self.text[1:-1]
            return inner if closing == "]" else inner.replace(closing * 2, closing)
        if self.kind == "string":
            return self.text[1:-1].replace("''", "'")
        return self.text


class Piece(NamedTuple):
    """One statement: its text without the semicolon, its tokens without comments, where its text begins and ends."""

    text: str
    tokens: tuple[Token, ...]
    start: int
    end: int
    closed: bool


def tokens(text: str) -> Iterator[Token]:
    """Every token of the text, comments included.

    Raises:
        ValueError: a quote is not closed, or there is a character that SQLite does not know.
    """
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            line = text.count("\n", 0, position) + 1
            character = text[position]
            what = "is not closed" if character in "'\"`[" else "is not SQL"
            raise ValueError(f"line {line}: {character} {what}")
        kind = str(match.lastgroup)
        if kind != "blank":
            yield Token(kind, match[0], match.start(), match.end())
        position = match.end()


def statements(text: str) -> Iterator[Piece]:
    """The statements of the text; the body of a trigger belongs to its statement.

    Raises:
        ValueError: as `tokens`.
    """
    current: list[Token] = []
    for token in tokens(text):
        if token.kind == "comment":
            continue
        if token.text == ";" and not (_is_trigger(current) and not _ends_trigger(current)):
            if current:
                yield _piece(text, current, closed=True)
            current = []
            continue
        current.append(token)
    if current:
        yield _piece(text, current, closed=False)


def _piece(text: str, found: Sequence[Token], closed: bool) -> Piece:
    start, end = found[0].start, found[-1].end
    return Piece(text[start:end], tuple(found), start, end, closed)


def _is_trigger(found: Sequence[Token]) -> bool:
    words = [token.word for token in found[:6]]
    while words and words[0] in ("EXPLAIN", "QUERY", "PLAN"):
        words.pop(0)
    if words[:1] != ["CREATE"]:
        return False
    return (words[2:3] if words[1:2] and words[1] in ("TEMP", "TEMPORARY") else words[1:2]) == ["TRIGGER"]


def _ends_trigger(found: Sequence[Token]) -> bool:
    """True where the statement so far ends as the body of a trigger does: with END behind a semicolon."""
    return len(found) > 1 and found[-1].word == "END" and found[-2].text == ";"


def code(text: str) -> list[Token]:
    """The tokens of the text without its comments.

    Raises:
        ValueError: as `tokens`.
    """
    return [token for token in tokens(text) if token.kind != "comment"]


@lru_cache(maxsize=256)
def strict_names(text: str) -> str:
    """The text with its "names" written as `names`: SQLite takes a misspelt "name" for a string, and `name` never."""
    parts, done = [], 0
    for token in tokens(text):
        if token.kind == "name" and token.text[0] == '"':
            parts += [text[done : token.start], "`" + token.identifier.replace("`", "``") + "`"]
            done = token.end
    return "".join([*parts, text[done:]])


def split(found: Sequence[Token], separator: str = ",") -> list[list[Token]]:
    """The parts between the separators outside of brackets."""
    parts: list[list[Token]] = [[]]
    depth = 0
    for token in found:
        depth += {"(": 1, ")": -1}.get(token.text, 0) if token.kind == "operator" else 0
        if depth == 0 and token.text == separator:
            parts.append([])
        else:
            parts[-1].append(token)
    return parts


def brackets(found: Sequence[Token], start: int) -> int:
    """The place behind the bracket that closes the one at `start`."""
    depth = 0
    for place in range(start, len(found)):
        if found[place].kind == "operator":
            depth += {"(": 1, ")": -1}.get(found[place].text, 0)
        if depth == 0:
            return place + 1
    return len(found)
