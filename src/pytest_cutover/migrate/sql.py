"""Runs an SQL file as `psql --file` would: a session of its own, statement by statement, stopped by the first error."""

from __future__ import annotations

import time
from pathlib import Path

import psycopg
from psycopg.pq import TransactionStatus

from pytest_cutover.errors import describe_error
from pytest_cutover.migrate.result import Notice, StatementRun, StepError, StepRun
from pytest_cutover.migrate.script import Execute, ScriptError, Statement, execute, read_script
from pytest_cutover.target import Target


def run_sql(path: Path, name: str, target: Target, budget: float | None, execute: Execute = execute) -> StepRun:
    """Runs the file against the target. Each statement outside the file's own BEGIN … COMMIT commits by itself."""
    notices: list[Notice] = []
    ran: list[StatementRun] = []
    began = time.perf_counter()

    def finish(error: StepError | None) -> StepRun:
        outcome = "ok" if error is None else "failed"
        return StepRun(name, outcome, time.perf_counter() - began, budget, error, tuple(ran), tuple(notices))

    try:
        statements = read_script(path)
    except ScriptError as error:
        return finish(error.error)
    current = statements[0]

    def keep(diagnostic: psycopg.errors.Diagnostic) -> None:
        severity = diagnostic.severity_nonlocalized or "NOTICE"
        notices.append(Notice(severity, diagnostic.message_primary or "", path.name, current.line))

    try:
        # The session has the server's own settings: pinned ones would read dates unlike production does.
        with target.connect(pinned=False) as connection:
            connection.add_notice_handler(keep)
            for current in statements:
                started = time.perf_counter()
                cursor = execute(connection, current)
                seconds = time.perf_counter() - started
                ran.append(StatementRun(path.name, current.line, current.summary, cursor.statusmessage or "", seconds))
            open_transaction = connection.info.transaction_status != TransactionStatus.IDLE
            if open_transaction:
                connection.rollback()
                lost = "the file ends inside a transaction that nothing commits: its work is lost"
                return finish(StepError(lost, None, path.name, current.line, current.summary))
    except psycopg.Error as error:
        return finish(_explain(error, path.name, current))
    return finish(None)


def _explain(error: psycopg.Error, file: str, statement: Statement) -> StepError:
    position = error.diag.statement_position
    line = statement.line_at(int(position)) if position else statement.line
    return StepError(describe_error(error), error.sqlstate, file, line, statement.summary)
