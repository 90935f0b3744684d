"""Reads the catalog of the connected database in one snapshot."""

from __future__ import annotations

import gc
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import psycopg
from psycopg.pq import TransactionStatus
from psycopg.rows import tuple_row

from pytest_cutover.catalog import building, others, queries
from pytest_cutover.catalog.model import Catalog
from pytest_cutover.catalog.stream import Stream
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
    with _without_garbage_collection(), _snapshot(connection), Stream(connection) as records:
        records.add(_queries(version))
        records.add(_position_queries(records["sequences"]))
        return building.build(version, records)


def _queries(version: int) -> dict[str, str]:
    """The queries in the order in which their rows are used, so that building and the server's work overlap."""
    return {
        "sequences": queries.sequences(version),
        "schemas": queries.SCHEMAS,
        "relations": queries.RELATIONS,
        "columns": queries.columns(version),
        "constraints": queries.CONSTRAINTS,
        "indexes": queries.INDEXES,
        "functions": queries.functions(version),
        "triggers": queries.TRIGGERS,
        "policies": queries.POLICIES,
        "rules": queries.RULES,
        "types": queries.types(version),
        "extensions": queries.EXTENSIONS,
        "others": others.query(version),
    }


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
    """Nothing built here is garbage, yet the many new objects would make Python look through them again and again."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            if not gc.get_freeze_count():
                # Together they count the new objects as old, which spares the next collection a look at each.
                gc.freeze()
                gc.unfreeze()
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
    row = (
        connection.cursor(row_factory=tuple_row)
        .execute("SELECT " + ", ".join(f"current_setting('{name}')" for name in _SETTINGS))
        .fetchone()
    )
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
