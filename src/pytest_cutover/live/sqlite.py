"""A live SQLite file: opened for reading alone, each question a read of its own."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, ClassVar

from pytest_cutover.database import Fetched, Rows
from pytest_cutover.errors import NotChecked, QueryError
from pytest_cutover.live import limits
from pytest_cutover.plan.values import format_duration
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.sqlite.database import SqliteDatabase

_CANCELLED = "57014"
_STEPS = 1000


class LiveSqlite(SqliteDatabase):
    """A file that people depend on. There is no snapshot over several questions: it would keep writers waiting."""

    live: ClassVar[bool] = True

    def __init__(self, target: SqliteTarget) -> None:
        super().__init__(replace(target, wait_s=limits.LOCK_S), "live")
        self._deadline = 0.0
        self._limit_at = 0.0
        self._budget = 0.0

    @contextmanager
    def checking(self, name: str, budget_s: float | None = None) -> Iterator[None]:
        """Within it the database answers, for no longer than the budget.

        Raises:
            NotChecked: the file cannot be opened.
        """
        if not self.target.path.is_file():
            raise NotChecked(f"there is no file {self.target.shown}")
        self._budget = min(budget_s or limits.CRITERION_S, limits.SNAPSHOT_S)
        self._deadline = self._limit_at = time.monotonic() + self._budget
        try:
            self.connection.set_progress_handler(lambda: time.monotonic() > self._limit_at, _STEPS)
        except QueryError as error:
            raise NotChecked(f"{self.target.shown} cannot be read: {error}") from error
        try:
            yield
        finally:
            self._deadline = 0.0

    def query(self, sql: str, parameters: Sequence[Any] | None = None) -> Rows:
        with self._asking():
            return super().query(sql, parameters)

    def fetch(self, sql: str, keep: int) -> Fetched:
        with self._asking():
            return super().fetch(sql, keep)

    def drain(self, sql: str) -> None:
        with self._asking():
            super().drain(sql)

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        self._limit_at = min(time.monotonic() + seconds, self._deadline)
        try:
            yield
        finally:
            self._limit_at = self._deadline

    @contextmanager
    def _asking(self) -> Iterator[None]:
        if self._deadline == 0.0:
            raise NotChecked("a live database answers only while a check runs")
        try:
            yield
        except QueryError as error:
            if error.sqlstate == _CANCELLED and time.monotonic() >= self._deadline:
                raise NotChecked(
                    f"it takes longer than {format_duration(self._budget)} on the live database; "
                    f"`budget` of the criterion allows more, up to {format_duration(limits.SNAPSHOT_S)}"
                ) from error
            raise
