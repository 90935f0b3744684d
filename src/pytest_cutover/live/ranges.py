"""A table too large to be read in one statement: ranges of its key that together hold each row exactly once."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from psycopg import Connection, sql

from pytest_cutover.catalog import Catalog
from pytest_cutover.live import limits
from pytest_cutover.names import quote_identifier, quote_relation
from pytest_cutover.postgresql import PostgresDatabase

# The planner takes the bounds of a key of several columns for no range at all, and would read the whole table.
BY_INDEX = "SET LOCAL enable_seqscan = off"

Bound = tuple[str, ...]
"""The key of one row, as texts."""

_ORDERED = (
    "int2", "int4", "int8", "numeric", "text", "varchar", "bpchar", "uuid", "date", "timestamp", "timestamptz",
)  # fmt: skip
"""Types whose order is PostgreSQL's own and whose text says the whole value."""
_IN_ORDER = 0.9
"""Above this correlation the rows lie in the order of the key, so that a range of it is a range of pages."""
_ROW_BYTES = 100
"""What a row takes where the server has not counted them yet."""

_TREE = """
WITH RECURSIVE tree(relation) AS (
  SELECT %s::pg_catalog.regclass::pg_catalog.oid
  UNION ALL SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN tree AS t ON t.relation = i.inhparent
)
SELECT n.nspname, c.relname, c.relkind, pg_catalog.pg_relation_size(c.oid), greatest(c.reltuples, 0)
FROM tree AS t JOIN pg_catalog.pg_class AS c ON c.oid = t.relation
JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
"""
# Whether a key column is sure to hold no NULL, has an order that can be relied on, and is the rows' own order. An index
# on texts may be in the order of an older version of the collation, and then a range of it lacks rows.
_COLUMNS = """
SELECT a.attnotnull AND NOT EXISTS (
           SELECT FROM pg_catalog.pg_constraint AS n WHERE n.conrelid = a.attrelid AND n.contype = 'n'
           AND n.conkey = ARRAY[a.attnum] AND NOT n.convalidated),
       t.typnamespace = 'pg_catalog'::pg_catalog.regnamespace AND t.typname = ANY (%s)
       AND (a.attcollation = 0 OR l.collisdeterministic AND CASE WHEN l.collname = 'default' THEN {default_is_current}
           ELSE l.collversion IS NOT DISTINCT FROM pg_catalog.pg_collation_actual_version(l.oid) END),
       (SELECT max(abs(s.correlation)) FROM pg_catalog.pg_stats AS s
        WHERE s.schemaname = n.nspname AND s.tablename = c.relname AND s.attname = a.attname)
FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_type AS t ON t.oid = a.atttypid
JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace AS n ON n.oid = c.relnamespace
LEFT JOIN pg_catalog.pg_collation AS l ON l.oid = a.attcollation
WHERE a.attrelid = %s::pg_catalog.regclass AND a.attname = ANY (%s)
ORDER BY pg_catalog.array_position(%s::text[], a.attname::text)
"""
_DEFAULT_SINCE_15 = """(
    SELECT d.datcollversion IS NOT DISTINCT FROM pg_catalog.pg_database_collation_actual_version(d.oid)
    FROM pg_catalog.pg_database AS d WHERE d.datname = current_database())"""


