"""What is still missing, or too much, when the migration says that it is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

import postgast

from pytest_cutover.catalog import Catalog, Constraint, Index
from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.names import parse_relation

_FLIGHTS = """\
CREATE TABLE flights (id int PRIMARY KEY, callsign text);
INSERT INTO flights SELECT g, 'F' || g FROM generate_series(1, 1000) AS g;"""


class InvalidLeftover(Hazard):
    """It leaves an invalid index."""

    ID: ClassVar[str] = "invalid-leftover"
    HURTS: ClassVar[str] = (
        "An index whose concurrent build was cut off has its name in every list, costs every write, serves no query, and enforces "
        "no uniqueness on the rows that were there. IF NOT EXISTS takes it for the real one."
    )
    SAFER: ClassVar[str] = (
        "DROP INDEX CONCURRENTLY IF EXISTS ahead of each CREATE INDEX CONCURRENTLY, instead of IF NOT EXISTS."
    )
    BEFORE: ClassVar[str] = (
        f"{_FLIGHTS}\nCREATE INDEX by_callsign ON flights (callsign);\n"
        "-- as a CREATE INDEX CONCURRENTLY leaves it that was cut off:\n"
        "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_callsign'::regclass;"
    )
    BAD: ClassVar[str] = "CREATE INDEX CONCURRENTLY IF NOT EXISTS by_callsign ON flights (callsign);"
    GOOD: ClassVar[str] = (
        "DROP INDEX CONCURRENTLY IF EXISTS by_callsign;\nCREATE INDEX CONCURRENTLY by_callsign ON flights (callsign);"
    )
    TRACED: ClassVar[bool] = False

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        for name, index in scene.after.catalog.indexes.items():
            if not (index.valid and index.ready):
                yield f"index:{name}", f"the index {name} of {index.table} is invalid", index.table


class ForeignKeyWithoutIndex(Hazard):
    """It leaves a foreign key whose columns no index begins with, where it adds the key or drops the index."""

    ID: ClassVar[str] = "fk-without-index"
    HURTS: ClassVar[str] = (
        "Each DELETE, and each UPDATE of the key, in the table that is referred to reads all of the table that refers to it, holding locks "
        "meanwhile."
    )
    SAFER: ClassVar[str] = "CREATE INDEX CONCURRENTLY on the foreign key's columns, ahead of the constraint."
    BEFORE: ClassVar[str] = f"{_FLIGHTS}\nCREATE TABLE legs (id int PRIMARY KEY, flight int);"
    BAD: ClassVar[str] = "ALTER TABLE legs ADD CONSTRAINT of_flight FOREIGN KEY (flight) REFERENCES flights NOT VALID;"
    GOOD: ClassVar[str] = (
        "CREATE INDEX CONCURRENTLY by_flight ON legs (flight);\n"
        "ALTER TABLE legs ADD CONSTRAINT of_flight FOREIGN KEY (flight) REFERENCES flights NOT VALID;"
    )
    TRACED: ClassVar[bool] = False

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        before, after = scene.before.catalog, scene.after.catalog
        keys = [each for each in before.constraints.values() if each.type == "foreign_key"]
        served = {_place(key): _is_served(before, key.table, key.columns) for key in keys}
        renamed = {_without_table(key) for key in keys if key.table not in after.tables and not served[_place(key)]}
        for name, key in after.constraints.items():
            if key.type != "foreign_key" or key.parent is not None or _without_table(key) in renamed:
                continue
            if not served.get(_place(key), True) or _is_served(after, key.table, key.columns):
                continue
            columns, more = ", ".join(key.columns), " any more" if _place(key) in served else ""
            message = f"no index of {key.table} begins with {columns}{more}, which refer to {key.references}"
            yield f"constraint:{name}", message, key.table


def _place(key: Constraint) -> tuple[str, tuple[str, ...]]:
    return key.table, key.columns


def _without_table(key: Constraint) -> tuple[str, str, tuple[str, ...]]:
    """What a key keeps when its table is renamed."""
    return parse_relation(key.table).schema, key.name, key.columns


def _is_served(catalog: Catalog, table: str, columns: tuple[str, ...]) -> bool:
    """True where an index finds the table's rows by these columns, or one in each of its partitions does."""
    if any(each.table == table and _serves(each, columns) for each in catalog.indexes.values()):
        return True
    partitions = [each.full_name for each in catalog.tables.values() if each.partition_of == table]
    return bool(partitions) and all(_is_served(catalog, each, columns) for each in partitions)


def _serves(index: Index, columns: tuple[str, ...]) -> bool:
    begins = {bare(column) for column in index.columns[: len(columns)]} == set(columns)
    return begins and index.valid and (index.predicate is None or _asks_only_for_values(index.predicate, columns))


def _asks_only_for_values(predicate: str, columns: tuple[str, ...]) -> bool:
    """True where the predicate is that columns of these are not null: rows that refer to something meet it."""
    condition = postgast.parse(f"SELECT {predicate}").stmts[0].stmt.select_stmt.target_list[0].res_target.val
    parts = [condition]
    if condition.WhichOneof("node") == "bool_expr" and condition.bool_expr.boolop == postgast.pg_query_pb2.AND_EXPR:
        parts = list(condition.bool_expr.args)
    return all(
        each.WhichOneof("node") == "null_test"
        and each.null_test.nulltesttype == postgast.pg_query_pb2.IS_NOT_NULL
        and each.null_test.arg.WhichOneof("node") == "column_ref"
        and each.null_test.arg.column_ref.fields[-1].string.sval in columns
        for each in parts
    )


def bare(column: str) -> str:
    """The column of an index without its double quotes."""
    return column[1:-1].replace('""', '"') if column.startswith('"') and column.endswith('"') else column
