"""What checking one criterion found."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas

EVIDENCE_ROWS = 20
"""How many rows of evidence are kept; `Evidence.total` says how many there were."""

_LONGEST_ACTUAL = 300


def exactly(text: str) -> str:
    """The text, or where it is long its beginning and a digest of all of it: what a waiver accepts is this and no other."""
    if len(text) <= _LONGEST_ACTUAL:
        return text
    return f"{text[:_LONGEST_ACTUAL]}… (SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:12]})"


@dataclass(frozen=True)
class Evidence:
    """The rows behind a finding: a title, the column names, at most EVIDENCE_ROWS rows, and how many there were.

    `keys` names the columns that identify a row. The others hold values, which reports leave out unless the plan
    says `evidence = "rows"`.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int
    keys: tuple[str, ...] = ()

    @classmethod
    def of(
        cls,
        title: str,
        columns: Sequence[str],
        rows: Iterable[Sequence[Any]],
        total: int | None = None,
        keys: Sequence[str] | None = None,
    ) -> Evidence:
        """Evidence of the rows; without `total` they are all there are, without `keys` no column is a value."""
        listed = [tuple(row) for row in rows]
        return cls(
            title,
            tuple(columns),
            tuple(listed[:EVIDENCE_ROWS]),
            len(listed) if total is None else total,
            tuple(columns if keys is None else keys),
        )

    @property
    def frame(self) -> pandas.DataFrame:
        """The kept rows as a DataFrame."""
        import pandas

        frame: pandas.DataFrame = pandas.DataFrame(list(self.rows), columns=list(self.columns))
        return frame

    def __str__(self) -> str:
        """The title, then one line per kept row: keys only."""
        positions = [self.columns.index(key) for key in self.keys]
        lines = [f"{self.title} ({self.total})"]
        if positions:
            lines += ["    " + ", ".join(f"{self.columns[i]}={row[i]}" for i in positions) for row in self.rows]
            if self.total > len(self.rows):
                lines.append(f"    … and {self.total - len(self.rows)} more")
        return "\n".join(lines)


@dataclass(frozen=True)
class Finding:
    """Whether a criterion holds, in one plain sentence, with what was there before, expected and found.

    `before`, `expected` and `actual` are short texts for people and hold no row values. `held_before` says whether
    the criterion would also hold without the migration (None: not asked, or it has no meaning there).
    """

    holds: bool
    message: str
    before: str = ""
    expected: str = ""
    actual: str = ""
    evidence: tuple[Evidence, ...] = field(default=())
    held_before: bool | None = None

    def __bool__(self) -> bool:
        return self.holds

    def __str__(self) -> str:
        lines = [self.message]
        if self.before:
            lines.append(f"  before:   {self.before}")
        if self.expected:
            lines.append(f"  expected: {self.expected}")
        if self.actual:
            lines.append(f"  actual:   {self.actual}")
        lines += ["  " + str(block).replace("\n", "\n  ") for block in self.evidence]
        return "\n".join(lines)
