"""Runs an SQL file on a SQLite database as its shell would: statement by statement, stopped by the first error."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from pytest_cutover.migrate.result import StatementRun, StepError, StepRun
from pytest_cutover.sqlite.connection import SqliteTarget, sqlstate
from pytest_cutover.sqlite.tokens import Piece, statements

_SUMMARY_LENGTH = 100


def run_sqlite(
    path: Path, name: str, target: SqliteTarget, budget: float | None, before_each: Callable[[int], None] | None = None
) -> StepRun:
    """Runs the file on a connection of its own. Each statement outside of its own BEGIN … COMMIT commits by itself.

    `before_each` is called before each statement with its number, counted from 0.
    """
    ran: list[StatementRun] = []
    began = time.perf_counter()

    def finish(error: StepError | None) -> StepRun:
        outcome = "ok" if error is None else "failed"
        return StepRun(name, outcome, time.perf_counter() - began, budget, error, tuple(ran))

    try:
        text = path.read_bytes().decode("utf-8-sig")
        pieces = list(statements(text))
    except UnicodeDecodeError as error:
        return finish(StepError(f"{path.name} is not UTF-8 (byte {error.start})", file=path.name))
    except ValueError as error:
        place, _, what = str(error).partition(": ")
        return finish(StepError(f"it is not SQL: {what}", "42601", path.name, int(place.removeprefix("line "))))
    if not pieces:
        return finish(StepError("the file holds no statement", file=path.name, line=1))
    line, current = 1, pieces[0]
    try:
        with closing(target.connect()) as connection:
            for number, current in enumerate(pieces):
                line = text.count("\n", 0, current.start) + 1
                if current.tokens[0].text == ".":
                    shell = "a command of the shell is not SQL; run the file with sqlite3 in a `command` step"
                    return finish(StepError(shell, "42601", path.name, line, _summary(current)))
                if before_each is not None:
                    before_each(number)
                started = time.perf_counter()
                cursor = connection.execute(current.text)
                cursor.fetchall()
                seconds = time.perf_counter() - started
                touched = f" {cursor.rowcount}" if cursor.rowcount >= 0 else ""
                tag = f"{current.tokens[0].text.upper()}{touched}"
                ran.append(StatementRun(path.name, line, _summary(current), tag, seconds))
            if connection.in_transaction:
                connection.execute("ROLLBACK")
                lost = "the file ends inside a transaction that nothing commits: its work is lost"
                return finish(StepError(lost, None, path.name, line, _summary(current)))
    except (sqlite3.Error, sqlite3.Warning) as error:
        state = sqlstate(error) if isinstance(error, sqlite3.Error) else None
        return finish(StepError(str(error), state, path.name, line, _summary(current)))
    return finish(None)


def _summary(piece: Piece) -> str:
    flat = " ".join(piece.text.split())
    return flat if len(flat) <= _SUMMARY_LENGTH else flat[: _SUMMARY_LENGTH - 1] + "…"
