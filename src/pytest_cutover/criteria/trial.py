"""Statements tried on a copy of the migrated database, in a transaction that is always undone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_cutover.criteria.checking import rows
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked, QueryError
from pytest_cutover.sql import Statement

TRIAL_LIMIT_S = 60

_SAYS_NOTHING = ("08", "40", "53", "55", "57", "58", "XX")
"""SQLSTATE classes of a server that could not answer: neither accepted nor rejected."""


@dataclass(frozen=True)
class Refusal:
    """An error of the server: its SQLSTATE, its message without row values, the statement's number from 1.

    `deferred` is true where all statements passed and a deferred constraint was violated at the end.
    """

    sqlstate: str
    message: str
    number: int
    deferred: bool = False

    def __str__(self) -> str:
        return f"{self.message} (SQLSTATE {self.sqlstate})"


@dataclass(frozen=True)
class Outcome:
    """What became of the statements: the refusal that stopped them, or the rows that each touched (None: not its kind)."""

    refusal: Refusal | None
    touched: tuple[int | None, ...]

    @property
    def untouched(self) -> int | None:
        """The number from 1 of the first statement that passed without touching a row."""
        return next((number for number, count in enumerate(self.touched, 1) if count == 0), None)


def attempt(database: Database, statements: Sequence[Statement], role: str | None) -> Outcome:
    """Runs the statements as the role, checks deferred constraints, and undoes everything.

    Raises:
        NotChecked: the server could not answer, for instance because a statement took too long.
        QueryError: there is no such role.
    """
    touched: list[int | None] = []
    with database.trial(role, TRIAL_LIMIT_S) as trial:
        try:
            for statement in statements:
                touched.append(trial.run(statement))
            trial.check_deferred()
        except QueryError as error:
            return Outcome(_refusal(error, len(touched), len(statements)), tuple(touched))
    return Outcome(None, tuple(touched))


def _refusal(error: QueryError, passed: int, total: int) -> Refusal:
    state = error.sqlstate or ""
    if not state or state[:2] in _SAYS_NOTHING:
        raise NotChecked(f"the server gave no answer: {error}") from error
    # The text of an exception raised by a function may hold values.
    message = "a function raises an exception" if state == "P0001" else str(error)
    return Refusal(state, message, min(passed + 1, total), deferred=passed == total)


def numbered(number: int, total: int) -> str:
    """`the statement`, or `statement 2 of 3`."""
    return "the statement" if total == 1 else f"statement {number} of {total}"


def touched_rows(count: int | None) -> str:
    """`, touching 2 rows`, or nothing for a statement that has no rows to touch."""
    return "" if count is None else f", touching {rows(count)}"
