"""How long those who use a database would have waited for its busy tables while it was migrated.

For each table two clients ask, every few milliseconds, for the lock that a reader takes (ACCESS SHARE) and for the one that a
writer takes (ROW EXCLUSIVE), and give it back at once. So they change nothing, fire no trigger, use no number of a
sequence, and hold no snapshot for which CREATE INDEX CONCURRENTLY would wait. How long they wait is how long a table is
closed to its readers, or its writers. What they do not see are rows: who writes one that the migration has written waits
until it commits.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Literal

import psycopg

from pytest_cutover.database import Database
from pytest_cutover.names import DEFAULT_SCHEMA, format_name, quote_relation, split_name
from pytest_cutover.plan.model import Changes
from pytest_cutover.target import Target
from pytest_cutover.trace.triggers import QUIET

INTERVAL_S = 0.02
"""Between two questions of one client: a table that is closed for less may go unnoticed, a longer time is right to it."""
MOST = 3
"""So many tables are watched where the plan names none."""

Access = Literal["read", "write"]
_MODES: dict[Access, str] = {"read": "ACCESS SHARE", "write": "ROW EXCLUSIVE"}
_MEMBERS = ("column", "constraint", "trigger", "policy", "rule")
_READY_S = 10.0
_PATIENCE_S = 2.0


@dataclass(frozen=True)
class Wait:
    """What one client met, in seconds: its longest wait and when that began, counted from the first statement of all.

    `total` is the time of all waits longer than INTERVAL_S. `gone` says that the table was no longer there at the end.
    """

    table: str
    access: Access
    longest: float = 0.0
    at: float = 0.0
    total: float = 0.0
    tries: int = 0
    gone: bool = False


def busy_tables(named: Sequence[str] | None, changes: Changes, before: Database) -> list[str]:
    """The tables to watch: those that the plan names, else the largest of those that its `[changes]` touch."""
    there = before.catalog.tables
    if named is not None:
        return list(named)
    touched = {_table_of(name, before) for name in (*changes.added, *changes.dropped, *changes.altered)}
    touched |= set(changes.rows)
    rows = {table: before.contents[table].rows for table in touched if table in there and table in before.contents}
    return sorted(sorted(rows), key=lambda table: -rows[table])[:MOST]


def _table_of(name: str, before: Database) -> str:
    kind, _, rest = name.partition(":")
    if kind == "index":
        index = before.catalog.indexes.get(rest)
        return index.table if index is not None else ""
    if kind not in _MEMBERS:
        return rest if kind == "table" else ""
    *table, _ = split_name(rest)
    return format_name(*(table if len(table) > 1 else [DEFAULT_SCHEMA, *table]))


@contextmanager
def watching(target: Target, tables: Sequence[str]) -> Iterator[list[Wait]]:
    """Within it the tables are watched; the list is filled when it is over."""
    found: list[Wait] = []
    clients = [_Client(target, table, access) for table in tables for access in _MODES]
    try:
        for client in clients:
            client.thread.start()
        for client in clients:
            client.ready.wait(_READY_S)
        began = time.perf_counter()
        yield found
    finally:
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.end()
    found += [client.told(began) for client in clients]


class _Client:
    """One client of one table."""

    def __init__(self, target: Target, table: str, access: Access) -> None:
        self.table, self.access = table, access
        self.stopping = threading.Event()
        self.ready = threading.Event()
        self.thread = threading.Thread(target=self._ask, name=f"pytest-cutover {access}", daemon=True)
        self._target = target
        # Held by nothing but the end of this one message.
        self._statement = f"BEGIN; LOCK TABLE ONLY {quote_relation(table)} IN {_MODES[access]} MODE; ROLLBACK".encode()
        self._waits: list[tuple[float, float]] = []
        self._connection: psycopg.Connection | None = None
        self._tries = 0
        self._gone = False

    def end(self) -> None:
        """Ends it; a wait for what nobody gives back, as the locks of a prepared transaction, is ended, too."""
        if self.thread.ident is None:
            return
        self.thread.join(_PATIENCE_S)
        while self.thread.is_alive():
            if self._connection is not None:
                self._connection.cancel_safe(timeout=1.0)
            self.thread.join(_PATIENCE_S)

    def told(self, began: float) -> Wait:
        """What it met."""
        at, longest = max(self._waits, key=lambda wait: wait[1], default=(began, 0.0))
        total = sum(seconds for _, seconds in self._waits if seconds > INTERVAL_S)
        return Wait(self.table, self.access, longest, max(at - began, 0.0), total, self._tries, self._gone)

    def _ask(self) -> None:
        while not self.stopping.is_set():
            # Somebody may end the sessions of others: those of an application would come again, too.
            with suppress(psycopg.OperationalError), self._target.connect(settings=QUIET) as self._connection:
                self._keep_asking(self._connection)
            self.ready.set()
            self.stopping.wait(INTERVAL_S)

    def _keep_asking(self, connection: psycopg.Connection) -> None:
        since: float | None = None
        while True:
            began = time.perf_counter() if since is None else since
            try:
                connection.execute(self._statement)
            except (psycopg.errors.UndefinedTable, psycopg.errors.WrongObjectType, psycopg.errors.InvalidSchemaName):
                # A table that is renamed away for a while is as closed as a locked one.
                connection.rollback()
                since, self._gone = began, True
            except psycopg.errors.QueryCanceled:
                self._waits.append((began, time.perf_counter() - began))
                raise
            else:
                self._waits.append((began, time.perf_counter() - began))
                since, self._gone = None, False
            self._tries += 1
            self.ready.set()
            if self.stopping.wait(INTERVAL_S):
                return