@dataclass(frozen=True)
class KeyRanges:
    """How a table is read by ranges: its key, how many rows a range has, and the quoted names of all that it reads."""

    table: str
    key: tuple[str, ...]
    rows: int
    relations: frozenset[str]

    def border(self, low: Bound | None, connection: Connection) -> str:
        """The query for the last key of the range that begins behind `low`; no row where it is the last range."""
        columns = [f"cutover.{quote_identifier(name)}" for name in self.key]
        return (
            f"SELECT {', '.join(f'{column}::text' for column in columns)} FROM {quote_relation(self.table)} AS cutover "
            f"WHERE {self.condition('cutover', low, None, connection)} "
            f"ORDER BY {', '.join(columns)} OFFSET {self.rows - 1} LIMIT 1"
        )

    def condition(self, prefix: str, low: Bound | None, high: Bound | None, connection: Connection) -> str:
        """The condition of the rows behind `low`, up to and with `high`; without `high` of all that follow."""
        columns = [f"{prefix}.{quote_identifier(name)}" for name in self.key]
        parts = []
        for bound, sign, loosely in ((low, ">", ">="), (high, "<=", "<=")):
            if bound is None:
                continue
            values = [sql.Literal(value).as_string(connection) for value in bound]
            parts.append(
                f"{columns[0]} {sign} {values[0]}"
                if len(columns) == 1
                # The planner takes the first column's bounds for a range, and rows of several for nothing.
                else f"({', '.join(columns)}) {sign} ({', '.join(values)}) AND {columns[0]} {loosely} {values[0]}"
            )
        return " AND ".join(parts) or "true"


def find_ranges(database: PostgresDatabase, table: str, limit: int) -> KeyRanges | None:
    """How to read the table by ranges; None where it is no larger than the limit, or has no key to read it by.

    Raises:
        QueryError: the catalog cannot be asked.
    """
    known = database.catalog.tables.get(table)
    if known is None or known.kind not in ("table", "partitioned"):
        return None
    tree = database.query(_TREE, (quote_relation(table),)).rows
    size, rows = sum(int(each[3]) for each in tree), sum(float(each[4]) for each in tree)
    if size <= limit or (known.kind == "table" and len(tree) > 1) or any(each[2] == "f" for each in tree):
        return None
    key, in_order = _key(database, table)
    if not key:
        return None
    page = int(database.scalar("SELECT current_setting('block_size')"))
    row = (size / rows if rows else _ROW_BYTES) if in_order else page
    ranges = KeyRanges(
        table, key, max(int(min(limits.RANGE_BYTES, limit / 4) / row), 1),
        frozenset(f"{quote_identifier(each[0])}.{quote_identifier(each[1])}" for each in tree),
    )  # fmt: skip
    return ranges if _is_by_index(database, ranges) else None


def _key(database: PostgresDatabase, table: str) -> tuple[tuple[str, ...], bool]:
    """The first key that can be relied on, and whether the rows lie in its order; an empty one where there is none."""
    default = _DEFAULT_SINCE_15 if database.connection.info.server_version >= 150000 else "true"
    for key in _keys(database.catalog, table):
        names = list(key)
        found = database.query(
            _COLUMNS.format(default_is_current=default), (list(_ORDERED), quote_relation(table), names, names)
        ).rows
        if len(found) == len(key) and all(filled and ordered for filled, ordered, _ in found):
            return key, (found[0][2] or 0) > _IN_ORDER
    return (), False


def _keys(catalog: Catalog, table: str) -> list[tuple[str, ...]]:
    """The primary key, then what else is unique and has an index of its own."""
    known = {column.name for column in catalog.columns_of(table)}
    unique = [
        index.columns
        for _, index in sorted(catalog.indexes.items())
        if index.table == table and index.unique and index.valid and index.ready and index.method == "btree"
        and index.predicate is None and set(index.columns) <= known
    ]  # fmt: skip
    primary = catalog.primary_key(table)
    return ([primary] if primary else []) + [columns for columns in unique if columns != primary]


def _is_by_index(database: PostgresDatabase, ranges: KeyRanges) -> bool:
    """True where the key's order comes from its index, so that nothing is sorted for it."""
    query = ranges.border(None, database.connection)
    database.connection.execute(BY_INDEX)
    return not _sorts(PostgresDatabase.query(database, f"EXPLAIN (FORMAT JSON) {query}").rows[0][0][0]["Plan"])


def _sorts(plan: dict[str, Any]) -> bool:
    children: Sequence[dict[str, Any]] = plan.get("Plans", [])
    return plan["Node Type"] in ("Sort", "Incremental Sort", "Seq Scan") or any(map(_sorts, children))
