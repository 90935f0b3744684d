"""Work on a whole table while others are locked out of it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from typing import ClassVar

from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.names import parse_relation
from pytest_cutover.trace import Command, Relation
from pytest_cutover.trace.model import at_least, spelled

_BUILDING = r'building index ".+" on table "(.+)" '

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
        "needs no rewrite; a volatile one does. Instead of VACUUM FULL or CLUSTER use pg_repack, and REFRESH … CONCURRENTLY for a "
        "materialized view."
    )
    BEFORE: ClassVar[str] = _FLIGHTS
    BAD: ClassVar[str] = "ALTER TABLE flights ALTER COLUMN minutes TYPE bigint;"
    GOOD: ClassVar[str] = (
        "ALTER TABLE flights ADD COLUMN minutes_big bigint;\nUPDATE flights SET minutes_big = minutes WHERE id <= 500;\n"
        "UPDATE flights SET minutes_big = minutes WHERE id > 500;"
    )

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        trace = scene.trace
        written = [(oid, str(command)) for command in trace.commands for oid in _written(scene, command)]
        # The words name a table without its schema, perhaps; its file says which it was, unless TRUNCATE may have replaced it.
        for held in (each for each in trace.held if each.mode == "ACCESS EXCLUSIVE"):
            table = trace.named(held.table)
            emptied = any(each.table == held.table and each.by.startswith("TRUNCATE") for each in trace.held)
            if (
                held.by.split()[0] in ("VACUUM", "CLUSTER")
                and table is not None
                and table.oid in trace.replaced
                and not emptied
            ):
                written.append((table.oid, held.by))
        written += [(oid, "the migration") for oid in sorted(trace.copied)]
        for oid, by in written:
            if (found := scene.filled(oid)) is not None:
                yield found.name, f"{by} writes all of {found.name} anew{_while(scene, found.name)}", found.name


class ScanUnderExclusive(Hazard):
    """It reads every row of the table, to check a condition, while nobody else may read or write it."""

    ID: ClassVar[str] = "scan-under-exclusive"
    HURTS: ClassVar[str] = (
        "ADD CHECK and SET NOT NULL read the whole table under ACCESS EXCLUSIVE, and so does a new partition with the default one: readers "
        "and writers wait as long as that takes. ALTER DOMAIN … ADD CONSTRAINT reads each table that uses the domain under SHARE: writers wait."
    )
    SAFER: ClassVar[str] = (
        "ADD CONSTRAINT … NOT VALID, and VALIDATE CONSTRAINT in a transaction of its own, which locks out neither readers nor "
        "writers. For SET NOT NULL validate CHECK (… IS NOT NULL) first, for a partition CHECK of its bounds: then nothing is scanned."
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
            for name in _told(command.messages, r'verifying table "(.+)"'):
                for table in _locked(scene, command, name, "ACCESS EXCLUSIVE"):
                    yield table.name, f"{command} reads all of {table.name}{_while(scene, table.name)}", table.name
            if command.tag == "ALTER DOMAIN":
                for table in _taken(scene, command, "SHARE"):
                    yield table.name, f"{command} reads all of {table.name} while nobody may write to it", table.name
            if command.tag == "CREATE TABLE":
                # A new partition's rows might be in the default one. That it is locked and read is said by nothing else.
                spared = set(
                    _told(command.messages, r'updated partition constraint for default partition "(.+)" is implied')
                )
                for table in _taken(scene, command, "ACCESS EXCLUSIVE"):
                    if table.kind == "r" and parse_relation(table.name).name not in spared:
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
        for command in scene.trace.commands:
            for name in _told(command.messages, r'validating foreign key constraint "(.+)"'):
                others = {table: other for key, table, other in command.keys if key == name}
                for table in _own(scene, command, others, "SHARE ROW EXCLUSIVE"):
                    other = scene.trace.before.get(others[table.oid])
                    both = f"{table.name} and {command.called.get(others[table.oid]) if other is None else other.name}"
                    message = f"{command} checks all rows of {table.name} while nobody writes to {both}"
                    yield table.name, message, table.name


class BlockingIndexBuild(Hazard):
    """It builds an index while nobody may write to the table."""

    ID: ClassVar[str] = "blocking-index-build"
    HURTS: ClassVar[str] = (
        "CREATE INDEX and REINDEX hold SHARE on the table until the index is built, and ADD PRIMARY KEY or UNIQUE even ACCESS "
        "EXCLUSIVE: writers, or everybody, wait as long as that takes. ATTACH PARTITION builds what the partition lacks."
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
            for name in _told(command.messages, _BUILDING):
                # Of a table that is written anew, its indexes are.
                for table in _locked(scene, command, name, "SHARE"):
                    if table.oid not in _written(scene, command):
                        message = f"{command} builds an index of {table.name} while nobody writes to it"
                        yield table.name, message, table.name
        for oid in sorted(scene.trace.replaced):
            indexed = scene.filled(oid)
            # Of a table that was emptied or written anew, its indexes are.
            if indexed is not None and indexed.oid not in scene.trace.replaced:
                message = f"the migration writes an index of {indexed.name} anew while nobody writes to it"
                yield indexed.name, message, indexed.name


def _told(messages: Iterable[str], pattern: str) -> Iterator[str]:
    """What the pattern finds in the server's words on the work done."""
    return (match[1] for text in messages if (match := re.match(pattern, text)))


