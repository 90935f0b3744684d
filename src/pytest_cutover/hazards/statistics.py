"""What the planner does not know when the migration says that it is done."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import ClassVar

from pytest_cutover.catalog import Index
from pytest_cutover.database import Database
from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.hazards.leftovers import bare
from pytest_cutover.names import format_name, quote_identifier, quote_relation

_FLIGHTS = """\
CREATE TABLE flights (id int PRIMARY KEY, callsign text);
INSERT INTO flights SELECT g, 'F' || g FROM generate_series(1, 1000) AS g;"""

_STATISTICS = """
SELECT schemaname, tablename, array_agg(DISTINCT attname::text) FROM pg_catalog.pg_stats
GROUP BY schemaname, tablename ORDER BY schemaname, tablename
"""
_NOT_COMPUTED = """
SELECT n.nspname, e.stxname, tn.nspname, c.relname
FROM pg_catalog.pg_statistic_ext AS e
JOIN pg_catalog.pg_namespace AS n ON n.oid = e.stxnamespace
JOIN pg_catalog.pg_class AS c ON c.oid = e.stxrelid
JOIN pg_catalog.pg_namespace AS tn ON tn.oid = c.relnamespace
WHERE e.stxstattarget IS DISTINCT FROM 0 AND NOT EXISTS (
    SELECT FROM pg_catalog.pg_statistic_ext_data AS d
    WHERE d.stxoid = e.oid AND num_nonnulls(d.stxdndistinct, d.stxddependencies, d.stxdmcv, d.stxdexpr) > 0)
ORDER BY n.nspname, e.stxname
"""

Known = Mapping[str, frozenset[str]]


class MissingStatistics(Hazard):
    """It leaves columns, indexes or tables of which the planner knows nothing."""

    ID: ClassVar[str] = "missing-statistics"
    HURTS: ClassVar[str] = (
        "A column that changed its type, an index on an expression and a table that was filled have no statistics until ANALYZE ran. Until "
        "then the planner guesses, and the queries that worked yesterday may scan."
    )
    SAFER: ClassVar[str] = "ANALYZE the table as the last step: it locks out neither readers nor writers."
    BEFORE: ClassVar[str] = _FLIGHTS
    BAD: ClassVar[str] = "CREATE INDEX CONCURRENTLY by_upper ON flights (upper(callsign));"
    GOOD: ClassVar[str] = "CREATE INDEX CONCURRENTLY by_upper ON flights (upper(callsign));\nANALYZE flights;"
    TRACED: ClassVar[bool] = False

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        had, has = _statistics(scene.before), _statistics(scene.after)
        views = (each.full_name for each in scene.after.catalog.views.values() if each.materialized and each.populated)
        tables = (each.full_name for each in scene.after.catalog.tables.values() if each.kind != "foreign")
        filled = [name for name in (*tables, *views) if not _is_empty(scene.after, name)]
        for name in filled:
            message = _of_table(scene, name, had, has)
            if message is not None:
                yield name, message, name
        for index in scene.after.catalog.indexes.values():
            # The index of a partitioned table has no statistics, those of its partitions have.
            asked = index.valid and index.table in filled and not _is_partitioned(scene.after, index.table)
            message = _of_index(scene, index, had, has) if asked else None
            if message is not None:
                yield index.table, message, index.table
        known = _not_computed(scene.before)
        for name, table in _not_computed(scene.after).items():
            if name not in known and table in filled:
                yield table, f"the statistics {name} of {table} hold nothing", table


def _of_table(scene: Scene, name: str, had: Known, has: Known) -> str | None:
    """What the planner does not know of a table that is not empty."""
    known, new = had.get(name, frozenset()), has.get(name, frozenset())
    columns = [each.name for each in scene.after.catalog.columns_of(name) if each.statistics != 0]
    if not scene.before.catalog.columns_of(name):
        return f"{name} was made and filled, and never analysed" if columns and not new else None
    if not known and not new:
        return f"{name} was filled, and never analysed" if columns and _is_empty(scene.before, name) else None
    lost = [column for column in columns if column in known - new]
    if lost:
        return f"the statistics of {name}.{', '.join(lost)} are gone"
    old = {each.name for each in scene.before.catalog.columns_of(name)}
    added = [each for each in columns if each not in old | new and _differs(scene.after, name, each)]
    return f"{name}.{', '.join(added)} was added and filled, and never analysed" if added else None


def _of_index(scene: Scene, index: Index, had: Known, has: Known) -> str | None:
    """What the planner does not know of an index of a table that is not empty."""
    columns = {column.name for column in scene.after.catalog.columns_of(index.table)}
    old = {column.name for column in scene.before.catalog.columns_of(index.table)}
    name, asked = index.full_name, {bare(column) for column in index.columns}
    if asked - columns and name not in has and (name in had or name not in scene.before.catalog.indexes):
        return f"the index {name} is on an expression that was never analysed"
    new = sorted((asked & columns) - old - has.get(index.table, frozenset()))
    if new and old and name not in scene.before.catalog.indexes:
        return f"{index.table}.{', '.join(new)} has an index, and was never analysed"
    return None


def _statistics(database: Database) -> Known:
    """The columns that the planner knows, by table or index."""
    return {format_name(schema, name): frozenset(columns) for schema, name, columns in database.query(_STATISTICS).rows}


def _not_computed(database: Database) -> dict[str, str]:
    """The table of each extended statistics object that has no data."""
    return {
        format_name(schema, name): format_name(*table) for schema, name, *table in database.query(_NOT_COMPUTED).rows
    }


def _is_empty(database: Database, table: str) -> bool:
    own = "" if _is_partitioned(database, table) else "ONLY "
    return database.scalar(f"SELECT true FROM {own}{quote_relation(table)} LIMIT 1") is None


def _is_partitioned(database: Database, table: str) -> bool:
    found = database.catalog.tables.get(table)
    return found is not None and found.kind == "partitioned"


def _differs(database: Database, table: str, column: str) -> bool:
    """True where the column holds more than one value: of a constant there is little to know."""
    value, relation = f"{quote_identifier(column)}::text", quote_relation(table)
    one = f"(SELECT {value} FROM {relation} LIMIT 1)"
    return bool(database.scalar(f"SELECT EXISTS (SELECT FROM {relation} WHERE {value} IS DISTINCT FROM {one})"))
