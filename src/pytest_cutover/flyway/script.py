"""Whether a migration runs in a transaction: what its statements and settings say.

As Flyway's PostgreSQLParser (which statements PostgreSQL refuses in a transaction, as far as Flyway knows them) and
ParserSqlScript (one migration may not mix both kinds unless `mixed` is set).
"""

from __future__ import annotations

import re

import postgast

from pytest_cutover.flyway.files import FlywayError, Migration
from pytest_cutover.flyway.settings import Settings
from pytest_cutover.migrate.script import Statement

# What Flyway does not list here (DETACH PARTITION CONCURRENTLY, REINDEX INDEX CONCURRENTLY) it sends inside a
# transaction, and the server refuses it: so it is here, too.
_OUTSIDE = re.compile(
    r"(CREATE|DROP) (DATABASE|TABLESPACE|SUBSCRIPTION)\b|ALTER SYSTEM\b|(CREATE|DROP)( UNIQUE)? INDEX CONCURRENTLY\b"
    r"|REINDEX( VERBOSE)? (SCHEMA|DATABASE|SYSTEM)\b|VACUUM\b|DISCARD ALL\b"
)
_CONCURRENTLY = re.compile(r"(CREATE|DROP)( UNIQUE)? INDEX CONCURRENTLY\b|REINDEX .*CONCURRENTLY\b")
_ADD_VALUE = re.compile(r"ALTER TYPE .* ADD VALUE\b")
_ADD_VALUE_IN_TRANSACTION_SINCE = 12
_WORDS = 12


def runs_outside(statement: str, major: int) -> bool:
    """True for a statement that Flyway runs outside of a transaction on this major version of PostgreSQL."""
    words = _first_words(statement)
    if major < _ADD_VALUE_IN_TRANSACTION_SINCE and _ADD_VALUE.match(words):
        return True
    return _OUTSIDE.match(words) is not None


def waits_for_transactions(statement: str) -> bool:
    """True for a statement that ends only after every transaction that is open beside it."""
    return _CONCURRENTLY.match(_first_words(statement)) is not None


def in_transaction(migration: Migration, statements: list[Statement], settings: Settings, major: int) -> bool:
    """True where Flyway runs the migration in a transaction.

    Raises:
        FlywayError: it mixes statements that can and cannot, and `mixed` is false.
    """
    outside = [runs_outside(each.text, major) for each in statements]
    if any(outside) and not all(outside) and not settings.mixed:
        number = next(i for i in range(1, len(outside)) if outside[i] != outside[0])
        raise FlywayError(
            "Detected both transactional and non-transactional statements within the same migration (even though mixed "
            f"is false). Offending statement found at {migration.script}:{statements[number].line}: "
            f"{statements[number].summary}{' [non-transactional]' if outside[number] else ''}"
        )
    if migration.in_transaction is not None:
        return migration.in_transaction
    return settings.execute_in_transaction and not any(outside)


def _first_words(statement: str) -> str:
    """The first words in upper case, without comments."""
    raw = statement.encode()
    words = []
    for token in postgast.scan(statement).tokens:
        if postgast.pg_query_pb2.Token.Name(token.token) in ("SQL_COMMENT", "C_COMMENT"):
            continue
        words.append(raw[token.start : token.end].decode().upper())
        if len(words) == _WORDS:
            break
    return " ".join(words)
