"""How one table's rows differ between two databases."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_cutover.finding import EVIDENCE_ROWS, Evidence

SAMPLES = EVIDENCE_ROWS
"""How many keys are named of each kind of difference."""

Keys = tuple[tuple[Any, ...], ...]
"""Keys in their order, each a tuple of its columns' values: whole numbers as such, all else as text."""


@dataclass(frozen=True)
class RowDifferences:
    """Exact counts of the rows that differ, and the first keys of each kind.

    `before` and `after` are the tables' row counts, `columns` the changed cells of each column that has any,
    `column_keys` their keys. A changed key is a row deleted and a row added. A table without a usable key (`keyed` is
    False) is compared as a bag: rows that differ in anything are deleted and added, unless the columns that may change
    were named. `only_in` is the side that has the table where the other has not.
    """

    table: str
    before: int
    after: int
    added: int = 0
    deleted: int = 0
    changed: int = 0
    columns: dict[str, int] = field(default_factory=dict)
    key: tuple[str, ...] = ()
    added_keys: Keys = ()
    deleted_keys: Keys = ()
    changed_keys: Keys = ()
    column_keys: dict[str, Keys] = field(default_factory=dict)
    keyed: bool = True
    only_in: Literal["before", "after"] | None = None

    def __bool__(self) -> bool:
        return bool(self.only_in or self.added or self.deleted or self.changed)

    @property
    def only_values(self) -> bool:
        """True where both sides have the same rows, and some of them hold other values."""
        return self.only_in is None and not self.added and not self.deleted

    @property
    def summary(self) -> str:
        """What differs, for people: `2 rows deleted, 5 rows changed (cid in 5)`."""
        if self.only_in is not None:
            return f"gone, with {rows(self.before)}" if self.only_in == "before" else f"new, with {rows(self.after)}"
        parts = [f"{rows(count)} {word}" for count, word in ((self.added, "added"), (self.deleted, "deleted")) if count]
        if self.changed:
            cells = ", ".join(f"{name} in {count:,}" for name, count in self.columns.items())
            parts.append(f"{rows(self.changed)} changed ({cells})")
        text = ", ".join(parts) or "no difference"
        return text if self.keyed else f"{text}, compared as a bag of rows for want of a key"

    @property
    def evidence(self) -> tuple[Evidence, ...]:
        """The keys of the rows that differ, one block for each kind of difference."""
        if not self.key:
            return ()
        blocks = [
            ("rows added", self.added_keys, self.added),
            ("rows deleted", self.deleted_keys, self.deleted),
            ("rows changed", self.changed_keys, self.changed),
        ]
        return tuple(Evidence.of(f"{self.table}: {title}", self.key, keys, n) for title, keys, n in blocks if n)


def rows(count: int) -> str:
    """The count with its noun."""
    return f"{count:,} row" if count == 1 else f"{count:,} rows"
