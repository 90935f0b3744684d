"""What a sequence gives next when the migration says that it is done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from pytest_cutover.catalog import Catalog
from pytest_cutover.database import Database
from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.names import format_name, quote_identifier, quote_part, quote_relation, split_name

_NEXT = re.compile(r"\(?nextval\('(.+)'::regclass\)\)?(::\w+)?")
_WHOLE_NUMBERS = ("smallint", "integer", "bigint", "numeric")


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
            before = (sequence, column, table) in known and _is_behind(scene.before, sequence, column, table)
            if before or not _is_behind(scene.after, sequence, column, table):
                continue
            above = "above the highest" if scene.after.catalog.sequences[sequence].increment > 0 else "below the lowest"
            yield (
                f"sequence:{sequence}",
                f"{sequence} will give {table}.{column} a value that is not {above} there",
                table,
            )


def _sequences(catalog: Catalog) -> set[tuple[str, str, str]]:
    """Sequence, column and table of each column that takes its values from a sequence that does not begin anew."""
    found = set()
    for name, sequence in catalog.sequences.items():
        if sequence.owned_by is not None:
            column = split_name(sequence.owned_by)[-1]
            found.add((name, column, sequence.owned_by[: -len(quote_part(column)) - 1]))
    for each in catalog.columns.values():
        # A number with a letter ahead of it has an order of its own.
        if each.type in _WHOLE_NUMBERS and (match := _NEXT.fullmatch(each.default or "")):
            found.add((format_name(*split_name(match[1].replace("''", "'"))), each.name, each.table))
    return {
        (name, column, table) for name, column, table in found
        if table in catalog.tables and name in catalog.sequences and not catalog.sequences[name].cycle
    }  # fmt: skip


def _is_behind(database: Database, sequence: str, column: str, table: str) -> bool:
    """True where what the sequence will give next is taken or passed already."""
    increment = database.catalog.sequences[sequence].increment
    farthest = f"{'max' if increment > 0 else 'min'}({quote_identifier(column)})"
    rows = database.query(
        f"SELECT last_value + CASE WHEN is_called THEN {increment} ELSE 0 END,"
        f" (SELECT {farthest} FROM {quote_relation(table)}) FROM {quote_relation(sequence)}"
    ).rows
    following, taken = rows[0]
    return taken is not None and (taken - following) * increment >= 0
