"""Stopping a session exactly at its commits: those of a procedure, of CREATE INDEX CONCURRENTLY, of REINDEX SCHEMA.

While `synchronous_standby_names` names a standby, each commit is in the log and then waits to be confirmed by it
(PostgreSQL's documentation, "Synchronous Replication"). There is none, so that the session stands still at this place until its
wait is cancelled, which undoes nothing: it has committed, and goes on with its next transaction.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Generator, Iterator
from contextlib import suppress

import psycopg

from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox import EmbeddedServer

_PATIENCE_S = 30.0
_POLL_S = 0.0005
_TRIED_AGAIN_S = 1.0

_HOLD = "ALTER SYSTEM SET synchronous_standby_names = '*'"
_RELOAD = "SELECT pg_reload_conf()"
# Who waits in a commit goes on with a warning when its time is over.
_PROBE = "DO $$ BEGIN PERFORM pg_logical_emit_message(true, '', ''); COMMIT; END $$"
# The view of this function reads tables as well, which a statement may have locked.
_SESSIONS = """
SELECT pid, coalesce(backend_xid::text, ''), coalesce(wait_event, '') = 'SyncRep',
       CASE WHEN state <> 'active' AND query_start > %s THEN state END
FROM pg_catalog.pg_stat_get_activity(NULL) WHERE pid = %s OR wait_event = 'SyncRep'
"""
_NEXT = "SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint"


def next_transaction(connection: psycopg.Connection) -> int:
    """The number that the next transaction, or part of one, of the server gets that writes."""
    row = connection.execute(_NEXT).fetchone()
    assert row is not None
    return int(row[0])


class Commits:
    """The commits of the next statement of a session, counted from 1, each while the session stands still in it.

    The session goes on when the next number is asked for. The statement may begin when `holding` is set. A commit that does
    not wait for the log (`synchronous_commit = off`) is not seen: `are_unseen` says at the end that there was none to be seen
    of a statement that used several transactions and left none open.
    """

    def __init__(self, server: EmbeddedServer, pid: int, holding: threading.Event) -> None:
        self.are_unseen = False
        self._server = server
        self._pid = pid
        self._holding = holding

    def __iter__(self) -> Generator[int, None, None]:
        """The numbers.

        Raises:
            SandboxError: commits cannot be held.
        """
        try:
            with self._server.maintenance.connect() as connection:
                _hold(self._server, connection)
                yield from self._step(connection)
        finally:
            # A server that was killed meanwhile holds nothing any more.
            with suppress(psycopg.OperationalError), self._server.maintenance.connect() as connection:
                connection.execute(_RELOAD)

    def _step(self, connection: psycopg.Connection) -> Iterator[int]:
        row = connection.execute("SELECT clock_timestamp()").fetchone()
        assert row is not None
        first = next_transaction(connection)
        self._holding.set()
        done = 0
        let_go: dict[int, tuple[str, float]] = {}
        while True:
            found = connection.execute(_SESSIONS, (row[0], self._pid)).fetchall()
            for pid, transaction, waits, _ in found:
                name, at = let_go.get(pid, ("", -_TRIED_AGAIN_S))
                # A wait that is cancelled twice could cancel what comes behind it.
                if not waits or (name == transaction and time.monotonic() - at < _TRIED_AGAIN_S):
                    continue
                if pid == self._pid:
                    done += 1
                    yield done
                let_go[pid] = transaction, time.monotonic()
                connection.execute("SELECT pg_cancel_backend(%s)", (pid,))
            ended = [state for pid, _, _, state in found if pid == self._pid]
            if None not in ended:
                is_open = any(state.startswith("idle in") for state in ended)
                self.are_unseen = not done and not is_open and next_transaction(connection) - first > 1
                return
            time.sleep(_POLL_S)


def _hold(server: EmbeddedServer, connection: psycopg.Connection) -> None:
    """Lets every commit wait from now on, until the settings are read again."""
    connection.execute(_HOLD)
    connection.execute(_RELOAD)
    held = threading.Event()
    with server.maintenance.connect() as probe:
        probe.add_notice_handler(lambda diagnostic: held.set())
        probe.execute("SET statement_timeout = '20ms'")
        deadline = time.monotonic() + _PATIENCE_S
        while not held.is_set():
            if time.monotonic() > deadline:
                raise SandboxError("The disposable PostgreSQL did not hold commits back.")
            with suppress(psycopg.errors.QueryCanceled):
                probe.execute(_PROBE)
    # Who starts the server anew after a crash is to find nothing of it.
    connection.execute("ALTER SYSTEM RESET synchronous_standby_names")
