"""How a kind asks databases: refusals by the server become findings, expensive questions are not asked of `before`."""

from __future__ import annotations

import time
from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

from pytest_cutover.criteria.base import Kind
from pytest_cutover.database import Database
from pytest_cutover.errors import NoBaseline, NotChecked, QueryError
from pytest_cutover.finding import EVIDENCE_ROWS, Evidence, Finding
from pytest_cutover.names import nearest

CHEAP_S = 0.25
"""A question that took longer on `after` is not asked of `before`, and one asked there is cut off after this."""

_MAY_NOT = "42501"
_CANCELLED = "57014"
_RAISED = "P0001"
_SERVER_GAVE_UP = ("08", "40", "53", "55", "57", "58", "XX")
"""SQLSTATE classes that say nothing of the criterion: connection, conflict, resources, locks, operator, system,
internal."""
_SESSION_ENDED = ("25P03", "25P04")


class DatabaseKind(Kind):
    """A kind that is decided by asking the databases before and after the migration."""

    ASKS_ROWS_BEFORE: ClassVar[bool] = True
    """False where the schema and the row counts of before are all that it asks for: what a baseline holds."""

    def check(self, before: Database, after: Database) -> Finding:
        """Finds whether the criterion holds in `after`.

        Raises:
            NotChecked: it cannot be decided, for instance because nothing is there that it could be decided on.
        """
        if self.ASKS_ROWS_BEFORE:
            before = before.for_rows()
        try:
            finding = self.find(before, after)
        except NoBaseline:
            raise
        except QueryError as error:
            return refused(error)
        return finding if before.known else replace(finding, before="", held_before=None)

    @abstractmethod
    def find(self, before: Database, after: Database) -> Finding:
        """Finds whether the criterion holds; a `QueryError` that is raised here is dealt with by `check`."""


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
    found = database.fetch(sql, keep)
    return Answer(found.columns, tuple(found.rows), found.total, found.keys, time.perf_counter() - began)


def refused(error: QueryError) -> Finding:
    """The finding where the server refused the question.

    Raises:
        NotChecked: the refusal says nothing of the criterion.
    """
    state = error.sqlstate or ""
    undecided = no_answer(state, str(error))
    if undecided:
        raise NotChecked(undecided)
    return Finding(False, f"cannot be asked: {told(error)} (SQLSTATE {state})", actual=f"an error (SQLSTATE {state})")


def no_answer(state: str, message: str) -> str:
    """Why a refusal with this SQLSTATE says nothing of the criterion; empty where it does."""
    if state == _MAY_NOT:
        return f"may not be read: {message}"
    if state[:2] in _SERVER_GAVE_UP or state in _SESSION_ENDED or not state:
        return f"the server gave no answer: {message}"
    return ""


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
        with before.time_limit(CHEAP_S):
            return question(before)
    except QueryError as error:
        return None, "not asked: it takes too long" if timed_out(error) else told(error)


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
