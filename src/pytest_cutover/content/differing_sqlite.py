"""Exactly which rows differ between two SQLite databases.

They are compared by SQLite itself, with the earlier one attached to a connection on the later one that only reads.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pytest_cutover.catalog import Catalog
from pytest_cutover.content.differences import SAMPLES, Keys, RowDifferences
from pytest_cutover.content.sqlite import NEW, has_null, keys_of, reading, source_of, tables_of
from pytest_cutover.errors import QueryError
from pytest_cutover.names import quote_identifier
from pytest_cutover.sqlite.connection import SqliteTarget

_ROWID_NAMES = ("rowid", "oid", "_rowid_")
OLD = '"earlier"'


@contextmanager
def _both(before: Path, after: Path) -> Iterator[sqlite3.Connection]:
    """A connection that reads both databases and writes to neither."""
    with closing(SqliteTarget(after).connect(read_only=True)) as connection:
        try:
            connection.execute("ATTACH ? AS earlier", (f"file:{quote(str(before))}?mode=ro",))
            connection.execute("BEGIN")
        except sqlite3.Error as error:
            raise QueryError(f"the two databases cannot be compared: {error}") from error
        yield connection


def sqlite_differences(
    before: SqliteTarget,
    after: SqliteTarget,
    before_catalog: Catalog,
    after_catalog: Catalog,
    may_change: Mapping[str, Collection[str]],
) -> list[RowDifferences]:
    """How the rows of every table differ, in the columns that both sides have, by table.

    Rows are matched by a key that both sides guarantee, or by their rowid; where neither says less than comparing them
    as a bag does, they are compared so.

    Raises:
        QueryError: the rows cannot be read, or the parts do not add up to the whole.
    """
    with _both(before.path, after.path) as connection:
        found = []
        for table in sorted({*tables_of(before_catalog), *tables_of(after_catalog)}):
            found.append(_Pair(connection, before_catalog, after_catalog, table).differences(may_change.get(table, ())))
        return found


class _Pair:
    """One table on both sides."""

    def __init__(self, connection: sqlite3.Connection, before: Catalog, after: Catalog, table: str) -> None:
        self.connection = connection
        self.before = before
        self.after = after
        self.table = table

    def differences(self, may_change: Collection[str]) -> RowDifferences:
        """What differs."""
        if self.table not in self.after.tables:
            rows = self._count(OLD, self.before)
            return RowDifferences(self.table, rows, 0, deleted=rows, only_in="before")
        if self.table not in self.before.tables:
            rows = self._count(NEW, self.after)
            return RowDifferences(self.table, 0, rows, added=rows, only_in="after")
        old, new = self._count(OLD, self.before), self._count(NEW, self.after)
        key = self._key()
        if key:
            return self._by_key(old, new, key, [quote_identifier(name) for name in key])
        place = self._rowid()
        if place is None:
            return self._as_bag(old, new, may_change)
        placed = self._by_key(old, new, ("rowid",), [place])
        if not placed:
            return placed
        # A rowid that no column declares may be given anew when a table is made anew: then the bag says less.
        bag = self._as_bag(old, new, may_change)
        return placed if _size(placed) <= _size(bag) else bag

    def _ask(self, query: str) -> list[tuple[Any, ...]]:
        with reading(self.table):
            return self.connection.execute(query).fetchall()

    def _count(self, side: str, catalog: Catalog) -> int:
        return int(self._ask(f"SELECT count(*) FROM {source_of(side, catalog, self.table)}")[0][0])

    def _shared(self) -> list[str]:
        there = {each.name for each in self.after.columns_of(self.table)}
        return [each.name for each in self.before.columns_of(self.table) if each.name in there]

    def _key(self) -> tuple[str, ...]:
        theirs = {frozenset(key) for key in keys_of(self.after, self.table)}
        for key in keys_of(self.before, self.table):
            if (
                frozenset(key) in theirs
                and self._alike(key)
                and not any(
                    has_null(self.connection, side, catalog, self.table, key)
                    for side, catalog in ((OLD, self.before), (NEW, self.after))
                )
            ):
                return key
        return ()

    def _alike(self, columns: Sequence[str]) -> bool:
        """True where both sides compare the columns in the same way, so that at most one row matches another."""
        sides = [
            {each.name: (each.type.upper(), each.collation) for each in catalog.columns_of(self.table)}
            for catalog in (self.before, self.after)
        ]
        return all(sides[0][name] == sides[1][name] for name in columns)

    def _rowid(self) -> str | None:
        """What the rowid is called on both sides, None where one has none or hides it."""
        if any("without rowid" in catalog.tables[self.table].options for catalog in (self.before, self.after)):
            return None
        taken = {each.name.lower() for catalog in (self.before, self.after) for each in catalog.columns_of(self.table)}
        return next((name for name in _ROWID_NAMES if name not in taken), None)

    def _by_key(self, old: int, new: int, names: tuple[str, ...], key: list[str]) -> RowDifferences:
        """Rows matched by the key; a key that is written otherwise ('A' for 'a') is a changed value of its column."""
        columns = self._shared()
        same = " AND ".join(f"n.{part} = o.{part}" for part in key)
        before, after = source_of(OLD, self.before, self.table), source_of(NEW, self.after, self.table)
        joined = f"FROM {before} AS o JOIN {after} AS n ON {same}"
        differs = {name: _differs(quote_identifier(name)) for name in columns}
        either = " OR ".join(differs.values()) or "0"
        sums = "".join(f", coalesce(sum({each}), 0)" for each in differs.values())
        matched = int(self._ask(f"SELECT count(*) {joined}")[0][0])
        changed, *cells = self._ask(f"SELECT count(*){sums} {joined} WHERE {either}")[0]
        counts = {name: int(count) for name, count in zip(columns, cells, strict=True) if count}
        shown = [f"{{side}}.{part}" for part in key]
        deleted = self._alone("o", before, after, same, shown) if matched < old else ()
        added = self._alone("n", after, before, same, shown) if matched < new else ()
        found = RowDifferences(
            self.table, old, new, new - matched, old - matched, int(changed), counts, names,
            added, deleted, self._matched(joined, either, shown) if changed else (),
            {name: self._matched(joined, differs[name], shown) for name in counts},
        )  # fmt: skip
        if matched > min(old, new) or bool(found.added) != bool(added) or bool(found.deleted) != bool(deleted):
            raise QueryError(f"{self.table}: two rows have the same key: its index is damaged")
        return found

    def _matched(self, joined: str, condition: str, shown: Sequence[str]) -> Keys:
        key = ", ".join(each.format(side="n") for each in shown)
        return _plain(self._ask(f"SELECT {key} {joined} WHERE {condition} ORDER BY {key} LIMIT {SAMPLES}"))

    def _alone(self, side: str, source: str, other: str, same: str, shown: Sequence[str]) -> Keys:
        """The first keys of one side that the other lacks."""
        key = ", ".join(each.format(side=side) for each in shown)
        there = "n" if side == "o" else "o"
        return _plain(
            self._ask(
                f"SELECT {key} FROM {source} AS {side} WHERE NOT EXISTS (SELECT 1 FROM {other} AS {there} WHERE {same})"
                f" ORDER BY {key} LIMIT {SAMPLES}"
            )
        )

    def _as_bag(self, old: int, new: int, may_change: Collection[str]) -> RowDifferences:
        """Rows that are there more often on one side, without the columns that may change; and how often these did."""
        names = self._shared()
        fixed = [name for name in names if name not in may_change]
        added, deleted = self._bag(fixed)
        if len(fixed) == len(names):
            return RowDifferences(self.table, old, new, added, deleted, keyed=False)
        changed = self._bag(names)[1] - deleted
        cells = {name: self._bag([*fixed, name])[1] - deleted for name in names if name in may_change}
        if sum(cells.values()) < changed:
            # Values moved from row to row: each column holds what it held, so any of them may be the one.
            cells = dict.fromkeys(cells, changed)
        counts = {name: count for name, count in cells.items() if count}
        return RowDifferences(self.table, old, new, added, deleted, changed, counts, keyed=False)

    def _bag(self, columns: Sequence[str]) -> tuple[int, int]:
        """How many rows are there more often after, and before, seen through these columns."""
        listed = [quote_identifier(name) for name in columns]
        selected = ", ".join(f"typeof({name}) AS t{i}, {name} AS v{i}" for i, name in enumerate(listed)) or "1 AS t0"
        groups = ", ".join(f"t{i}, v{i} COLLATE BINARY" for i in range(len(listed))) or "t0"
        before, after = source_of(OLD, self.before, self.table), source_of(NEW, self.after, self.table)
        found = self._ask(
            "SELECT coalesce(sum(max(d, 0)), 0), coalesce(sum(max(-d, 0)), 0) FROM (SELECT sum(w) AS d FROM"
            f" (SELECT {selected}, 1 AS w FROM {after} UNION ALL SELECT {selected}, -1 FROM {before}) GROUP BY {groups})"
        )[0]
        return int(found[0]), int(found[1])


def _differs(column: str) -> str:
    # The plus takes the column's affinity away, which would make '1' and 1 equal.
    return f"(typeof(n.{column}) <> typeof(o.{column}) OR +n.{column} COLLATE BINARY IS NOT +o.{column})"


def _plain(rows: Sequence[tuple[Any, ...]]) -> Keys:
    return tuple(
        tuple(value if isinstance(value, int) else "NULL" if value is None else str(value) for value in row)
        for row in rows
    )


def _size(found: RowDifferences) -> int:
    return found.added + found.deleted + found.changed
