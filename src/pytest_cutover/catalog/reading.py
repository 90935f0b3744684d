"""Reads the catalog of the connected database: all queries in one round trip and one snapshot, then pure building."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any, NamedTuple

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row

from pytest_cutover.catalog import building, others, queries
from pytest_cutover.catalog.model import Catalog
from pytest_cutover.errors import CutoverError

Records = Mapping[str, list[Any]]
"""The rows of each query, as named tuples."""

OLDEST = 130000
"""The oldest server whose catalog can be read, as `server_version_num`."""

_SETTINGS = {
    # An empty path makes every definition name its schemas.
    "search_path": "",
    # Constants inside defaults, bounds and conditions are printed by these.
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "quote_all_identifiers": "off",
    # Compiling these queries would cost more than running them.
    "jit": "off",
}


def read_catalog(connection: psycopg.Connection[Any]) -> Catalog:
    """Everything in the database's catalog, as one snapshot sees it. The session is left as it was.

    Inside an open transaction the catalog is what that transaction sees, its own changes included.

    Raises:
        CutoverError: the server is older than PostgreSQL 13, or reports something unknown.
        psycopg.Error: the server refused a query.
    """
    version = connection.info.server_version
    if version < OLDEST:
        raise CutoverError(f"the server is PostgreSQL {version // 10000}; its catalog can be read from 13 on")
    return building.build(version, _fetch(connection, version))


class _Position(NamedTuple):
    oid: int
    last_value: int
    is_called: bool


def _fetch(connection: psycopg.Connection[Any], version: int) -> dict[str, list[Any]]:
    asked = {
        "schemas": queries.SCHEMAS,
        "relations": queries.RELATIONS,
        "columns": queries.columns(version),
        "constraints": queries.CONSTRAINTS,
        "indexes": queries.INDEXES,
        "sequences": queries.sequences(version),
        "functions": queries.functions(version),
        "triggers": queries.TRIGGERS,
        "policies": queries.POLICIES,
        "rules": queries.RULES,
        "types": queries.types(version),
        "extensions": queries.EXTENSIONS,
        "others": others.query(version),
    }
    with _snapshot(connection):
        records = _run(connection, asked)
        records["positions"] = _fetch_positions(connection, records["sequences"]) if version < 180000 else []
    return records


def _run(connection: psycopg.Connection[Any], asked: Mapping[str, str]) -> dict[str, list[Any]]:
    """The rows of every query, in one round trip where libpq can do that."""
    if not psycopg.Pipeline.is_supported():
        return {name: _execute(connection, query).fetchall() for name, query in asked.items()}
    with connection.pipeline():
        cursors = {name: _execute(connection, query) for name, query in asked.items()}
        return {name: cursor.fetchall() for name, cursor in cursors.items()}


def _execute(connection: psycopg.Connection[Any], query: str) -> psycopg.Cursor[Any]:
    return connection.cursor(row_factory=namedtuple_row).execute(query.encode(), prepare=False)


def _fetch_positions(connection: psycopg.Connection[Any], sequences: list[Any]) -> list[Any]:
    """Where the sequences stand that were never called: before 18 only reading each tells."""
    asked = [each for each in sequences if each.last_value is None and each.readable]
    if not asked:
        return []
    query = psycopg.sql.SQL(" UNION ALL ").join(
        psycopg.sql.SQL("SELECT {} AS oid, last_value, is_called FROM {}").format(
            psycopg.sql.Literal(each.oid), psycopg.sql.Identifier(each.schema, each.name)
        )
        for each in asked
    )
    return _execute(connection, query.as_string(connection)).fetchall()


@contextmanager
def _snapshot(connection: psycopg.Connection[Any]) -> Iterator[None]:
    """A read-only transaction with one snapshot and pinned settings; an open transaction is used as it is."""
    if connection.info.transaction_status == TransactionStatus.IDLE:
        autocommit = connection.autocommit
        connection.autocommit = True
        try:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            try:
                _pin(connection, _SETTINGS)
                yield
            finally:
                connection.execute("ROLLBACK")
        finally:
            if not connection.closed:
                connection.autocommit = autocommit
        return
    row = connection.cursor(row_factory=psycopg.rows.tuple_row).execute(
        "SELECT " + ", ".join(f"current_setting('{name}')" for name in _SETTINGS)
    ).fetchone()
    assert row is not None
    _pin(connection, _SETTINGS)
    try:
        yield
    finally:
        if connection.info.transaction_status == TransactionStatus.INTRANS:
            _pin(connection, dict(zip(_SETTINGS, row, strict=True)))


def _pin(connection: psycopg.Connection[Any], settings: Mapping[str, str]) -> None:
    """Sets the settings until the transaction ends."""
    calls = ", ".join(["set_config(%s, %s, true)"] * len(settings))
    connection.execute(f"SELECT {calls}".encode(), [text for pair in settings.items() for text in pair])
