"""The conversion itself: one transaction, a table at a time, with the triggers out of the way."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from typing import Any

from backups import key_columns, tables_of
from problems import Problem
from timestamps import CONVERTED, converted, form, quote

CHUNK = 20_000
"""Rows between two reports of progress."""

Columns = dict[str, tuple[str, ...]]


def plan_conversion(connection: sqlite3.Connection, columns: Columns, texts: frozenset[str]) -> dict[str, Any]:
    """What there is to do: per table its rows, and per column how many values have which form.

    Raises:
        Problem: the database does not have these columns, or has timestamps in a column that nobody named.
    """
    known = tables_of(connection)
    missing = sorted(set(columns) - set(known))
    tables: dict[str, Any] = {}
    undeclared: list[str] = []
    for table in known:
        info = connection.execute("SELECT name FROM pragma_table_info(?)", (table,))
        names = {name for (name,) in info}
        wanted = columns.get(table, ())
        missing += [f"{table}.{name}" for name in wanted if name not in names]
        for name in sorted(names - set(wanted)):
            if f"{table}.{name}" not in texts and _holds_timestamps(connection, table, name):
                undeclared.append(f"{table}.{name}")
        if wanted and not missing:
            tables[table] = _forms(connection, table, wanted)
    if missing:
        raise Problem(
            f"the database has no {', '.join(missing)}",
            "name the right database, or bring COLUMNS in timestamps.py up to date",
        )
    if undeclared:
        raise Problem(
            f"there are timestamps in {', '.join(undeclared)}, which is in neither list of timestamps.py",
            "add each to COLUMNS if it is a timestamp, or to TEXTS if it only looks like one",
        )
    return {"rows": sum(each["rows"] for each in tables.values()), "tables": tables}


def values_to_convert(plan: dict[str, Any]) -> int:
    """How many values will change."""
    return _total(plan, CONVERTED)


def unreadable_values(plan: dict[str, Any]) -> int:
    """How many values are no timestamp in any known form."""
    return _total(plan, ("unreadable",))


def _total(plan: dict[str, Any], forms: tuple[str, ...]) -> int:
    columns = [column for table in plan["tables"].values() for column in table["columns"].values()]
    return sum(column.get(name, 0) for column in columns for name in forms)


def _forms(connection: sqlite3.Connection, table: str, wanted: tuple[str, ...]) -> dict[str, Any]:
    rows = connection.execute(f"SELECT count(*) FROM {quote(table)}").fetchone()[0]
    found = {}
    for name in wanted:
        query = f"SELECT coalesce({form(quote(name))}, 'null'), count(*) FROM {quote(table)} GROUP BY 1 ORDER BY 1"
        found[name] = dict(connection.execute(query).fetchall())
    return {"rows": rows, "columns": found}


def _holds_timestamps(connection: sqlite3.Connection, table: str, column: str) -> bool:
    pattern = "[12][0-9][0-9][0-9]-[01][0-9]-[0-3][0-9][ T][0-2][0-9]:[0-5][0-9]:[0-5][0-9]*"
    query = f"SELECT EXISTS (SELECT * FROM {quote(table)} WHERE {quote(column)} GLOB ?)"
    return bool(connection.execute(query, (pattern,)).fetchone()[0])


def unreadable(connection: sqlite3.Connection, columns: Columns, limit: int = 100) -> list[str]:
    """Where values are that are left as they are: table, column and key of each, the first hundred."""
    found: list[str] = []
    for table, names in sorted(columns.items()):
        keys = ", ".join(key_columns(connection, table))
        for name in names:
            query = f"SELECT {keys} FROM {quote(table)} WHERE {form(quote(name))} = 'unreadable' LIMIT ?"
            for key in connection.execute(query, (limit - len(found),)):
                found.append(f"{table}.{name}, row {', '.join(map(str, key))}")
    return found


def convert(connection: sqlite3.Connection, columns: Columns, progress: Callable[[str, int], None]) -> None:
    """Converts every value, inside the transaction that the caller has begun.

    The triggers are dropped and made again word for word: one that writes updated_at would put the time of the migration
    over the time of the change.
    """
    query = "SELECT name, tbl_name, sql FROM sqlite_master WHERE type = 'trigger' ORDER BY rowid"
    triggers = [(name, sql) for name, table, sql in connection.execute(query).fetchall() if table in columns]
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {quote(name)}")
    for table, names in sorted(columns.items()):
        _convert_table(connection, table, names, progress)
    for _, sql in triggers:
        connection.execute(sql)


def _convert_table(
    connection: sqlite3.Connection, table: str, names: tuple[str, ...], progress: Callable[[str, int], None]
) -> None:
    changes = ", ".join(f"{quote(name)} = {converted(quote(name))}" for name in names)
    update = f"UPDATE {quote(table)} SET {changes}"
    if key_columns(connection, table) != ["_rowid_"]:
        progress(table, connection.execute(update).rowcount)
        return
    last = connection.execute(f"SELECT min(_rowid_) - 1 FROM {quote(table)}").fetchone()[0]
    while last is not None:
        following = connection.execute(
            f"SELECT max(key) FROM (SELECT _rowid_ AS key FROM {quote(table)} WHERE _rowid_ > ? ORDER BY _rowid_ LIMIT ?)",
            (last, CHUNK),
        ).fetchone()[0]
        if following is not None:
            done = connection.execute(f"{update} WHERE _rowid_ > ? AND _rowid_ <= ?", (last, following))
            progress(table, done.rowcount)
        last = following
