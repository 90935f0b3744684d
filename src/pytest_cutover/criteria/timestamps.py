"""What was found of a table's timestamps: how many there are, and which are wrong."""

from __future__ import annotations

from collections import Counter
from typing import Any

from pytest_cutover.criteria.checking import listed
from pytest_cutover.finding import Evidence


class Timestamps:
    """What the values were found to be."""

    def __init__(self, columns: list[str]) -> None:
        self.columns = columns
        self.timestamps = 0
        self.skipped = 0
        self.wrong: list[tuple[tuple[Any, ...], str, str]] = []

    def note(self, place: tuple[Any, ...], column: str, what: str) -> None:
        """Notes one wrong value."""
        self.wrong.append((place, column, what))

    def message(self, table: str) -> str:
        """What is wrong, the commonest first, each with its columns."""
        kinds = Counter(what for _, _, what in self.wrong)
        parts = []
        for what, number in kinds.most_common():
            names = sorted({column for _, column, kind in self.wrong if kind == what}, key=self.columns.index)
            told = (
                what
                if number == 1
                else what.replace("is ", "are ", 1).replace("means", "mean").replace("has ", "have ", 1)
            )
            told = told.replace("was", "were") if number > 1 else told
            parts.append(f"{number:,} of {max(self.timestamps, number):,} timestamps of {table}.{listed(names)} {told}")
        return ", and ".join(parts)

    def actual(self) -> str:
        """The numbers alone, so that a waiver accepts these and no others."""
        kinds = Counter(what for _, _, what in self.wrong)
        return "; ".join(f"{number:,} {what}" for what, number in sorted(kinds.items()))

    def evidence(self, table: str, key: tuple[str, ...]) -> Evidence:
        """The keys of the wrong values; a value is never shown."""
        found = [(*(place if key else ()), column, what) for place, column, what in self.wrong]
        return Evidence.of(f"Timestamps of {table} that are wrong", (*key, "column", "what"), found)
