"""What the tables of SQLite databases hold: fingerprints by key and column, and exactly which rows differ.

Two databases are compared by SQLite itself, with the earlier one attached to a connection on the later one that only
reads. Values are the same where both type and value are: 1, 1.0, '1' and x'31' all differ, and so do 'a' and 'A' in a
column that sorts them alike.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from hashlib import blake2b
from pathlib import Path
from typing import Any
from urllib.parse import quote

from pytest_cutover.catalog import Catalog
from pytest_cutover.content.differences import SAMPLES, Keys, RowDifferences
from pytest_cutover.content.fingerprint import WHOLE_ROW, TableContent
from pytest_cutover.errors import QueryError
from pytest_cutover.names import quote_identifier
from pytest_cutover.sqlite.connection import SqliteTarget, as_query_error

_BLOCK = 4096
"""Rows read at a time; the same for every database, since it is part of what is hashed."""

_ROWID_NAMES = ("rowid", "oid", "_rowid_")
_OLD, _NEW = '"earlier"', '"main"'


def sqlite_contents(target: SqliteTarget, catalog: Catalog) -> dict[str, TableContent]:
    """The content of every table, by name, as one snapshot sees it. Virtual tables are what their shadow tables hold.

    Raises:
        QueryError: the rows of a table cannot be read.
    """
    with closing(target.connect(read_only=True)) as connection:
        connection.text_factory = str
        connection.execute("BEGIN")
        return {name: _content(connection, catalog, name) for name in _tables(catalog)}


def _tables(catalog: Catalog) -> list[str]:
    return sorted(name for name, table in catalog.tables.items() if table.kind == "table")


def _content(connection: sqlite3.Connection, catalog: Catalog, table: str) -> TableContent:
    """Each column is hashed in the order of the key, or of all columns where there is none."""
    key = next((key for key in _keys(catalog, table) if not _has_null(connection, _NEW, catalog, table, key)), ())
    columns = [each.name for each in catalog.columns_of(table)]
    names = [*key, *(name for name in columns if name not in key)]
    quoted = [quote_identifier(name) for name in names]
    order = quoted[: len(key)] or [part for name in quoted for part in (f"typeof({name})", f"{name} COLLATE BINARY")]
    query = f"SELECT {', '.join(quoted)} FROM {_source(_NEW, catalog, table)} ORDER BY {', '.join(order)}"
    with _reading(table):
        try:
            rows, digests = _hashed(connection, query, len(names))
        except (sqlite3.OperationalError, UnicodeDecodeError) as error:
            if "decode" not in str(error):
                raise
            # A text need not be valid UTF-8. Reading such a one takes longer, so it is not the rule.
            connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
            rows, digests = _hashed(connection, query, len(names))
            connection.text_factory = str
    size = len(key)
    whole = b"".join(digests[:size] or digests)
    if not key:
        return TableContent(rows, (), {WHOLE_ROW: _number(whole)}, False)
    found: dict[str, int | str] = dict.fromkeys(key, _number(whole))
    found |= {name: _number(whole + digest) for name, digest in zip(names[size:], digests[size:], strict=True)}
    return TableContent(rows, key, found, True)


def _hashed(connection: sqlite3.Connection, query: str, columns: int) -> tuple[int, list[bytes]]:
    """How many rows the query gives, and a digest of each column."""
    hashes = [blake2b(digest_size=16) for _ in range(columns)]
    rows = 0
    with closing(connection.execute(query)) as cursor:
        while block := cursor.fetchmany(_BLOCK):
            rows += len(block)
            for values, digest in zip(zip(*block, strict=True), hashes, strict=True):
                # Python spells 1, 1.0, '1' and b'1' unlike each other, every float exactly, and all of a tuple in C.
                digest.update(repr(values).encode("utf-8", "surrogatepass"))
    return rows, [digest.digest() for digest in hashes]


def _number(content: bytes) -> int:
    return int.from_bytes(blake2b(content, digest_size=8).digest(), "little")


def _keys(catalog: Catalog, table: str) -> Iterator[tuple[str, ...]]:
    """The column sets in which no two rows are alike, the primary key first. A NULL in them is looked for elsewhere.

    An index with a collation of its own may tell rows apart that a comparison of the columns does not.
    """
    unique = [
        each for each in catalog.constraints.values() if each.table == table and " COLLATE " not in each.definition
    ]
    yield from (each.columns for each in unique if each.type == "primary_key")
    yield from (each.columns for each in unique if each.type == "unique")
    names = {each.name for each in catalog.columns_of(table)}
    for index in catalog.indexes.values():
        sound = index.unique and index.predicate is None and " COLLATE " not in index.definition
        if index.table == table and sound and names.issuperset(index.columns):
            yield index.columns


def _source(side: str, catalog: Catalog, table: str) -> str:
    return f"{side}.{quote_identifier(catalog.tables[table].name)}"


def _has_null(connection: sqlite3.Connection, side: str, catalog: Catalog, table: str, columns: Sequence[str]) -> bool:
    """True where a key holds NULL: SQLite lets it, but in an INTEGER PRIMARY KEY and WITHOUT ROWID."""
    unsure = [each.name for each in catalog.columns_of(table) if each.name in columns and each.nullable]
    if not unsure:
        return False
    nulls = " OR ".join(f"{quote_identifier(name)} IS NULL" for name in unsure)
    with _reading(table):
        query = f"SELECT EXISTS (SELECT 1 FROM {_source(side, catalog, table)} WHERE {nulls})"
        return bool(connection.execute(query).fetchone()[0])


@contextmanager
def _reading(table: str) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        found = as_query_error(error)
        raise QueryError(f"the rows of {table} cannot be read: {found}", found.sqlstate) from error


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
        for table in sorted({*_tables(before_catalog), *_tables(after_catalog)}):
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
            rows = self._count(_OLD, self.before)
            return RowDifferences(self.table, rows, 0, deleted=rows, only_in="before")
        if self.table not in self.before.tables:
            rows = self._count(_NEW, self.after)
            return RowDifferences(self.table, 0, rows, added=rows, only_in="after")
        old, new = self._count(_OLD, self.before), self._count(_NEW, self.after)
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
        with _reading(self.table):
            return self.connection.execute(query).fetchall()

    def _count(self, side: str, catalog: Catalog) -> int:
        return int(self._ask(f"SELECT count(*) FROM {_source(side, catalog, self.table)}")[0][0])

    def _shared(self) -> list[str]:
        there = {each.name for each in self.after.columns_of(self.table)}
        return [each.name for each in self.before.columns_of(self.table) if each.name in there]

    def _key(self) -> tuple[str, ...]:
        theirs = {frozenset(key) for key in _keys(self.after, self.table)}
        for key in _keys(self.before, self.table):
            if (
                frozenset(key) in theirs
                and self._alike(key)
                and not any(
                    _has_null(self.connection, side, catalog, self.table, key)
                    for side, catalog in ((_OLD, self.before), (_NEW, self.after))
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
        before, after = _source(_OLD, self.before, self.table), _source(_NEW, self.after, self.table)
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
        before, after = _source(_OLD, self.before, self.table), _source(_NEW, self.after, self.table)
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
