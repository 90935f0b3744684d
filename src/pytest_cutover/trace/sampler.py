"""Looks at the table locks of one database from outside of it, again and again, for as long as its migration runs."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import replace

import psycopg

from pytest_cutover.target import Target
from pytest_cutover.trace.model import Held, Relation, Transaction, spelled
from pytest_cutover.trace.triggers import STRONG

INTERVAL_S = 0.02
"""Between two looks. A lock that is held for longer is always seen, to twice this."""

_ENDING = "/0"
"""A transaction that ends gives its number back ahead of its locks (ProcArrayEndTransaction in PostgreSQL's xact.c)."""
FROM_OUTSIDE = "seen from outside"

# The workers of a parallel command hold what their leader holds.
_LOCKS = """
SELECT extract(epoch FROM clock_timestamp())::float8, l.pid, l.virtualtransaction, l.relation::bigint, l.mode
FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid AND a.leader_pid IS NULL
WHERE l.locktype = 'relation' AND l.granted AND l.mode = ANY (%s)
  AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = %s)
"""


class Looks:
    """What was seen: when a lock was first and last there, by session, transaction, table and mode."""

    def __init__(self) -> None:
        self.seen: dict[tuple[int, str, int, str], list[float]] = {}
        self._owners: dict[tuple[int, int, str], str] = {}

    def add(self, rows: Iterable[tuple[float, int, str, int, str]]) -> None:
        """One look, as `_LOCKS` gives it."""
        for at, pid, virtual, oid, mode in rows:
            if virtual.endswith(_ENDING):
                virtual = self._owners.get((pid, oid, mode), virtual)
            else:
                self._owners[pid, oid, mode] = virtual
            self.seen.setdefault((pid, virtual, oid, mode), [at, at])[1] = at


class Sampler:
    """A session in another database: in the migration's own, CREATE INDEX CONCURRENTLY would wait for it.

    `longest_gap` are the seconds between two looks for which a lock may have been held unseen, at most.
    """

    def __init__(self, maintenance: Target, database: str) -> None:
        self.error: psycopg.Error | None = None
        self.longest_gap = 0.0
        self._connection = maintenance.connect(name="pytest-cutover trace")
        self._database = database
        self._looks = Looks()
        self._stop = threading.Event()
        self._looked = time.monotonic()
        self._thread = threading.Thread(target=self._look, name="pytest-cutover trace", daemon=True)
        self._thread.start()

    def _look(self) -> None:
        try:
            while True:
                stopping = self._stop.wait(INTERVAL_S)
                began = time.monotonic()
                self._looks.add(self._connection.execute(_LOCKS, (list(STRONG), self._database)))
                self.longest_gap = max(self.longest_gap, time.monotonic() - self._looked)
                self._looked = began
                if stopping:
                    return
        except psycopg.Error as error:
            self.error = error

    def stop(self) -> None:
        """Ends it; the last look is taken now."""
        self._stop.set()
        self._thread.join()
        self._connection.close()

    def add_to(self, transactions: list[Transaction], relations: Mapping[int, Relation]) -> None:
        """Gives the transactions the locks that nothing else told of; what is not of theirs becomes one of its own.

        What was seen began one interval before, and lasted one longer, at most.
        """
        known = {(each.pid, each.virtual): each for each in transactions}
        for (pid, virtual, oid, mode), (first, last) in sorted(self._looks.seen.items()):
            relation = relations.get(oid)
            if relation is None or relation.table is not None:
                continue
            same = [
                (transaction, place)
                for transaction in transactions if (transaction.pid, transaction.virtual) == (pid, virtual)
                for place, held in enumerate(transaction.held) if (held.table, held.mode) == (relation.name, spelled(mode))
            ]  # fmt: skip
            if len(same) == 1:
                # A session that is cut off in a transaction says no more, and holds its locks until it is gone.
                transaction, place = same[0]
                held = transaction.held[place]
                transaction.held[place] = replace(held, since=min(held.since, first), until=max(held.until, last))
            if same:
                continue
            since, until = first - INTERVAL_S, last + INTERVAL_S
            if any(
                held.table == relation.name and held.mode == spelled(mode) and held.since <= until and since <= held.until
                for each in transactions if each.pid == pid for held in each.held
            ):  # fmt: skip
                continue
            owner = known.get((pid, virtual))
            if owner is None:
                owner = known[pid, virtual] = Transaction(pid, virtual, since, until)
                transactions.append(owner)
            until = max(until, owner.ended)
            owner.held.append(Held(relation.name, spelled(mode), since, until, FROM_OUTSIDE))
