"""A writer of single rows: looks at a sample of them for those that another transaction keeps from being written.

It never waits, and locks nothing that a running migration could want:

* While nobody holds a lock on the table that locking a row takes, too (ROW SHARE or a stronger one), no row is closed, and
  the table is not even read: pg_locks tells.
* Else the sample's rows are read with their `xmax`, the transaction that locked, updated or deleted them last (or several:
  a multixact). One whose `xmax` has ended is open.
* A row with the same running one in two looks is asked for, once: FOR NO KEY UPDATE SKIP LOCKED, as an UPDATE would, in a
  transaction that is undone with the same message. A row that is closed is left out, and nothing is written. One that comes
  back, as from the FOR KEY SHARE of a foreign key's check, was locked for that moment; from then on its `xmax` is another
  one. What is held for less than two looks is not asked for, so that who skips locked rows misses none for our sake.
  What was closed by a transaction stays so until that one ends.

A row's closed time is counted between two looks that both found it closed by the same transaction: nothing is added for looks that
come late. Every lock on the table is asked for with NOWAIT, and `lock_timeout` ends what else could wait (a query waits for a
REINDEX of one of the table's indexes): who holds a lock and waits can be the other half of a deadlock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import psycopg

from pytest_cutover.canaries.client import GONE, Client
from pytest_cutover.canaries.model import INTERVAL_S, Wait
from pytest_cutover.names import format_name, quote_relation
from pytest_cutover.target import Target

SAMPLE = 100
"""So many rows are looked at."""
MOST_PARTITIONS = 10
"""The sample of a partitioned table comes from so many partitions, the largest ones."""

_RESAMPLE_S = 0.1
_PRECISION = 0.02
_LONGEST_REST_S = 0.5
_NOT_NOW = (psycopg.errors.LockNotAvailable, *GONE)

# A number is 32 bits of a transaction's 64: the one that is nearest to those now running is meant. pg_xact_status refuses one
# that was not given out yet. A multixact has numbers of its own; which of the two an xmax is, SQL does not tell, so it is taken
# for both. (PostgreSQL's documentation: 66.1 Transactions and Identifiers, 9.27.10 Transaction ID and Snapshot Information.)
_RUNNING = """CASE WHEN age({0}) BETWEEN 1 AND least(2147483646, now - 1) THEN coalesce(pg_xact_status(
(now + (({0}::text::bigint - now + 2147483648) & 4294967295) - 2147483648)::text::xid8) = 'in progress', false) ELSE false END"""
_KEEPS = f"""EXISTS (
  SELECT FROM (SELECT pg_snapshot_xmax(pg_current_snapshot())::text::bigint AS now) AS running
  WHERE {_RUNNING.format("t.xmax")} OR EXISTS (
    SELECT FROM pg_get_multixact_members(CASE WHEN mxid_age(t.xmax) BETWEEN 1 AND (
      SELECT mxid_age(datminmxid) FROM pg_database WHERE datname = current_database()) THEN t.xmax END) AS m
    WHERE m.mode <> 'keysh' AND {_RUNNING.format("m.xid")}))"""
_HOLDERS = "SELECT t.xmax::text FROM unnest('{{{0}}}'::xid[]) AS t(xmax) WHERE " + _KEEPS
_IS_WRITTEN = """SELECT EXISTS (SELECT FROM pg_locks AS l WHERE l.locktype = 'relation' AND l.granted
AND l.mode <> 'AccessShareLock' AND l.relation = ANY (ARRAY[{0}]::oid[])
AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()))"""
_RELATIONS = """
WITH RECURSIVE part(id) AS (
  SELECT to_regclass(%(name)s)::oid
  UNION ALL SELECT i.inhrelid FROM pg_inherits AS i JOIN part ON i.inhparent = part.id
  JOIN pg_class AS c ON c.oid = i.inhrelid AND c.relispartition)
SELECT n.nspname, c.relname FROM part JOIN pg_class AS c ON c.oid = part.id AND c.relkind = 'r'
JOIN pg_namespace AS n ON n.oid = c.relnamespace ORDER BY c.relpages DESC, c.oid LIMIT %(most)s"""
_ROWS = """SELECT {0}, r.ctid::text FROM (
  SELECT pg_relation_size({4}) / current_setting('block_size')::bigint AS pages) AS s
CROSS JOIN LATERAL (SELECT greatest((s.pages + {2} - 1) / {2}, 1) AS step, greatest(({2} + s.pages - 1) / greatest(s.pages, 1), 1)
  AS each) AS d
