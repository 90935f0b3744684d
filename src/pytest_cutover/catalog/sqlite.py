"""Reads the catalog of a SQLite database: sqlite_schema, its PRAGMAs, and what only the text of a table says.

Everything lies in the one schema, so names have none. A constraint without a name is called as PostgreSQL would call it.
The indexes that SQLite makes for a PRIMARY KEY or UNIQUE are those constraints; statistics (sqlite_stat1) are no objects.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from dataclasses import replace

from pytest_cutover.catalog.model import Catalog
from pytest_cutover.catalog.objects import Column, Constraint, Index, Other, Sequence, Table, Trigger, View
from pytest_cutover.errors import QueryError
from pytest_cutover.names import DEFAULT_SCHEMA, format_name, parse_relation, quote_identifier, quote_part
from pytest_cutover.sqlite.definitions import TableText, constraint_name, parse_table
from pytest_cutover.sqlite.rendering import render
from pytest_cutover.sqlite.tokens import code

_SETTINGS = ("application_id", "auto_vacuum", "encoding", "journal_mode", "page_size", "user_version")
"""What the file itself keeps besides its objects."""

_AUTO_VACUUM = {0: "none", 1: "full", 2: "incremental"}
_GREATEST = 2**63 - 1
_HIDDEN = 1
"""What table_xinfo calls a column of a virtual table that `*` leaves out."""


def read_sqlite_catalog(connection: sqlite3.Connection) -> Catalog:
    """All objects of the database, read in one snapshot; nothing is written.

    Raises:
        sqlite3.Error: it cannot be read.
        QueryError: a definition is not what SQLite says of it.
    """
    connection.execute("BEGIN")
    try:
        return _read(connection)
    finally:
        connection.execute("ROLLBACK")


def _read(connection: sqlite3.Connection) -> Catalog:
    rows = connection.execute(
        "SELECT type, name, tbl_name, sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite\\_%' ESCAPE '\\' ORDER BY type, name"
    ).fetchall()
    number = sqlite3.sqlite_version_info
    catalog = Catalog(
        number[0] * 1_000_000 + number[1] * 1000 + number[2], {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
        _settings(connection),
    )  # fmt: skip
    for kind, name, table, text in rows:
        if kind == "table":
            _add_table(connection, catalog, name, text)
        elif kind == "view":
            _add(catalog.views, _view(connection, name, text))
        elif kind == "trigger":
            _add(catalog.triggers, Trigger(format_name(DEFAULT_SCHEMA, table), name, render(code(text))))
        elif text is not None:
            _add(catalog.indexes, _index(connection, name, table, text))
    _add_sequences(connection, catalog)
    return catalog


def _add(mapping: object, found: object) -> None:
    assert isinstance(mapping, dict)
    mapping[found.full_name] = found  # type: ignore[attr-defined]


def _settings(connection: sqlite3.Connection) -> dict[str, Other]:
    found = {}
    for name in _SETTINGS:
        value = connection.execute(f"PRAGMA {name}").fetchone()[0]
        if name == "auto_vacuum":
            value = _AUTO_VACUUM.get(value, value)
        if name == "journal_mode":
            # What a connection uses by itself is not kept in the file; that the file is in WAL mode is.
            value = "wal" if value == "wal" else "rollback"
        found[f"setting:{name}"] = Other("setting", name, (("value", str(value)),))
    return found


def _add_table(connection: sqlite3.Connection, catalog: Catalog, name: str, text: str) -> None:
    full = format_name(DEFAULT_SCHEMA, name)
    try:
        parsed = parse_table(text)
    except (ValueError, StopIteration, IndexError) as error:
        raise QueryError(f"the definition of {full} cannot be read: {error}") from error
    described = connection.execute("SELECT * FROM pragma_table_xinfo(?) ORDER BY cid", (name,)).fetchall()
    virtual = bool(parsed.options) and parsed.options[0].startswith("USING")
    kind = "virtual" if virtual else "table"
    _add(catalog.tables, Table(DEFAULT_SCHEMA, name, kind, "permanent", "", options=tuple(parsed.options)))
    if not virtual:
        listed = [each.name for each in parsed.columns]
        if listed != [row[1] for row in described]:
            raise QueryError(f"the definition of {full} cannot be read: SQLite knows other columns than {listed}")
    key = sorted((row[5], row[1]) for row in described if row[5])
    without_rowid = "without rowid" in parsed.options
    alias = _rowid_alias(parsed, [name for _, name in key], described) and not without_rowid
    for position, row in enumerate(described, 1):
        if row[6] == _HIDDEN:
            continue
        own = next((each for each in parsed.columns if each.name == row[1]), None)
        sure = bool(row[3]) or (bool(row[5]) and (without_rowid or alias))
        column = Column(full, row[1], position, row[2] or "", not sure, row[4])
        if own is not None:
            options = tuple(own.options)
            column = replace(
                column, default=own.default, generated=own.generated, collation=own.collation, options=options
            )
        _add(catalog.columns, column)
    taken: set[str] = set()
    for each in parsed.constraints:
        _add(
            catalog.constraints,
            Constraint(
                full, constraint_name(name, each, taken), each.type, each.definition, deferrable=each.deferrable,
                deferred=each.deferred, columns=each.columns,
                references=None if each.references is None else format_name(DEFAULT_SCHEMA, each.references),
                references_columns=each.references_columns,
            ),
        )  # fmt: skip


def _rowid_alias(parsed: TableText, key: list[str], described: Iterable[tuple[object, ...]]) -> bool:
    """True where the key is the rowid itself: the one column INTEGER PRIMARY KEY, which never is NULL."""
    if len(key) != 1:
        return False
    kind = next(str(row[2]) for row in described if row[1] == key[0])
    descending = any(
        each.type == "primary_key" and each.column and " DESC)" in each.definition for each in parsed.constraints
    )
    return kind.upper() == "INTEGER" and not descending


def _view(connection: sqlite3.Connection, name: str, text: str) -> View:
    found = code(text)
    start = next(place for place, token in enumerate(found) if token.word == "VIEW") + 2
    full = format_name(DEFAULT_SCHEMA, name)
    try:
        rows = connection.execute("SELECT cid, name, type FROM pragma_table_xinfo(?) ORDER BY cid", (name,)).fetchall()
    except sqlite3.OperationalError:
        # A view on a table that is gone stays, and fails when it is read.
        rows = []
    columns = tuple(Column(full, each, position + 1, kind or "") for position, each, kind in rows)
    return View(DEFAULT_SCHEMA, name, False, render(found[start:]), "", columns)


def _index(connection: sqlite3.Connection, name: str, table: str, text: str) -> Index:
    found = code(text)
    listed = connection.execute("SELECT name FROM pragma_index_xinfo(?) WHERE key ORDER BY seqno", (name,)).fetchall()
    unique = connection.execute('SELECT "unique" FROM pragma_index_list(?) WHERE name = ?', (table, name)).fetchone()
    where = next((place for place, token in enumerate(found) if token.word == "WHERE"), None)
    return Index(
        DEFAULT_SCHEMA, name, format_name(DEFAULT_SCHEMA, table), render(found), "btree",
        tuple(each if each is not None else "(expression)" for (each,) in listed),
        predicate=None if where is None else render(found[where + 1 :]), unique=bool(unique and unique[0]),
    )  # fmt: skip


def _add_sequences(connection: sqlite3.Connection, catalog: Catalog) -> None:
    """The counters of AUTOINCREMENT columns: a sequence called as its table."""
    counting = [each for each in catalog.columns.values() if "autoincrement" in each.options]
    if not counting:
        return
    positions = dict(connection.execute("SELECT name, seq FROM sqlite_sequence").fetchall())
    names = {name: table.name for name, table in catalog.tables.items()}
    for column in counting:
        position = positions.get(names[column.table])
        name = names[column.table]
        _add(
            catalog.sequences,
            Sequence(
                DEFAULT_SCHEMA, name, "integer", 1, 1, 1, _GREATEST, 1, False, "permanent", "",
                f"{column.table}.{quote_part(column.name)}", True, int(position or 0), position is not None,
            ),
        )  # fmt: skip


def quote_table(name: str) -> str:
    """The table or view in the main database as SQL.

    Raises:
        QueryError: the name has a schema.
    """
    relation = parse_relation(name)
    if relation.schema not in (DEFAULT_SCHEMA, "main"):
        raise QueryError(f"{name}: a SQLite database is one schema; write the name alone", "3F000")
    return f'"main".{quote_identifier(relation.name)}'
