"""The statements that the server refuses to an ordinary role: of an SQL file as they run, of a program from the log."""

from __future__ import annotations

import re
import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager

import postgast
import psycopg
from psycopg import sql
from psycopg.pq import TransactionStatus

from pytest_cutover.errors import NotChecked, describe_error
from pytest_cutover.migrate.script import Statement
from pytest_cutover.ordinary.model import Refusal
from pytest_cutover.ordinary.role import OrdinaryRole
from pytest_cutover.target import Target
from pytest_cutover.trace.log import read_messages

INSUFFICIENT_PRIVILEGE = "42501"
_SAVEPOINT = "pytest_cutover_ordinary"
# A savepoint inside of these, or around them, would be another one than the file's.
_OF_TRANSACTION = re.compile(
    r"\s*(BEGIN|START|COMMIT|END|ROLLBACK|ABORT|SAVEPOINT|RELEASE|PREPARE\s+TRANSACTION"
    r"|SET\s+((LOCAL|SESSION)\s+)?(TRANSACTION|CHARACTERISTICS))\b",
    re.IGNORECASE,
)
_LOG_TIMEOUT_S = 10.0
# Terse messages have no SQLSTATE; what a client may not see of a statement is not for the log either.
_LOGGED = {"log_error_verbosity": "verbose", "log_min_error_statement": "error", "log_min_messages": "warning"}
_ERROR = re.compile(rf"{INSUFFICIENT_PRIVILEGE}: (.*)", re.DOTALL)


class Elevating:
    """Runs statements as the role; one that is refused to it is noted, and run by the same role as a superuser.

    So all that behind it is refused is found, too. In a transaction a savepoint ahead of each statement keeps what came
    before. `stopped` says that a statement failed as a superuser's.
    """

    def __init__(self, role: OrdinaryRole) -> None:
        self.refused: list[Refusal] = []
        self.stopped = False
        self._role = role

    def __call__(self, connection: psycopg.Connection, statement: Statement) -> psycopg.Cursor:
        status = connection.info.transaction_status
        inside = status == TransactionStatus.INTRANS or not connection.autocommit
        if inside and _OF_TRANSACTION.match(_without_comments(statement.text)):
            return connection.execute(statement.text.encode())
        if inside:
            connection.execute(f"SAVEPOINT {_SAVEPOINT}".encode())
        try:
            cursor = connection.execute(statement.text.encode())
        except psycopg.errors.InsufficientPrivilege as error:
            place = f"{statement.file}:{statement.line}"
            self.refused.append(Refusal(place, statement.summary, describe_error(error)))
            if inside:
                connection.execute(f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}".encode())
            self.stopped = True
            cursor = self._run_as_superuser(connection, statement, inside=inside)
            self.stopped = False
        if inside:
            connection.execute(f"RELEASE SAVEPOINT {_SAVEPOINT}".encode())
        return cursor

    def _run_as_superuser(
        self, connection: psycopg.Connection, statement: Statement, *, inside: bool
    ) -> psycopg.Cursor:
        with self._role.as_superuser():
            if inside:
                _learn(connection)
            cursor = connection.execute(statement.text.encode())
        if inside:
            _learn(connection)
        return cursor


def _learn(connection: psycopg.Connection) -> None:
    """Makes a session in a transaction learn what others changed of its role: it does so with each new lock."""
    for text in (
        f"SAVEPOINT {_SAVEPOINT}_", "SELECT FROM pg_catalog.pg_ts_parser LIMIT 0",
        f"ROLLBACK TO SAVEPOINT {_SAVEPOINT}_", f"RELEASE SAVEPOINT {_SAVEPOINT}_",
    ):  # fmt: skip
        connection.execute(text.encode())


def _without_comments(text: str) -> str:
    tokens = postgast.scan(text).tokens
    comments = {"SQL_COMMENT", "C_COMMENT"}
    first = next((each for each in tokens if postgast.pg_query_pb2.Token.Name(each.token) not in comments), None)
    return text if first is None else text.encode()[first.start :].decode()


@contextmanager
def logged(role: OrdinaryRole, target: Target, program: str) -> Iterator[list[Refusal]]:
    """What is refused to sessions of the role in the target's database meanwhile; nothing where the log is not ours to read.

    Raises:
        NotChecked: the log does not come.
        SandboxError: the server failed.
    """
    found: list[Refusal] = []
    server = role.server
    try:
        position = server.log_position()
        if position is None:
            yield found
            return
        database = sql.Identifier(target.database)
        with target.connect() as connection:
            for name, value in _LOGGED.items():
                connection.execute(
                    sql.SQL("ALTER DATABASE {} SET {} = {}").format(database, sql.Identifier(name), sql.Literal(value))
                )
        yield found
        token = f"pytest-cutover {secrets.token_hex(8)}"
        with target.connect() as connection:
            connection.execute(f"DO $$ BEGIN RAISE LOG '{token}'; END $$".encode())
            # They would be a difference of this database.
            for name in _LOGGED:
                connection.execute(sql.SQL("ALTER DATABASE {} RESET {}").format(database, sql.Identifier(name)))
    except psycopg.Error as error:
        raise server.failure("could not be asked what it refuses", error) from error
    deadline = time.monotonic() + _LOG_TIMEOUT_S
    while time.monotonic() < deadline:
        lines = list(server.log_lines(position))
        if any(token.encode() in line for line in lines):
            found += _refusals(lines, role.name, program)
            return
        time.sleep(0.05)
    raise NotChecked("the server's log does not hold what the ordinary role was refused")


def _refusals(lines: list[bytes], user: str, program: str) -> Iterator[Refusal]:
    """The refusals in the log's lines, once each."""
    open_: dict[bytes, str] = {}
    seen: set[Refusal] = set()
    for match, text in read_messages(lines):
        pid, severity = match[2], match[6].decode()
        if match[5].decode(errors="replace") != user:
            continue
        if severity == "ERROR" and (error := _ERROR.match(text)):
            open_[pid] = error[1]
        elif severity == "STATEMENT" and pid in open_:
            statement = _without_values(text)
            refusal = Refusal(f"{program}: {statement}", statement, open_.pop(pid))
            if refusal not in seen:
                seen.add(refusal)
                yield refusal
        elif severity == "ERROR":
            open_.pop(pid, None)


def _without_values(text: str) -> str:
    """The statement's first words, with its values left out."""
    try:
        text = postgast.normalize(text)
    except postgast.PgQueryError:
        text = f"{text.split(maxsplit=1)[0]} …" if text.split() else "an empty statement"
    return Statement(text.strip().rstrip(";"), 1).summary