def _written(scene: Scene, command: Command) -> list[int]:
    """The tables that the command wrote anew."""
    views = scene.after.catalog.views
    filled = (scene.filled(oid) for oid in command.oids if command.tag == "REFRESH MATERIALIZED VIEW")
    refreshed = [
        view.oid for view in filled
        if view is not None and view.name in views and views[view.name].populated
        and "AccessExclusiveLock" in command.locks.get(view.oid, ())
    ]  # fmt: skip
    return [*command.rewritten, *refreshed]


def _taken(scene: Scene, command: Command, mode: str) -> Iterator[Relation]:
    """The tables that were there, filled, and that the command itself locked so."""
    for oid, modes in command.took.items():
        table = scene.filled(oid)
        if table is not None and table.oid == oid and any(at_least(spelled(each), mode) for each in modes):
            yield table


def _locked(scene: Scene, command: Command, name: str, mode: str) -> Iterator[Relation]:
    """The tables of that name without its schema that were there, filled, and locked so for the command's work."""
    tables = _called(scene, name)
    if command.failed:
        # An error gave its locks back, but a build that is not concurrent has one: on the table, if there is only one of its name.
        sure = mode == "SHARE" and not command.concurrently and len(tables) == 1
        during = [each for each in scene.trace.held if each.since <= command.ended and command.began <= each.until]
        seen = {each.table for each in during if at_least(each.mode, mode)}
        yield from (table for table in tables if sure or table.name in seen)
    else:
        yield from _own(scene, command, [oid for oid, called in command.called.items() if called == name], mode)


def _own(scene: Scene, command: Command, oids: Iterable[int], mode: str) -> Iterator[Relation]:
    """Those of the tables that were there, filled, and locked so when the command ended; its own where it names some."""
    locked = [
        oid for oid in oids
        if oid in command.locks and any(at_least(spelled(each), mode) for each in command.locks[oid])
    ]  # fmt: skip
    filled = [(oid, scene.trace.before.get(oid)) for oid in locked]
    tables = [(oid, table) for oid, table in filled if table is None or table.kind != "p"]
    for oid, table in [each for each in tables if each[0] in command.oids] or tables:
        if table is not None and table.bytes and table.oid == oid and table.table is None:
            yield table


def _called(scene: Scene, name: str) -> list[Relation]:
    """The filled tables of that name without its schema that were there."""
    tables = (each for each in scene.trace.before.values() if each.table is None and each.bytes)
    return [each for each in tables if parse_relation(each.name).name == name]


def _while(scene: Scene, table: str) -> str:
    held = scene.locked(table)
    return f" while nobody may read it ({held.length} here)" if held is not None else ""
