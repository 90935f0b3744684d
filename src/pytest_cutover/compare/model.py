"""What a comparison finds, as plain data: in which parts, what is worse, better, slower, faster, otherwise."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Sort = Literal["worse", "better", "slower", "faster", "different"]
SORTS: tuple[Sort, ...] = ("worse", "better", "slower", "faster", "different")
"""In the order in which a reviewer wants to know."""


@dataclass(frozen=True)
class Change:
    """One difference: what it is about, and what it was and is."""

    sort: Sort
    subject: str
    text: str


@dataclass(frozen=True)
class Part:
    """The differences of one plan, or of the whole. `same` says what is alike."""

    name: str
    changes: tuple[Change, ...]
    same: str = ""

    def of(self, sort: Sort) -> list[Change]:
        """The differences of one sort."""
        return [each for each in self.changes if each.sort == sort]


@dataclass(frozen=True)
class Side:
    """One of the two files: its path, and what it is, in a few words each."""

    path: str
    facts: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Two files side by side."""

    sides: tuple[Side, Side]
    parts: tuple[Part, ...]
    remark: str = ""

    def count(self, sort: Sort) -> int:
        """How many differences there are of one sort."""
        return sum(len(part.of(sort)) for part in self.parts)

    @property
    def worse(self) -> bool:
        """True where anything is worse in the second file."""
        return self.count("worse") > 0


def changed(subject: str, before: object, after: object, sort: Sort = "different") -> list[Change]:
    """The one difference of two values in words, none where they are equal."""
    if before == after:
        return []
    return [Change(sort, subject, f"{_shown(before)} → {_shown(after)}")]


def _shown(value: object) -> str:
    return "nothing" if value is None or value == "" else str(value)
