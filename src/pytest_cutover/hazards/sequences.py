"""What a sequence gives next when the migration says that it is done."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pytest_cutover.catalog.numbered import Numbered, numbered_columns
from pytest_cutover.database import Database
from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.names import quote_identifier, quote_relation


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
        known = numbered_columns(scene.before.catalog)
        for each in numbered_columns(scene.after.catalog):
            table, column, sequence = each
            before = each in known and _is_behind(scene.before, each)
            if before or not _is_behind(scene.after, each):
                continue
            above = "above the highest" if scene.after.catalog.sequences[sequence].increment > 0 else "below the lowest"
            yield (
                f"sequence:{sequence}",
                f"{sequence} will give {table}.{column} a value that is not {above} there",
                table,
            )


def _is_behind(database: Database, numbered: Numbered) -> bool:
    """True where what the sequence will give next is taken or passed already."""
    table, column, sequence = numbered
    increment = database.catalog.sequences[sequence].increment
    farthest = f"{'max' if increment > 0 else 'min'}({quote_identifier(column)})"
    rows = database.query(
        f"SELECT last_value + CASE WHEN is_called THEN {increment} ELSE 0 END,"
        f" (SELECT {farthest} FROM {quote_relation(table)}) FROM {quote_relation(sequence)}"
    ).rows
    following, taken = rows[0]
    return taken is not None and (taken - following) * increment >= 0
