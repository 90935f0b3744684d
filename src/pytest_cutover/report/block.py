"""Evidence of a result, read for people: a titled table, cut to what a page can hold."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_cutover.report import text
from pytest_cutover.report.fields import Json, listing, string

CELL = 300
"""So many characters of one value are shown."""
COLUMNS = 40
"""So many columns are shown, the keys first."""


@dataclass(frozen=True)
class Block:
    """One titled table of evidence; `keys` are the positions of the columns that identify a row.

    `masked` are columns whose values the plan hides, `withheld` those it does not show, `cut` how many do not fit.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    total: int
    keys: tuple[int, ...]
    masked: tuple[str, ...]
    withheld: tuple[str, ...]
    cut: int

    @property
    def more(self) -> int:
        """How many rows there were beyond the ones kept."""
        return max(self.total - len(self.rows), 0)

    @property
    def hidden(self) -> str:
        """What is not shown of these rows, and why, in words; empty where all is."""
        parts = [
            f"masked by the plan: {_named(self.masked)}" if self.masked else "",
            f"not shown, they may hold values: {_named(self.withheld)}" if self.withheld else "",
            f"{text.some(self.cut, 'more column')} in result.json" if self.cut else "",
        ]
        return "; ".join(part for part in parts if part)


def read_block(data: Json) -> Block:
    """The block that one entry of a criterion's evidence tells of."""
    columns = [text.one_line(column) for column in listing(data, "columns")]
    rows = [row if isinstance(row, (list, tuple)) else [row] for row in listing(data, "rows")]
    total = data.get("total")
    keys = [text.one_line(key) for key in listing(data, "keys")] if "keys" in data else columns
    wanted = sorted(range(len(columns)), key=lambda at: columns[at] not in keys)[:COLUMNS]
    kept = sorted(wanted)
    return Block(
        string(data, "title"),
        tuple(text.shorten(columns[at], CELL) for at in kept),
        tuple(tuple(_cell(row[at]) for at in (kept or range(len(row))) if at < len(row)) for row in rows),
        total if isinstance(total, int) else len(rows),
        tuple(position for position, at in enumerate(kept) if columns[at] in keys),
        tuple(text.one_line(column) for column in listing(data, "masked")),
        tuple(text.one_line(column) for column in listing(data, "withheld")),
        len(columns) - len(kept),
    )


def _cell(value: object) -> str:
    return text.shorten(text.clean(value, exact=True), CELL)


def _named(columns: tuple[str, ...]) -> str:
    shown = ", ".join(text.shorten(column, 60) for column in columns[:COLUMNS])
    return shown + (f" and {len(columns) - COLUMNS:,} more" if len(columns) > COLUMNS else "")
