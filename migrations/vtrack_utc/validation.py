"""Compares the converted database with the backup, row by row, before anything is committed."""

from __future__ import annotations

import sqlite3
from typing import Any

from backups import key_columns, tables_of
from timestamps import quote, same_instant


def validate(connection: sqlite3.Connection, columns: dict[str, tuple[str, ...]]) -> dict[str, Any]:
    """What the comparison with the attached database `before` found; `errors` is empty where all is well."""
    errors: list[str] = []
    tables: dict[str, Any] = {}
    if tables_of(connection) != tables_of(connection, "before"):
        errors.append("there are other tables than before")
    for table in tables_of(connection, "before"):
        found = _compare(connection, table, columns.get(table, ()))
        tables[table] = found
        if not found["rows_before"] == found["rows_after"] == found["rows_compared"]:
            errors.append(f"{table}: {found['rows_before']} rows before, {found['rows_after']} after")
        for name, wrong in found["wrong"].items():
            if wrong:
                errors.append(f"{table}, {name}: {wrong} values are not what they should be")
    for what, query in (
        ("the schema", "SELECT type, name, tbl_name, sql FROM {}.sqlite_master ORDER BY 1, 2"),
        ("what foreign keys are violated", 'SELECT "table", rowid, parent, fkid FROM pragma_foreign_key_check(NULL, \'{}\') ORDER BY 1, 2, 4'),
    ):  # fmt: skip
        if _rows(connection, query.format("main")) != _rows(connection, query.format("before")):
            errors.append(f"{what} is not as before")
    integrity = connection.execute("PRAGMA main.integrity_check").fetchone()[0]
    if integrity != "ok":
        errors.append(f"integrity_check: {integrity}")
    return {"ok": not errors, "errors": errors, "integrity": integrity, "tables": tables}


def _rows(connection: sqlite3.Connection, query: str) -> list[tuple[Any, ...]]:
    return connection.execute(query).fetchall()


def _compare(connection: sqlite3.Connection, table: str, timestamps: tuple[str, ...]) -> dict[str, Any]:
    name = quote(table)
    counts = [
        connection.execute(f"SELECT count(*) FROM {schema}.{name}").fetchone()[0] for schema in ("before", "main")
    ]
    join = " AND ".join(f"old.{key} IS new.{key}" for key in key_columns(connection, table))
    others = [
        column
        for (column,) in connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        if column not in timestamps
    ]
    tests = {each: f"NOT ({same_instant(f'old.{quote(each)}', f'new.{quote(each)}')})" for each in timestamps}
    if others:
        old, new = (", ".join(f"{side}.{quote(each)}" for each in others) for side in ("old", "new"))
        tests["the other columns"] = f"({old}) IS NOT ({new})"
    sums = ", ".join(f"total({test})" for test in tests.values())
    found = connection.execute(
        f"SELECT count(*), {sums} FROM before.{name} AS old JOIN main.{name} AS new ON {join}"
    ).fetchone()
    return {
        "rows_before": counts[0],
        "rows_after": counts[1],
        "rows_compared": found[0],
        "wrong": {each: int(wrong) for each, wrong in zip(tests, found[1:], strict=True)},
    }
