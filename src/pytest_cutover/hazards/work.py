"""Work on a whole table while others are locked out of it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.trace import Command, Relation
from pytest_cutover.trace.model import at_least, spelled

_FLIGHTS = """\
CREATE TABLE flights (id int PRIMARY KEY, callsign text, minutes int);
INSERT INTO flights SELECT g, 'F' || g, g FROM generate_series(1, 1000) AS g;"""


class TableRewrite(Hazard):
    """It writes every row of the table anew while nobody may read it."""

    ID: ClassVar[str] = "table-rewrite"
    HURTS: ClassVar[str] = (
        "The whole table and all its indexes are written again under ACCESS EXCLUSIVE: readers and writers wait as long as that takes, "
        "and the disk must hold both copies."
    )
    SAFER: ClassVar[str] = (
        "Add a new column, keep it up to date with a trigger, fill it in batches, and swap the names. A constant default "
        "needs no rewrite; a volatile one does. Instead of VACUUM FULL or CLUSTER use pg_repack."
    )
    BEFORE: ClassVar[str] = _FLIGHTS
    BAD: ClassVar[str] = "ALTER TABLE flights ALTER COLUMN minutes TYPE bigint;"
    GOOD: ClassVar[str] = (
        "ALTER TABLE flights ADD COLUMN minutes_big bigint;\nUPDATE flights SET minutes_big = minutes WHERE id <= 500;\n"
        "UPDATE flights SET minutes_big = minutes WHERE id > 500;"
    )

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        for command in scene.trace.commands:
            for oid in command.rewritten:
                if (table := scene.filled(oid)) is not None:
                    yield (
                        table.name,
                        f"{command} writes all of {table.name} anew{_while(scene, table.name)}",
                        table.name,
                    )
        for held in scene.trace.held:
            if held.by.split()[0] in ("VACUUM", "CLUSTER") and held.mode == "ACCESS EXCLUSIVE":
                table = scene.trace.named(held.table)
                if table is not None and table.bytes:
                    yield (
                        table.name,
                        f"{held.by} writes all of {table.name} anew{_while(scene, table.name)}",
                        table.name,
                    )


class ScanUnderExclusive(Hazard):
    """It reads every row of the table, to check a condition, while nobody else may."""

    ID: ClassVar[str] = "scan-under-exclusive"
    HURTS: ClassVar[str] = (
        "ADD CHECK and SET NOT NULL read the whole table under ACCESS EXCLUSIVE: readers and writers wait as long as that takes."
    )
    SAFER: ClassVar[str] = (
        "ADD CONSTRAINT … NOT VALID, and VALIDATE CONSTRAINT in a transaction of its own, which locks out neither readers nor "
        "writers. For SET NOT NULL validate CHECK (… IS NOT NULL) first: PostgreSQL 12 and newer then scan nothing."
    )
    BEFORE: ClassVar[str] = _FLIGHTS
    BAD: ClassVar[str] = "ALTER TABLE flights ADD CONSTRAINT positive CHECK (minutes > 0);"
    GOOD: ClassVar[str] = (
        "ALTER TABLE flights ADD CONSTRAINT positive CHECK (minutes > 0) NOT VALID;\n"
        "ALTER TABLE flights VALIDATE CONSTRAINT positive;"
    )

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        for command in scene.trace.commands:
            for name in _told(command, r'verifying table "(.+)"'):
                for table in _locked(scene, command, name, "ACCESS EXCLUSIVE"):
                    yield table.name, f"{command} reads all of {table.name}{_while(scene, table.name)}", table.name


class ForeignKeyValidationBlocking(Hazard):
    """It compares every row with the table that a new foreign key refers to, while nobody may write to either."""

    ID: ClassVar[str] = "fk-validation-blocking"
    HURTS: ClassVar[str] = (
        "ADD FOREIGN KEY holds SHARE ROW EXCLUSIVE on both tables while it checks all rows: writers of both wait as long as that takes."
    )
    SAFER: ClassVar[str] = (
        "ADD CONSTRAINT … FOREIGN KEY … NOT VALID, and VALIDATE CONSTRAINT in a transaction of its own, which lets writers work."
    )
    BEFORE: ClassVar[str] = (
        f"{_FLIGHTS}\nCREATE TABLE legs (id int PRIMARY KEY, flight int);\nINSERT INTO legs SELECT id, id FROM flights;"
    )
    BAD: ClassVar[str] = "ALTER TABLE legs ADD CONSTRAINT of_flight FOREIGN KEY (flight) REFERENCES flights;"
    GOOD: ClassVar[str] = (
        "ALTER TABLE legs ADD CONSTRAINT of_flight FOREIGN KEY (flight) REFERENCES flights NOT VALID;\n"
        "ALTER TABLE legs VALIDATE CONSTRAINT of_flight;"
    )

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        keys = [each for each in scene.after.catalog.constraints.values() if each.type == "foreign_key"]
        for command in scene.trace.commands:
            for name in _told(command, r'validating foreign key constraint "(.+)"'):
                for key in (each for each in keys if each.name == name):
                    for table in _locked(scene, command, key.table, "SHARE ROW EXCLUSIVE"):
                        both = f"{table.name} and {key.references}"
                        yield (
                            table.name,
                            f"{command} checks all rows of {table.name} while nobody writes to {both}",
                            table.name,
                        )


class BlockingIndexBuild(Hazard):
    """It builds an index while nobody may write to the table."""

    ID: ClassVar[str] = "blocking-index-build"
    HURTS: ClassVar[str] = (
        "CREATE INDEX and REINDEX hold SHARE on the table until the index is built, and ADD PRIMARY KEY or UNIQUE even ACCESS "
        "EXCLUSIVE: writers, or everybody, wait as long as that takes."
    )
    SAFER: ClassVar[str] = (
        "CREATE INDEX CONCURRENTLY outside of a transaction, REINDEX … CONCURRENTLY, and for a constraint ADD CONSTRAINT … USING "
        "INDEX with an index built that way."
    )
    BEFORE: ClassVar[str] = _FLIGHTS
    BAD: ClassVar[str] = "CREATE INDEX by_callsign ON flights (callsign);"
    GOOD: ClassVar[str] = "CREATE INDEX CONCURRENTLY by_callsign ON flights (callsign);"

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        for command in scene.trace.commands:
            for name in _told(command, r'building index ".+" on table "(.+)" '):
                for table in _locked(scene, command, name, "SHARE"):
                    # Of a table that is written anew, its indexes are.
                    if table.oid not in command.rewritten:
                        yield (
                            table.name,
                            f"{command} builds an index of {table.name} while nobody writes to it",
                            table.name,
                        )
        for held in scene.trace.held:
            rebuilt = scene.trace.named(held.table)
            if held.by.startswith("REINDEX") and held.mode == "SHARE" and rebuilt is not None and rebuilt.bytes:
                yield held.table, f"REINDEX builds an index of {held.table} while nobody writes to it", held.table


def _told(command: Command, pattern: str) -> Iterator[str]:
    """What the pattern finds in the server's words on the command's work."""
    return (match[1] for text in command.messages if (match := re.match(pattern, text)))


def _locked(scene: Scene, command: Command, name: str, mode: str) -> Iterator[Relation]:
    """The tables of that name, with or without schema, that were there, filled, and locked so when the command ended."""
    for oid, modes in command.locks.items():
        table = scene.filled(oid)
        if table is None or table.oid != oid or not any(at_least(spelled(each), mode) for each in modes):
            continue
        if name in (table.name, table.name.rsplit(".", 1)[-1].strip('"')):
            yield table


def _while(scene: Scene, table: str) -> str:
    held = scene.locked(table)
    return f" while nobody may read it ({held.length} here)" if held is not None else ""
