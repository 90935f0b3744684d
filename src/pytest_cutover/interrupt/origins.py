"""What a run that is cut off begins with, and how to know without reading it all that a cut has left it as it was."""

from __future__ import annotations

from dataclasses import dataclass

from pytest_cutover.target import Target

_UNLOGGED = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class WHERE relpersistence = 'u' AND relkind IN ('r', 'S'))"
# What belongs to a database and is not in it stays behind when it is copied.
_BESIDE = """
SELECT datacl IS NOT NULL OR EXISTS (SELECT FROM pg_catalog.pg_db_role_setting WHERE setdatabase = d.oid)
       OR EXISTS (SELECT FROM pg_catalog.pg_prepared_xacts WHERE database = d.datname)
FROM pg_catalog.pg_database d WHERE datname = current_database()
"""
_UNDONE = """
SELECT coalesce(bool_and(coalesce(pg_xact_status(number::text::xid8) = 'aborted', false)), true)
FROM generate_series(%s, pg_snapshot_xmax(pg_current_snapshot())::text::bigint - 1) AS number
"""
_SEQUENCES = """
SELECT string_agg(format('SELECT %s, last_value, is_called FROM %s', oid, oid::regclass), ' UNION ALL ' ORDER BY oid)
FROM pg_catalog.pg_class WHERE relkind = 'S'
"""


@dataclass(frozen=True)
class Origin:
    """The database that the steps before `step` leave, behind the first `seen` statements of the migration."""

    target: Target
    step: int = 0
    seen: int = 0


def holds_unlogged(target: Target) -> bool:
    """True where a table is not in the log, so that a server that was killed empties it."""
    with target.connect() as connection:
        row = connection.execute(_UNLOGGED).fetchone()
    return row is not None and bool(row[0])


def copies_whole(target: Target) -> bool:
    """True where a copy of the database has all that its sessions find, also when the server is killed meanwhile."""
    with target.connect() as connection:
        row = connection.execute(_BESIDE).fetchone()
    return row is not None and not row[0] and not holds_unlogged(target)


def state_of(left: Target, origin: Origin, begun: int) -> object:
    """What tells the state that a run left from others, None where more is to be read for that.

    A run of which no transaction committed has changed nothing, but for the positions of sequences. Its transactions are those
    with a number from `begun` on.
    """
    with left.connect() as connection:
        row = connection.execute(_UNDONE, (begun,)).fetchone()
        if row is None or not row[0]:
            return None
        row = connection.execute(_SEQUENCES.encode()).fetchone()
        positions = connection.execute(row[0].encode()).fetchall() if row is not None and row[0] else []
    return origin.target.database, tuple(positions)
