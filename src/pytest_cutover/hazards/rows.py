"""Rows and objects that go, or are passed over, without a word."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from typing import Any, ClassVar

import postgast

from pytest_cutover.database import Database
from pytest_cutover.errors import QueryError
from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.names import DEFAULT_SCHEMA, format_name, parse_relation, quote_relation

_POLICIES = re.compile(r"\bROW\s+LEVEL\s+SECURITY\b|\bPOLICY\b", re.IGNORECASE)
_OTHER_ROLE = re.compile(r"\s*SET\s+((LOCAL|SESSION)\s+)?(ROLE|SESSION\s+AUTHORIZATION)\b", re.IGNORECASE)
_FILTERED_ROLES = "SELECT rolname FROM pg_catalog.pg_roles WHERE NOT rolsuper AND NOT rolbypassrls"
_WRITING = ("UpdateStmt", "DeleteStmt", "InsertStmt", "MergeStmt")
_PARAMETER = re.compile(r"\$\d+")
# As RI_FKey_cascade_del and its neighbours word it (PostgreSQL's ri_triggers.c).
_REFERENTIAL = re.compile(
    r'(?P<verb>DELETE FROM|UPDATE) (?:ONLY )?(?P<schema>"(?:[^"]|"")+")\.(?P<table>"(?:[^"]|"")+")'
    r"(?: SET .+?)? WHERE \$\d+[^ ]* OPERATOR\(",
    re.DOTALL,
)
_ACTION = re.compile(r"\bON (DELETE|UPDATE) (CASCADE|SET)\b")
_WRITES = re.compile(r"\b(UPDATE|DELETE|INSERT|MERGE)\b", re.IGNORECASE)


class DestructiveCascade(Hazard):
    """Its CASCADE, or that of a foreign key, takes along what it does not name."""

    ID: ClassVar[str] = "destructive-cascade"
    HURTS: ClassVar[str] = (
        "DROP … CASCADE drops every view, foreign key and function that depends on it, and TRUNCATE … CASCADE empties every table that refers "
        "to it: in production also those that nobody knew of when the backup was taken. A DELETE, or an UPDATE of a key, takes along the rows "
        "of every table whose foreign key says ON DELETE or ON UPDATE CASCADE, SET NULL or SET DEFAULT, and no row count tells of them."
    )
    SAFER: ClassVar[str] = (
        "Drop by name what is to go, in order, without CASCADE: what nobody thought of is then an error. DELETE or UPDATE the rows that "
        "refer ahead of those that they refer to, so that the foreign key finds none."
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
        for table, done in _taken_along(scene).items():
            told = " and ".join(f"{verb} {rows:,} rows" for verb, rows in done.items() if rows)
            yield f"table {table}", f"the action of a foreign key {told} of the table {table}", table


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
        tables = {
            name for name, table in scene.after.catalog.tables.items()
            if table.rls_enabled and name in scene.before.catalog.tables
            and scene.before.catalog.tables[name].rls_enabled
        }  # fmt: skip
        trace = scene.trace
        texts = [each.text for transaction in trace.transactions for each in transaction.statements]
        if not tables or any(_POLICIES.search(text) for text in (*texts, *(each.query for each in trace.executed))):
            return  # Which statement was filtered is not known.
        written = [
            (each.role, each.query) for each in trace.executed if each.toplevel or not _REFERENTIAL.match(each.query)
        ]
        if trace.not_counted:
            written += _sent(scene)
        pairs = {
            (role, table)
            for role, text in written
            if _WRITES.search(text)
            for table in _read_tables(text, tables, schemas=trace.tells_schemas)
        }
        known = {name for (name,) in scene.before.query(_FILTERED_ROLES).rows}
        failed: list[QueryError] = []
        found = False
        for role, table in sorted(pairs):
            try:
                seen, total = _visible(scene, role, table) if role in known else (0, 0)
            except QueryError as error:
                failed.append(error)
                continue
            if seen < total:
                found = True
                yield table, f"{role} sees {seen:,} of the {total:,} rows of {table}, and passes over the others", table
        if failed and not found:
            raise failed[0]


def _taken_along(scene: Scene) -> dict[str, dict[str, int]]:
    """How many rows of each table that was there the actions of foreign keys deleted and changed, where they did."""
    found: dict[str, dict[str, int]] = {}
    for each in scene.trace.executed:
        match = None if each.toplevel or not each.rows else _REFERENTIAL.match(each.query)
        if match is not None:
            schema, table = (part[1:-1].replace('""', '"') for part in match.group("schema", "table"))
            verb = "deletes" if match["verb"] == "DELETE FROM" else "changes"
            for name in _alike(format_name(schema, table), scene):
                found.setdefault(name, {"deletes": 0, "changes": 0})[verb] += each.rows
    return found


def _alike(name: str, scene: Scene) -> list[str]:
    """The table that was there, or all of its name whose foreign key has an action, where the server does not tell which it is."""
    referring = {
        each.table for each in scene.before.catalog.constraints.values()
        if each.type == "foreign_key" and _ACTION.search(each.definition) and parse_relation(each.table).name == parse_relation(name).name
    }  # fmt: skip
    there = {name} & scene.before.catalog.tables.keys()
    return sorted(there if scene.trace.tells_schemas else there | referring)


def _sent(scene: Scene) -> list[tuple[str, str]]:
    """The role and the text of each statement that sessions sent which never took another role."""
    sessions: dict[int, list[str]] = {}
    for transaction in scene.trace.transactions:
        texts = sessions.setdefault(transaction.pid, [])
        texts += [each.text for each in transaction.statements if each.user == scene.role]
    return [
        (scene.role, text) for texts in sessions.values()
        if scene.role is not None and not any(_OTHER_ROLE.match(text) for text in texts) for text in texts
    ]  # fmt: skip


def _read_tables(text: str, tables: Collection[str], *, schemas: bool) -> set[str]:
    """Those of the tables whose rows an UPDATE, DELETE, INSERT or MERGE in the text reads; what INSERT writes to is not read.

    A name without a schema is the one in `public`, else the only one of that name: the search path is not known. Without
    `schemas` the text may stand for every table of that name.
    """
    try:
        # The server has $1 also where only a constant may stand.
        parsed = postgast.parse(_PARAMETER.sub("''", text))
    except postgast.PgQueryError:
        return set()
    found: set[str] = set()
    for raw in parsed.stmts:
        nodes: list[Any] = [node for _, node in postgast.walk(raw)]
        if not any(type(node).__name__ in _WRITING for node in nodes):
            continue
        written = [node.relation for node in nodes if type(node).__name__ == "InsertStmt"]
        for node in nodes:
            if type(node).__name__ == "RangeVar" and node not in written:
                same = [name for name in tables if parse_relation(name).name == node.relname]
                name = format_name(node.schemaname or DEFAULT_SCHEMA, node.relname)
                if not schemas:
                    found.update(same)
                elif name in tables:
                    found.add(name)
                elif not node.schemaname and len(same) == 1:
                    found.update(same)
    return found


def _visible(scene: Scene, role: str, table: str) -> tuple[int, int]:
    """How many rows of the table the role sees, and how many there are, before the migration or, if it may not look there, after it."""
    try:
        return _seen(scene.before, role, table), scene.before.count(table)
    except QueryError:
        return _seen(scene.after, role, table), scene.after.count(table)


def _seen(database: Database, role: str, table: str) -> int:
    database.query("SELECT set_config('session_authorization', %s, false)", (role,))
    try:
        return int(database.scalar(f"SELECT count(*) FROM {quote_relation(table)}"))
    finally:
        database.query("RESET SESSION AUTHORIZATION")
