"""What is still missing, or too much, when the migration says that it is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pytest_cutover.catalog import Catalog
from pytest_cutover.database import Database
from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.names import parse_relation, quote_identifier, quote_relation, split_name

_FLIGHTS = """\
CREATE TABLE flights (id int PRIMARY KEY, callsign text);
INSERT INTO flights SELECT g, 'F' || g FROM generate_series(1, 1000) AS g;"""

_STATISTICS = "SELECT DISTINCT schemaname, tablename, attname FROM pg_catalog.pg_stats"


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
    """It adds a foreign key whose columns no index begins with."""

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
        known = {
            (key.table, key.columns) for key in scene.before.catalog.constraints.values() if key.type == "foreign_key"
        }
        after = scene.after.catalog
        for name, key in after.constraints.items():
            if key.type != "foreign_key" or key.parent is not None or (key.table, key.columns) in known:
                continue
            serving = [
                each for each in after.indexes.values()
                if each.table == key.table and each.valid and each.predicate is None
                and {_bare(column) for column in each.columns[: len(key.columns)]} == set(key.columns)
            ]  # fmt: skip
            if not serving:
                columns = ", ".join(key.columns)
                yield (
                    f"constraint:{name}",
                    f"no index of {key.table} begins with {columns}, which refer to {key.references}",
                    key.table,
                )


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
        before, after = scene.before.catalog, scene.after.catalog
        had, has = _statistics(scene.before), _statistics(scene.after)
        for table in after.tables.values():
            name, known = table.full_name, before.tables.get(table.full_name)
            if table.kind != "table" or _is_empty(scene.after, name):
                continue
            if known is None:
                if not any(each[:2] == (table.schema, table.name) for each in has):
                    yield name, f"{name} was made and filled, and never analysed", name
                continue
            lost = [column.name for column in after.columns_of(name)
                    if (table.schema, table.name, column.name) in had - has]  # fmt: skip
            if lost:
                yield name, f"the statistics of {name}.{', '.join(lost)} are gone", name
        for index in after.indexes.values():
            if index.full_name in before.indexes or _is_empty(scene.after, index.table):
                continue
            columns = {column.name for column in after.columns_of(index.table)}
            old = {column.name for column in before.columns_of(index.table)}
            relation = parse_relation(index.table)
            asked = {_bare(column) for column in index.columns}
            if asked - columns and not any(each[:2] == (index.schema, index.name) for each in has):
                yield (
                    index.table,
                    f"the index {index.full_name} is on an expression that was never analysed",
                    index.table,
                )
            new = sorted((asked & columns) - old)
            if old and any((relation.schema, relation.name, column) not in has for column in new):
                yield index.table, f"{index.table}.{', '.join(new)} has an index, and was never analysed", index.table


class SequenceBehind(Hazard):
    """It leaves a sequence that will give a value which is taken already."""

    ID: ClassVar[str] = "sequence-behind"
    HURTS: ClassVar[str] = (
        "Rows that were written with their ids leave the sequence where it was: the application's next INSERT fails with a duplicate key, "
        "or, without a unique constraint, gets an id that another row has."
    )
    SAFER: ClassVar[str] = "SELECT setval('…_id_seq', (SELECT max(id) FROM …)) as the last step."
    BEFORE: ClassVar[str] = (
        "CREATE TABLE flights (id serial PRIMARY KEY, callsign text);\n"
        "INSERT INTO flights (callsign) SELECT 'F' || g FROM generate_series(1, 1000) AS g;"
    )
    BAD: ClassVar[str] = "INSERT INTO flights (id, callsign) VALUES (1001, 'AB1');"
    GOOD: ClassVar[str] = (
        "INSERT INTO flights (id, callsign) VALUES (1001, 'AB1');\n"
        "SELECT setval('flights_id_seq', (SELECT max(id) FROM flights));"
    )
    TRACED: ClassVar[bool] = False

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        known = _sequences(scene.before.catalog)
        for sequence, column, table in sorted(_sequences(scene.after.catalog)):
            behind = _behind(scene.after, sequence, column, table)
            if behind is None or (
                (sequence, column, table) in known and _behind(scene.before, sequence, column, table)
            ):
                continue
            yield (
                f"sequence:{sequence}",
                f"{sequence} will give {table}.{column} a value that is not above the highest there",
                table,
            )


def _bare(column: str) -> str:
    """The column of an index without its double quotes."""
    return column[1:-1].replace('""', '"') if column.startswith('"') and column.endswith('"') else column


def _statistics(database: Database) -> set[tuple[str, str, str]]:
    return {(schema, table, column) for schema, table, column in database.query(_STATISTICS).rows}


def _is_empty(database: Database, table: str) -> bool:
    return database.scalar(f"SELECT true FROM ONLY {quote_relation(table)} LIMIT 1") is None


def _sequences(catalog: Catalog) -> set[tuple[str, str, str]]:
    """Sequence, column and table of each column that takes its values from a sequence which counts up."""
    found = set()
    for name, sequence in catalog.sequences.items():
        if sequence.owned_by is not None and sequence.increment > 0 and not sequence.cycle:
            *table, column = split_name(sequence.owned_by)
            owner = (
                sequence.owned_by[: -len(column) - 1] if sequence.owned_by.endswith(f".{column}") else ".".join(table)
            )
            if owner in catalog.tables:
                found.add((name, column, owner))
    return found


def _behind(database: Database, sequence: str, column: str, table: str) -> int | None:
    """What the sequence will give next where that is taken or passed already, else None."""
    sequences = database.catalog.sequences
    if sequence not in sequences or table not in database.catalog.tables:
        return None
    rows = database.query(
        f"SELECT last_value + CASE WHEN is_called THEN {sequences[sequence].increment} ELSE 0 END,"
        f" (SELECT max({quote_identifier(column)}) FROM {quote_relation(table)}) FROM {quote_relation(sequence)}"
    ).rows
    following, highest = rows[0]
    return following if highest is not None and following <= highest else None
