"""Rows and objects that go, or are passed over, without a word."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import ClassVar

import postgast

from pytest_cutover.database import Database
from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.names import format_name, quote_relation

_POLICIES = re.compile(r"\bROW\s+LEVEL\s+SECURITY\b|\bPOLICY\b", re.IGNORECASE)
_OTHER_ROLE = re.compile(r"\s*SET\s+((LOCAL|SESSION)\s+)?(ROLE|SESSION\s+AUTHORIZATION)\b", re.IGNORECASE)
_WRITES = re.compile(r"\b(UPDATE|DELETE|INSERT|MERGE)\b", re.IGNORECASE)


class DestructiveCascade(Hazard):
    """Its CASCADE takes along what it does not name."""

    ID: ClassVar[str] = "destructive-cascade"
    HURTS: ClassVar[str] = (
        "DROP … CASCADE drops every view, foreign key and function that depends on it, and TRUNCATE … CASCADE empties every table that refers "
        "to it: in production also those that nobody knew of when the backup was taken."
    )
    SAFER: ClassVar[str] = (
        "Drop by name what is to go, in order, without CASCADE: what nobody thought of is then an error."
    )
    BEFORE: ClassVar[str] = (
        "CREATE TABLE flights (id int PRIMARY KEY);\nCREATE VIEW all_flights AS SELECT id FROM flights;"
    )
    BAD: ClassVar[str] = "DROP TABLE flights CASCADE;"
    GOOD: ClassVar[str] = "DROP VIEW all_flights;\nDROP TABLE flights;"

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        for command in scene.trace.commands:
            for name in command.cascaded:
                yield name, f"{command} … CASCADE takes along the {name}", ""
        for transaction in scene.trace.transactions:
            for statement in transaction.statements:
                for table in statement.cascaded:
                    yield f"table {table}", f"TRUNCATE … CASCADE also empties the table {table}", table


class RlsFilteredDml(Hazard):
    """It changes rows as a role that does not see all of them."""

    ID: ClassVar[str] = "rls-filtered-dml"
    HURTS: ClassVar[str] = (
        "Row-level security hides rows from UPDATE, DELETE and SELECT without a word: the backfill reports success, and the rows "
        "of every other tenant are as they were."
    )
    SAFER: ClassVar[str] = (
        "Run the backfill as the table's owner (not FORCEd) or as a role with BYPASSRLS, and SET row_security = off, so that a "
        "filtered statement is an error."
    )
    BEFORE: ClassVar[str] = (
        "CREATE TABLE notes (id int PRIMARY KEY, tenant text, done boolean);\n"
        "INSERT INTO notes SELECT g, 'tenant ' || g % 2, false FROM generate_series(1, 1000) AS g;\n"
        "ALTER TABLE notes ENABLE ROW LEVEL SECURITY;\n"
        "CREATE POLICY own ON notes USING (tenant = 'tenant 1');\n"
        "ALTER TABLE notes FORCE ROW LEVEL SECURITY;\nALTER TABLE notes OWNER TO app_hazards;"
    )
    BAD: ClassVar[str] = "UPDATE notes SET done = true;"
    GOOD: ClassVar[str] = (
        "ALTER TABLE notes NO FORCE ROW LEVEL SECURITY;\nUPDATE notes SET done = true;\n"
        "ALTER TABLE notes FORCE ROW LEVEL SECURITY;"
    )
    ROLE: ClassVar[str | None] = "app_hazards"

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        if scene.role is None:
            return
        tables = {
            name for name, table in scene.after.catalog.tables.items()
            if table.rls_enabled and name in scene.before.catalog.tables
            and scene.before.catalog.tables[name].rls_enabled
        }  # fmt: skip
        sessions: dict[int, list[str]] = {}
        for transaction in scene.trace.transactions:
            texts = sessions.setdefault(transaction.pid, [])
            texts += [each.text for each in transaction.statements if each.user == scene.role]
        if any(_POLICIES.search(text) for texts in sessions.values() for text in texts):
            return  # Which statement was filtered is not known.
        named = {
            name for texts in sessions.values()
            if tables and not any(_OTHER_ROLE.match(text) for text in texts)
            for text in texts if _WRITES.search(text) for name in _read_tables(text)
        }  # fmt: skip
        for table in sorted(tables & named):
            seen, total = _visible(scene.before, scene.role, table), scene.before.count(table)
            if seen < total:
                yield (
                    table,
                    f"{scene.role} sees {seen:,} of the {total:,} rows of {table}, and changes no others",
                    table,
                )


def _read_tables(text: str) -> set[str]:
    """The tables whose rows an UPDATE, DELETE, INSERT or MERGE in the text reads; what INSERT writes to is not read."""
    try:
        parsed = postgast.parse(text)
    except postgast.PgQueryError:
        return set()
    found: set[str] = set()
    for raw in parsed.stmts:
        kind = raw.stmt.WhichOneof("node")
        if kind not in ("update_stmt", "delete_stmt", "insert_stmt", "merge_stmt"):
            continue
        statement = getattr(raw.stmt, kind)
        written = statement.relation if kind == "insert_stmt" else None
        for _, node in postgast.walk(statement):
            if type(node).__name__ == "RangeVar" and node != written:
                found.add(format_name(node.schemaname or "public", node.relname))
    return found


def _visible(database: Database, role: str, table: str) -> int:
    """How many rows of the table the role sees."""
    database.query("SELECT set_config('session_authorization', %s, false)", (role,))
    try:
        return int(database.scalar(f"SELECT count(*) FROM {quote_relation(table)}"))
    finally:
        database.query("RESET SESSION AUTHORIZATION")
