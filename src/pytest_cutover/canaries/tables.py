"""A reader's and a writer's client: each asks for the lock on the table that such a one takes, and gives it back at once."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

import psycopg

from pytest_cutover.canaries.client import GONE, Client
from pytest_cutover.canaries.model import INTERVAL_S, Wait
from pytest_cutover.names import quote_relation
from pytest_cutover.target import Target

MODES: dict[Literal["read", "write"], str] = {"read": "ACCESS SHARE", "write": "ROW EXCLUSIVE"}


@dataclass
class _Refusal:
    """A time for which the table could not be had, for a lock or for not being there."""

    since: float
    until: float

    @property
    def seconds(self) -> float:
        return max(self.until - self.since, 0.0)


class TableClient(Client):
    """Waits for its lock as long as it takes. It holds nothing but the lock, and that for the end of one message."""

    def __init__(self, target: Target, table: str, access: Literal["read", "write"]) -> None:
        super().__init__(target, table, access)
        lock = f"LOCK TABLE ONLY {quote_relation(table)} IN {MODES[access]} MODE"
        # The server's clock: a thread that is late to read the answer did not wait for the table.
        clock = "SELECT extract(epoch FROM pg_catalog.clock_timestamp())::float8"
        self._at_once = f"BEGIN; {lock} NOWAIT; ROLLBACK".encode()
        self._waiting = f"{clock}; BEGIN; {lock}; {clock}; ROLLBACK".encode()
        self._refusals: list[_Refusal] = []
        self._refusal: _Refusal | None = None
        self._absent = 0.0
        self._gone = False

    def told(self, began: float, ended: float) -> Wait:
        longest = max(self._refusals, key=lambda each: each.seconds, default=_Refusal(began, began))
        total = sum(each.seconds for each in self._refusals if each.seconds > INTERVAL_S)
        at = max(longest.since - began, 0.0)
        missing = "" if self._tries else self._missing
        return Wait(self.table, self.access, longest.seconds, at, total, self._tries, self._gone, missing=missing)

    def _look(self, connection: psycopg.Connection) -> None:
        self._tries += 1
        asked = time.perf_counter()
        try:
            connection.execute(self._at_once)
        except psycopg.errors.LockNotAvailable:
            connection.rollback()
            self._wait(connection)
        except GONE:
            # A table that is renamed away for a while is as closed as a locked one; one that stays away is not.
            connection.rollback()
            self._begin()
            self._absent, self._gone = asked, True
        else:
            self._end()

    def _look_back(self, connection: psycopg.Connection) -> None:
        if self._refusal is not None:
            self._look(connection)

    def _wait(self, connection: psycopg.Connection) -> None:
        refusal, began = self._begin(), time.perf_counter()
        self._keep(refusal)
        try:
            cursor = connection.execute(self._waiting)
        except GONE:
            refusal.until = time.perf_counter()
            connection.rollback()
            self._gone = True
        except psycopg.OperationalError:
            refusal.until = time.perf_counter()
            raise
        else:
            refusal.until = max(refusal.until, began + _between(cursor))
            self._end()

    def _begin(self) -> _Refusal:
        if self._refusal is None:
            now = time.perf_counter()
            self._refusal = _Refusal(now, now)
        return self._refusal

    def _end(self) -> None:
        if self._refusal is not None:
            self._keep(self._refusal)
        self._refusal, self._gone = None, False

    def _keep(self, refusal: _Refusal) -> None:
        """Counts it; the time for which the table was not there only now that it is there again."""
        refusal.until = max(refusal.until, self._absent)
        if not self._refusals or self._refusals[-1] is not refusal:
            self._refusals.append(refusal)


def _between(cursor: psycopg.Cursor) -> float:
    """The seconds between the two times that the messages' statements tell."""
    times = []
    while True:
        if cursor.description is not None:
            times += [float(row[0]) for row in cursor.fetchall()]
        if not cursor.nextset():
            return times[1] - times[0]
