"""Which tables and indexes have another file than before.

No event and no message tells of VACUUM FULL, CLUSTER, SET TABLESPACE and REINDEX in all their forms; the file does.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg

from pytest_cutover.trace.model import Relation

_FILES = """
SELECT oid::bigint, pg_catalog.pg_relation_filepath(oid) FROM pg_catalog.pg_class
WHERE relispopulated AND oid = ANY (%s) ORDER BY oid
"""
_NEXT_TRANSACTION = (
    "SELECT (pg_catalog.pg_snapshot_xmax(pg_catalog.pg_current_snapshot())::text::numeric %% 4294967296)::text"
)


class Files:
    """The files of the tables that hold something, and of their indexes, as they are before the migration."""

    def __init__(self, connection: psycopg.Connection, relations: Mapping[int, Relation]) -> None:
        filled = {oid for oid, each in relations.items() if each.bytes and each.kind in ("r", "m")}
        self._relations = [oid for oid, each in relations.items() if oid in filled or each.table in filled]
        self._tables = filled
        self._places = self._read(connection)
        (self._since,) = connection.execute(_NEXT_TRANSACTION.encode(), ()).fetchone() or ("3",)

    def _read(self, connection: psycopg.Connection) -> dict[int, str]:
        return dict(connection.execute(_FILES.encode(), (self._relations,)).fetchall())

    def compare(self, connection: psycopg.Connection) -> tuple[frozenset[int], frozenset[int]]:
        """Those that have another file now, and the tables among them that hold a row which is older than the migration."""
        now = self._read(connection)
        replaced = frozenset(oid for oid, place in now.items() if place != self._places.get(oid))
        return replaced, frozenset(
            oid for oid in replaced & self._tables if _holds_row_before(connection, oid, self._since)
        )


def _holds_row_before(connection: psycopg.Connection, oid: int, transaction: str) -> bool:
    try:
        (name,) = connection.execute(b"SELECT %s::regclass::text", (oid,)).fetchone() or ("",)
        query = f"SELECT EXISTS (SELECT FROM ONLY {name} WHERE age(xmin) > age(%s::xid))"
        return connection.execute(query.encode(), (transaction,)).fetchone() == (True,)
    except psycopg.Error:
        # The migration left a session that keeps it locked, or rows that cannot be read: not for the trace to tell.
        return False
