"""Reads the catalog of the connected database in one snapshot."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import namedtuple_row, tuple_row

from pytest_cutover.catalog import building, others, queries
from pytest_cutover.catalog.model import Catalog
from pytest_cutover.errors import CutoverError
from pytest_cutover.names import quote_identifier

OLDEST = 130000
"""The oldest server whose catalog can be read, as `server_version_num`."""

_BATCH = 50
"""How many sequences one query reads."""

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
    # While the server works on the next batch, the objects of the one before are built.
    with _without_garbage_collection(), _snapshot(connection), ThreadPoolExecutor(max_workers=1) as pool:
        return building.build(version, _Records(connection, version, pool))


class _Records(Mapping[str, list[Any]]):
    """The rows of each query as named tuples, fetched in batches on the pool's thread; asking for one waits for it."""

    def __init__(self, connection: psycopg.Connection[Any], version: int, pool: Executor) -> None:
        self._pending = {
            name: pending
            for batch in _batches(version)
            for pending in [pool.submit(_fetch, connection, batch)]
            for name in batch
        }
        self._pending["positions"] = pool.submit(_fetch_positions, connection, self._pending["sequences"])

    def __getitem__(self, name: str) -> list[Any]:
        return self._pending[name].result()[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._pending)

    def __len__(self) -> int:
        return len(self._pending)


def _batches(version: int) -> tuple[dict[str, str], ...]:
    """The queries in the order in which their rows are built, those that are heavy on a large schema apart."""
    return (
        {"schemas": queries.SCHEMAS, "relations": queries.RELATIONS, "columns": queries.columns(version)},
        {"constraints": queries.CONSTRAINTS},
        {"indexes": queries.INDEXES},
        {
            "sequences": queries.sequences(version),
            "functions": queries.functions(version),
            "triggers": queries.TRIGGERS,
            "policies": queries.POLICIES,
            "rules": queries.RULES,
            "types": queries.types(version),
            "extensions": queries.EXTENSIONS,
            "others": others.query(version),
        },
    )


def _fetch(connection: psycopg.Connection[Any], batch: Mapping[str, str]) -> dict[str, list[Any]]:
    """The rows of every query, in one round trip where libpq can do that."""
    if not psycopg.Pipeline.is_supported():
        return {name: _execute(connection, query).fetchall() for name, query in batch.items()}
    with connection.pipeline():
        cursors = {name: _execute(connection, query) for name, query in batch.items()}
        return {name: cursor.fetchall() for name, cursor in cursors.items()}


def _fetch_positions(connection: psycopg.Connection[Any], sequences: Future[dict[str, list[Any]]]) -> dict[str, Any]:
    found = _fetch(connection, _position_queries(sequences.result()["sequences"]))
    return {"positions": [row for rows in found.values() for row in rows]}


def _execute(connection: psycopg.Connection[Any], query: str) -> psycopg.Cursor[Any]:
    return connection.cursor(row_factory=namedtuple_row).execute(query.encode(), prepare=False)


def _position_queries(sequences: list[Any]) -> dict[str, str]:
    """Where the sequences stand that were never called: before 18 only reading each of them tells."""
    asked = [each for each in sequences if each.last_value is None and each.is_called is None and each.readable]
    # Planning a UNION takes time that grows with the square of its parts.
    batches = [asked[start : start + _BATCH] for start in range(0, len(asked), _BATCH)]
    return {
        f"positions {number}": " UNION ALL ".join(
            f"SELECT {each.oid} AS oid, last_value, is_called"
            f" FROM {quote_identifier(each.schema)}.{quote_identifier(each.name)}"
            for each in batch
        )
        for number, batch in enumerate(batches)
    }


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Nothing built here is garbage, yet the many new objects would make Python look through all objects again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


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
    row = connection.cursor(row_factory=tuple_row).execute(
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
