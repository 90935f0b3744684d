"""One snapshot with pinned settings for everything that reads rows, and the two sides side by side."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TypeVar

import psycopg
from psycopg.pq import TransactionStatus

from pytest_cutover.errors import QueryError, describe_error

_T = TypeVar("_T")

_SETTINGS = {
    # Nobody's function or operator is called in place of the server's, and names of objects print in full.
    "search_path": "",
    "TimeZone": "UTC",
    "DateStyle": "ISO, YMD",
    "IntervalStyle": "postgres",
    "bytea_output": "hex",
    "extra_float_digits": "1",
    "lc_monetary": "C",
    # An error rather than a part of the rows.
    "row_security": "off",
    # Compiling an expression of 1,600 columns takes longer than running it.
    "jit": "off",
    "work_mem": "64MB",
    # The cursors are read to the end.
    "cursor_tuple_fraction": "1",
}


@contextmanager
def snapshot(connection: psycopg.Connection) -> Iterator[None]:
    """A read-only transaction with one snapshot and pinned settings.

    In an open transaction that one is used, and keeps the settings until it ends.
    """
    if connection.info.transaction_status != TransactionStatus.IDLE:
        _pin(connection)
        yield
        return
    autocommit = connection.autocommit
    connection.autocommit = True
    try:
        connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        try:
            _pin(connection)
            yield
        finally:
            if not connection.closed:
                connection.execute("ROLLBACK")
    finally:
        if not connection.closed:
            connection.autocommit = autocommit


def _pin(connection: psycopg.Connection) -> None:
    calls = ", ".join(["set_config(%s, %s, true)"] * len(_SETTINGS))
    connection.execute(f"SELECT {calls}".encode(), [text for pair in _SETTINGS.items() for text in pair])


@contextmanager
def reading(table: str) -> Iterator[None]:
    """Turns the server's refusal into a QueryError that names the table and holds no row values."""
    try:
        yield
    except psycopg.Error as error:
        raise QueryError(f"the rows of {table} cannot be read: {describe_error(error)}", error.sqlstate) from error


def side_by_side(first: Callable[[], _T], second: Callable[[], _T]) -> tuple[_T, _T]:
    """What both calls return; they run at the same time, each on a connection of its own."""
    with ThreadPoolExecutor(1, "cutover-before") as pool:
        early = pool.submit(first)
        late = second()
        return early.result(), late
