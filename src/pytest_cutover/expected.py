"""A checks file: queries, each with its `-- expect:` comment, whichever engine's SQL they are in."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")

_COMMENT = re.compile(r"--\s*(expect\w*)\b\s*(:?)\s*(.*?)\s*$", re.IGNORECASE)


@dataclass(frozen=True)
class ExpectedQuery:
    """One query of a checks file: its text, and the line on which it begins."""

    text: str
    line: int


@dataclass(frozen=True)
class Comment:
    """A comment from its two dashes on, where it begins in the file, and on which line."""

    text: str
    at: int
    line: int


@dataclass(frozen=True)
class PlacedStatement:
    """A statement of the file: where it ends, what stands behind it on that line, and why it is refused, if it is."""

    query: ExpectedQuery
    end: int
    behind: str
    refused: str | None

    @property
    def limit(self) -> int:
        """Where the comments end that belong to it: one behind its semicolon, on its line, is still its own."""
        return self.end + len(self.behind) if self.behind.lstrip("; \t").startswith("--") else self.end


def match_expectations(
    file: str, statements: Sequence[PlacedStatement], comments: Iterable[Comment], read: Callable[[str], T]
) -> list[tuple[ExpectedQuery, T]]:
    """The queries, each with what `read` makes of its comment, which stands before it, in it or behind it on its line.

    Places count in the same unit for statements and comments.

    Raises:
        ValueError: at least one is wrong; the message lists all, one per line, each with file and line.
    """
    problems: list[str] = []
    expectations = _expectations(file, comments, problems)
    found: list[tuple[ExpectedQuery, T]] = []
    begin = 0
    for statement in statements:
        place = f"{file}:{statement.query.line}"
        given = [each for each in expectations if begin <= each.at < statement.limit]
        begin = statement.limit
        if statement.refused:
            problems.append(f"{place}: {statement.refused}")
        if not given:
            problems.append(
                f"{place}: the statement has no expectation; write a comment above it: "
                "-- expect: 43, -- expect: 3..5, -- expect: empty or -- expect: rows 2"
            )
        elif len(given) > 1:
            lines = " and ".join(str(each.line) for each in given)
            problems.append(f"{place}: the statement has {len(given)} expectations, on lines {lines}; leave one")
        else:
            try:
                found.append((statement.query, read(given[0].text)))
            except ValueError as error:
                problems.append(f'{file}:{given[0].line}: found "{given[0].text}": {error}')
    problems += [
        f"{file}:{each.line}: the expectation stands behind the last statement"
        for each in expectations
        if each.at >= begin
    ]
    if not statements and not problems:
        problems.append(f"{file}: holds no statement")
    if problems:
        raise ValueError("\n".join(problems))
    return found


def _expectations(file: str, comments: Iterable[Comment], problems: list[str]) -> list[Comment]:
    """What stands behind the word of each `-- expect:` comment; what only looks like one is a problem."""
    found = []
    for comment in comments:
        match = _COMMENT.match(comment.text)
        if match is None:
            continue
        word, colon, expectation = match.groups()
        if not colon:
            if word.lower() == "expect":
                problems.append(f'{file}:{comment.line}: found "{comment.text.strip()}": write a colon: -- expect: …')
        elif word != "expect":
            problems.append(f'{file}:{comment.line}: found "{word}:": the word is "expect:"')
        else:
            found.append(Comment(expectation, comment.at, comment.line))
    return found
