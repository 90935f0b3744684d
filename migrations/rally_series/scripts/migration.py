"""What both migrations share: their options, their log, and one transaction that is committed at the very end."""

from __future__ import annotations

import argparse
import logging
import os
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg

LOG = logging.getLogger("rally")

LOCK_TIMEOUT = "5s"
"""A session that was forgotten stops the migration, and not the migration the application."""
_ONE_AT_A_TIME = 13584
"""The key of the advisory lock that both migrations take."""

DONE, FAILED, USAGE = 0, 1, 2


class RefusedError(Exception):
    """The data is not what the migration was written for; nothing has been changed."""


def run(title: str, migrate: Callable[[psycopg.Cursor], None], check: Callable[[psycopg.Cursor], None]) -> int:
    """The exit status of the whole program.

    `migrate` works in one transaction, in which `check` must hold; it must hold again for a session that comes
    after the commit.
    """
    parser = argparse.ArgumentParser(description=f"{title}. The database is the one of the environment's DATABASE_URL.")
    parser.add_argument("--live", action="store_true", help="commit; without it everything is tried and undone")
    parser.add_argument("--log-file", type=Path, help="also write the log there, after what it holds")
    arguments = parser.parse_args()
    _open_log(arguments.log_file)
    address = os.environ.get("DATABASE_URL", "")
    if not address:
        LOG.error("DATABASE_URL is not set: export it, so that it is said which database is meant")
        return USAGE
    began = time.perf_counter()
    LOG.info("%s: %s", title, "live" if arguments.live else "dry run, nothing will be kept")
    try:
        with _connect(address) as connection:
            LOG.info("database %s on %s", connection.info.dbname, connection.info.host)
            with connection.cursor() as cursor:
                _be_alone(cursor)
                migrate(cursor)
                check(cursor)
            if not arguments.live:
                connection.rollback()
                LOG.info("dry run: undone after %.1f s; add --live to keep it", time.perf_counter() - began)
                return DONE
        # A transaction says that it was committed; that it is there is another question.
        with _connect(address) as connection, connection.cursor() as cursor:
            check(cursor)
    except RefusedError as refusal:
        LOG.error("refused, nothing was changed: %s", refusal)
        return FAILED
    except psycopg.Error as error:
        # The server's detail holds values of rows.
        LOG.error(
            "failed, nothing was changed: %s (%s)", error.diag.message_primary or type(error).__name__, error.sqlstate
        )
        return FAILED
    LOG.info("committed and checked after %.1f s", time.perf_counter() - began)
    return DONE


def count(cursor: psycopg.Cursor, query: str) -> int:
    """The one number that the query gives."""
    row = cursor.execute(query.encode()).fetchone()
    assert row is not None
    return int(row[0])


def exists(cursor: psycopg.Cursor, query: str, *values: str) -> bool:
    """Whether the query gives a row."""
    return cursor.execute(query.encode(), values).fetchone() is not None


def has_column(cursor: psycopg.Cursor, table: str, column: str) -> bool:
    """Whether the table has the column."""
    return exists(
        cursor,
        "SELECT FROM pg_catalog.pg_attribute WHERE attrelid = %s::regclass AND attname = %s AND NOT attisdropped",
        table, column,
    )  # fmt: skip


def has_constraint(cursor: psycopg.Cursor, table: str, name: str) -> bool:
    """Whether the table has the constraint, validated."""
    return exists(
        cursor,
        "SELECT FROM pg_catalog.pg_constraint WHERE conrelid = %s::regclass AND conname = %s AND convalidated",
        table, name,
    )  # fmt: skip


def change(cursor: psycopg.Cursor, what: str, statement: str) -> int:
    """Runs the statement and logs how many rows it changed, where it changed any."""
    rows = max(0, cursor.execute(statement.encode()).rowcount)
    if rows:
        LOG.info("%s: %s", what, f"{rows:,} rows")
    return rows


def _connect(address: str) -> psycopg.Connection:
    return psycopg.connect(
        address, application_name="rally migration", connect_timeout=15, options=f"-c lock_timeout={LOCK_TIMEOUT}"
    )


def _be_alone(cursor: psycopg.Cursor) -> None:
    (free,) = cursor.execute("SELECT pg_try_advisory_xact_lock(%s)", (_ONE_AT_A_TIME,)).fetchone() or (False,)
    if not free:
        raise RefusedError("another migration is at work on this database; wait for it to end")


def _open_log(path: Path | None) -> None:
    handlers: list[logging.Handler] = [logging.StreamHandler(sys.stdout)]
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handlers.append(logging.FileHandler(path, encoding="utf-8"))
    formatter = logging.Formatter("%(asctime)s %(levelname)s %(message)s", "%Y-%m-%dT%H:%M:%SZ")
    formatter.converter = time.gmtime
    for handler in handlers:
        handler.setFormatter(formatter)
        LOG.addHandler(handler)
    LOG.setLevel(logging.INFO)