CROSS JOIN LATERAL generate_series({3} % d.step, s.pages - 1, d.step) AS p(page)
CROSS JOIN LATERAL (SELECT t.ctid FROM ONLY {1} AS t
  WHERE t.ctid >= ('(' || p.page || ',0)')::tid AND t.ctid < ('(' || p.page + 1 || ',0)')::tid LIMIT d.each) AS r"""


class _Place(NamedTuple):
    """Where a row is: the number of its table among those of the sample, and its position in it."""

    relation: int
    ctid: str


_Lock = tuple[_Place, str]
"""A row, and the xmax that it was seen with."""


@dataclass
class _Closed:
    """A row that one transaction keeps closed: surely since and until, and not before."""

    since: float
    not_before: float
    until: float


class RowClient(Client):
    """Looks again and again which rows of a sample are closed to a writer."""

    # A lock is not waited for, and rows that a policy hides would be missing without a word.
    SETTINGS: ClassVar[Mapping[str, str]] = {"lock_timeout": "1", "row_security": "off", "search_path": "pg_catalog"}

    def __init__(self, target: Target, table: str) -> None:
        super().__init__(target, table, "row")
        self._relations: list[str] = []
        self._sample: list[_Place] = []
        self._sampled_at = -math.inf
        self._samplings = 0
        self._open: set[_Lock] = set()
        self._closed: dict[_Lock, _Closed] = {}
        self._longest, self._at = 0.0, 0.0
        self._total, self._at_most, self._share = 0.0, 0.0, 0.0
        self._seen: dict[_Lock, float] = {}
        self._sent_before = self._sent = self._counted = 0.0

    def told(self, began: float, ended: float) -> Wait:
        if not self._tries:
            return Wait(self.table, self.access, missing=self._missing or "it has no rows that could be looked at")
        open_ends = [ended - self._sent_before, *(ended - each.not_before for each in self._closed.values())]
        at = max(self._at - began, 0.0)
        at_most = max(self._at_most, *open_ends)
        return Wait(
            self.table, self.access, self._longest, at, self._total, self._tries, at_most=at_most, share=self._share
        )

    def _look(self, connection: psycopg.Connection) -> None:
        sent = time.perf_counter()
        closed: set[_Lock] | None = set()
        try:
            if not self._samplings:
                self._take_sample(connection, ())
            if self._closed or self._is_written(connection):
                closed = self._find_closed(connection, sent)
            else:
                self._seen = {}
        except _NOT_NOW as error:
            # The table is locked, or away: its clients tell. What was closed stays so until its transaction ends.
            connection.rollback()
            if not isinstance(error, psycopg.errors.LockNotAvailable):
                self._sample = []
            holders = self._holders(connection, {xmax for _, xmax in self._closed})
            closed = {each for each in self._closed if each[1] in holders}
        if closed is not None:
            self._note(closed, sent)

    def _find_closed(self, connection: psycopg.Connection, sent: float) -> set[_Lock] | None:
        """The rows of the sample that the holder of their xmax keeps from all others, None where that cannot be told."""
        rows = self._read(connection)
        if len(rows) < SAMPLE / 2 and sent - self._sampled_at >= _RESAMPLE_S:
            self._take_sample(connection, rows)
            rows = self._read(connection)
        locked = {(place, xmax) for place, xmax in rows.items() if xmax != "0"}
        self._open &= locked
        unknown = locked - self._open - self._closed.keys()
        again = unknown & self._seen.keys()
        try:
            free = self._ask_for(connection, [place for place, _ in again])
        except psycopg.errors.SerializationFailure:
            # One of them was written anew in this moment.
            connection.rollback()
            return None
        # Asked afterwards: who still runs now did so when its row was asked for.
        holders = self._holders(connection, {xmax for _, xmax in locked - self._open})
        self._open |= {each for each in locked if each[1] not in holders}
        now = time.perf_counter()
        self._seen = {each: self._seen.get(each, now) for each in unknown - self._open}
        closed = {each for each in locked - self._open - (unknown - again) if each[0] not in free}
        self._share = max(self._share, len(closed) / len(rows) if rows else 0.0)
        return closed

    def _note(self, closed: set[_Lock], sent: float) -> None:
        """Counts what this look found, that was asked at `sent`."""
        received = time.perf_counter()
        if self._sample:
            self._tries += 1
            # What is closed in one look only is not asked for.
            if self._sent_before:
                self._at_most = max(self._at_most, received - self._sent_before)
        if self._closed.keys() & closed:
            self._total += max(sent - self._counted, 0.0)
            self._counted = max(sent, self._counted)
        else:
            self._counted = received
        for ended in self._closed.keys() - closed:
            self._at_most = max(self._at_most, received - self._closed.pop(ended).not_before)
        for each in closed:
            if each not in self._closed:
                # It may have been locked less strongly when it was first seen: a late look makes no more of it than this.
                since = max(self._seen.get(each, received), sent - 2 * INTERVAL_S)
                self._closed[each] = _Closed(since, self._sent_before, since)
            row = self._closed[each]
            row.until = max(row.until, sent)
            if row.until - row.since >= self._longest:
                self._longest, self._at = row.until - row.since, row.since
        self._sent_before, self._sent = self._sent or sent, sent

    def _rest(self) -> float:
        # What has been closed for long is told as exactly with fewer looks, and the migration goes on faster.
        longest = max((each.until - each.since for each in self._closed.values()), default=0.0)
        return min(max(INTERVAL_S, longest * _PRECISION), _LONGEST_REST_S)

    # What it asks the server.

    def _take_sample(self, connection: psycopg.Connection, keep: Iterable[_Place]) -> None:
        """Fills the sample up, evenly over the pages of the table."""
        self._samplings, self._sampled_at = self._samplings + 1, time.perf_counter()
        name = quote_relation(self.table)
        relations = [
            quote_relation(format_name(*row))
            for row in connection.execute(_RELATIONS, {"name": name, "most": MOST_PARTITIONS}).fetchall()
        ]
        if relations != self._relations:
            self._relations, keep = relations, ()
        kept = list(keep)
        if relations:
            each = math.ceil(SAMPLE / len(relations))
            parts = [
                _ROWS.format(i, name, each, self._samplings - 1, _literal(name)) for i, name in enumerate(relations)
            ]
            found = self._under_lock(connection, "ACCESS SHARE", "; ".join(parts))
            fresh = sorted({_Place(int(relation), ctid) for relation, ctid in found} - set(kept))
            room = SAMPLE - len(kept)
            kept += fresh[:: max(math.ceil(len(fresh) / max(room, 1)), 1)][:room]
        self._sample = kept

    def _is_written(self, connection: psycopg.Connection) -> bool:
        """True where somebody holds such a lock on the table as locking a row needs, or a stronger one."""
        names = [quote_relation(self.table), *self._relations]
        listed = ", ".join(f"to_regclass({_literal(name)})" for name in dict.fromkeys(names))
        row = connection.execute(_IS_WRITTEN.format(listed).encode()).fetchone()
        return row is not None and bool(row[0])

    def _read(self, connection: psycopg.Connection) -> dict[_Place, str]:
        """The rows of the sample that are still there, with their xmax."""
        if not self._sample:
            return {}
        parts = [
            f"SELECT {i}, t.ctid::text, t.xmax::text FROM ONLY {name} AS t WHERE t.ctid = ANY ({places})"
            for i, name, places in self._places(self._sample)
        ]
        found = self._under_lock(connection, "ACCESS SHARE", " UNION ALL ".join(parts))
        return {_Place(int(relation), ctid): xmax for relation, ctid, xmax in found}

    def _ask_for(self, connection: psycopg.Connection, rows: Collection[_Place]) -> set[_Place]:
        """Those of the rows that a writer would get, of those that somebody seems to hold."""
        if not rows:
            return set()
        parts = [
            f"SELECT {i}, t.ctid::text FROM ONLY {name} AS t WHERE t.ctid = ANY ({places}) AND {_KEEPS} "
            "FOR NO KEY UPDATE OF t SKIP LOCKED"
            for i, name, places in self._places(rows)
        ]
        # With this snapshot a row that was just written anew is an error; else its new version would be locked.
        found = self._under_lock(
            connection, "ROW SHARE", "; ".join(parts), begin="BEGIN ISOLATION LEVEL REPEATABLE READ"
        )
        return {_Place(int(relation), ctid) for relation, ctid in found}

    def _holders(self, connection: psycopg.Connection, xmaxes: Collection[str]) -> set[str]:
        """Those of the numbers that are, as a transaction or a multixact, of a running transaction that keeps writers out."""
        if not xmaxes:
            return set()
        return {xmax for (xmax,) in connection.execute(_HOLDERS.format(",".join(xmaxes)).encode()).fetchall()}

    def _places(self, rows: Iterable[_Place]) -> list[tuple[int, str, str]]:
        """Each table of the rows: its number, its name, and their positions as an SQL array."""
        places: dict[int, list[str]] = {}
        for row in rows:
            places.setdefault(row.relation, []).append(f'"{row.ctid}"')
        return [(i, self._relations[i], f"'{{{','.join(ctids)}}}'::tid[]") for i, ctids in sorted(places.items())]

    def _under_lock(
        self, connection: psycopg.Connection, mode: str, sql: str, begin: str = "BEGIN"
    ) -> list[tuple[str, ...]]:
        """All rows of the statements, which run with this lock on the tables, in one message that ends with its undoing."""
        tables = ", ".join(f"ONLY {name}" for name in self._relations)
        cursor = connection.execute(f"{begin}; LOCK TABLE {tables} IN {mode} MODE NOWAIT; {sql}; ROLLBACK".encode())
        rows: list[tuple[str, ...]] = []
        while True:
            if cursor.description is not None:
                rows += cursor.fetchall()
            if not cursor.nextset():
                return rows


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
