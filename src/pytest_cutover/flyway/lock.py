"""The advisory lock that keeps two runs of Flyway apart.

As Flyway's PostgreSQLAdvisoryLockTemplate, but held by the session: see `migrate/flyway.py` for what the transaction of
Flyway's own does to CONCURRENTLY.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from pytest_cutover.flyway.files import FlywayError

_LOCK = int.from_bytes(b"Flyway", "big")
_BETWEEN_TRIES_S = 1


def lock_number(schema: str, table: str) -> int:
    """The advisory lock that Flyway takes for a history table: "Flyway" as a number plus Java's hash of its name."""
    hashed = 0
    for unit in memoryview(f'"{schema}"."{table}"'.encode("utf-16-le")).cast("H"):
        hashed = (31 * hashed + unit) & 0xFFFFFFFF
    return _LOCK + (hashed - (1 << 32) if hashed >> 31 else hashed)


@contextmanager
def locked(connection: psycopg.Connection, schema: str, table: str, retries: int) -> Iterator[None]:
    """Holds the lock of a history table within it; with a negative number of `retries` it waits without end.

    Raises:
        FlywayError: somebody else holds it.
    """
    number = lock_number(schema, table)
    tries = 0
    while connection.execute("SELECT pg_try_advisory_lock(%s)", (number,)).fetchone() != (True,):
        tries += 1
        if 0 <= retries < tries:
            raise FlywayError(
                "Number of retries exceeded while attempting to acquire PostgreSQL advisory lock. Configure the number of "
                "retries with the 'lockRetryCount' configuration option"
            )
        time.sleep(_BETWEEN_TRIES_S)
    try:
        yield
    finally:
        if not connection.closed:
            connection.execute("SELECT pg_advisory_unlock(%s)", (number,))
