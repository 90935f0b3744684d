"""How a kind asks databases: refusals by the server become findings, expensive questions are not asked of `before`."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import psycopg
from psycopg.types.string import TextLoader

from pytest_cutover.criteria.base import Kind
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked, QueryError, describe_error
from pytest_cutover.finding import EVIDENCE_ROWS, Evidence, Finding
from pytest_cutover.plan.load import nearest

CHEAP_S = 0.25
"""A question that took longer on `after` is not asked of `before`, and one asked there is cut off after this."""

_MAY_NOT = "42501"
_CANCELLED = "57014"
_RAISED = "P0001"
_SERVER_GAVE_UP = ("08", "53", "57", "58", "XX")
"""SQLSTATE classes that say nothing of the criterion: connection, resources, operator, system, internal."""

_AS_TEXT = ("date", "time", "timetz", "timestamp", "timestamptz", "interval", "json", "jsonb")
"""Types read as PostgreSQL prints them: Python has no value for some of theirs, as infinity."""


class DatabaseKind(Kind):
    """A kind that is decided by asking the databases before and after the migration."""

    def check(self, before: Database, after: Database) -> Finding:
        """Finds whether the criterion holds in `after`.

        Raises:
            NotChecked: it cannot be decided, for instance because nothing is there that it could be decided on.
        """
        try:
            return self.find(before, after)
        except QueryError as error:
            return refused(error)

    def find(self, before: Database, after: Database) -> Finding:
        """Finds whether the criterion holds; a `QueryError` that is raised here is dealt with by `check`."""
        raise NotImplementedError


@dataclass(frozen=True)
class Answer:
    """What a query returned: column names, the first rows, how many there were, and the positions of key columns."""

    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    total: int
    keys: tuple[int, ...]
    seconds: float

    def evidence(self, title: str) -> Evidence:
        """The rows as evidence."""
        return Evidence.of(title, self.columns, self.rows, self.total, [self.columns[i] for i in self.keys])


def ask(database: Database, sql: str, keep: int = EVIDENCE_ROWS) -> Answer:
    """What one SELECT returns, read row by row so that a huge result needs no memory.

    A column is a key where the server says that it comes from a table's primary key.

    Raises:
        QueryError: the server refused it.
    """
    began = time.perf_counter()
    rows: list[tuple[Any, ...]] = []
    total = 0
    columns: tuple[str, ...] = ()
    sources: list[tuple[int, int]] = []
    try:
        with database.connection.cursor() as cursor:
            for name in _AS_TEXT:
                cursor.adapters.register_loader(name, TextLoader)
            for row in cursor.stream(sql.encode()):
                if total == 0 and cursor.pgresult is not None:
                    columns = tuple(column.name for column in cursor.description or ())
                    result = cursor.pgresult
                    sources = [(result.ftable(i), result.ftablecol(i)) for i in range(len(columns))]
                if total < keep:
                    rows.append(tuple(row))
                total += 1
    except psycopg.Error as error:
        raise QueryError(describe_error(error), error.sqlstate) from error
    seconds = time.perf_counter() - began
    return Answer(columns, tuple(rows), total, _key_positions(database, columns, sources), seconds)


def _key_positions(database: Database, columns: Sequence[str], sources: Sequence[tuple[int, int]]) -> tuple[int, ...]:
    if not any(table for table, _ in sources):
        return ()
    primary = database.query("SELECT indrelid, unnest(indkey) FROM pg_catalog.pg_index WHERE indisprimary").rows
    known = {(int(table), int(column)) for table, column in primary}
    seen: set[str] = set()
    found = []
    for position, (name, source) in enumerate(zip(columns, sources, strict=True)):
        # Two columns of one name could not be told apart: the second might hold values.
        if source in known and columns.count(name) == 1 and name not in seen:
            found.append(position)
            seen.add(name)
    return tuple(found)


def refused(error: QueryError) -> Finding:
    """The finding where the server refused the question.

    Raises:
        NotChecked: the refusal says nothing of the criterion.
    """
    state = error.sqlstate or ""
    if state == _MAY_NOT:
        raise NotChecked(f"may not be read: {error}")
    if state[:2] in _SERVER_GAVE_UP or not state:
        raise NotChecked(f"the server gave no answer: {error}")
    return Finding(False, f"cannot be asked: {told(error)} (SQLSTATE {state})", actual="an error")


def told(error: QueryError) -> str:
    """The server's message; that of an exception which a function raises may hold values, so it is left out."""
    return "a function raises an exception" if error.sqlstate == _RAISED else str(error)


def earlier(
    before: Database, took: float, question: Callable[[Database], tuple[bool | None, str]]
) -> tuple[bool | None, str]:
    """Whether the criterion held before and what was there then; not asked where it `took` long on `after`."""
    if took > CHEAP_S:
        return None, "not asked: it takes too long"
    try:
        with time_limit(before, CHEAP_S):
            return question(before)
    except QueryError as error:
        return None, "not asked: it takes too long" if timed_out(error) else told(error)


@contextmanager
def time_limit(database: Database, seconds: float) -> Iterator[None]:
    """Within it each statement is cancelled after this time, with SQLSTATE 57014."""
    database.query(f"SET statement_timeout = {max(int(seconds * 1000), 1)}")
    try:
        yield
    finally:
        database.query("RESET statement_timeout")


def timed_out(error: QueryError) -> bool:
    """True where a time limit cancelled the statement."""
    return error.sqlstate == _CANCELLED


def rows(number: int) -> str:
    """`1 row`, `104,210 rows`."""
    return f"{number:,} row" if number == 1 else f"{number:,} rows"


def have(number: int) -> str:
    """The verb that fits the number of rows."""
    return "has" if number == 1 else "have"


def listed(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return names[0] if len(names) == 1 else ", ".join(names[:-1]) + " and " + names[-1]


def did_you_mean(name: str, known: Sequence[str]) -> str:
    """A closing question with the nearest known name, or nothing."""
    return nearest(name, known).replace(" Did", "; did")
