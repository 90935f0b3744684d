"""SQL steps on SQLite: statement by statement, as its shell would run the file."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from pytest_cutover.migrate.result import StepRun
from pytest_cutover.migrate.sqlite import run_sqlite
from pytest_cutover.sqlite.connection import SqliteTarget


@pytest.fixture
def target(tmp_path: Path) -> SqliteTarget:
    """A database with one table."""
    path = tmp_path / "data.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(
            "CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT UNIQUE); INSERT INTO t VALUES (1, 'a');"
        )
    return SqliteTarget(path)


def _run(target: SqliteTarget, text: str | bytes) -> StepRun:
    path = target.path.with_name("01.sql")
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return run_sqlite(path, "01.sql", target, None)


def _names(target: SqliteTarget) -> list[str]:
    with closing(target.connect(read_only=True)) as connection:
        return [name for (name,) in connection.execute("SELECT name FROM t ORDER BY id").fetchall()]


def test_each_statement_commits_by_itself(target: SqliteTarget) -> None:
    """What went through before the error stays, as with the shell; the error has its place."""
    run = _run(
        target, "INSERT INTO t VALUES (2, 'b');\n\n-- a comment\nINSERT INTO t VALUES (3, 'a');\nDELETE FROM t;\n"
    )

    assert run.outcome == "failed"
    assert str(run.error) == (
        "01.sql:4: UNIQUE constraint failed: t.name (SQLSTATE 23505)\n    INSERT INTO t VALUES (3, 'a')"
    )
    assert _names(target) == ["a", "b"]
    assert [(each.line, each.tag) for each in run.statements] == [(1, "INSERT 1")]


def test_the_files_own_transaction_is_honoured(target: SqliteTarget) -> None:
    """All of it is committed together, or nothing."""
    assert _run(target, "BEGIN;\nINSERT INTO t VALUES (2, 'b');\nCOMMIT;").outcome == "ok"
    assert _run(target, "BEGIN;\nDELETE FROM t;\nINSERT INTO t VALUES (2, 'b', 'c');\nCOMMIT;").outcome == "failed"

    assert _names(target) == ["a", "b"]


def test_an_open_transaction_at_the_end_is_an_error(target: SqliteTarget) -> None:
    """Nobody commits it: its work is lost, and the step failed."""
    run = _run(target, "BEGIN;\nDELETE FROM t;\n")

    assert "the file ends inside a transaction that nothing commits" in str(run.error)
    assert _names(target) == ["a"]


def test_a_trigger_is_one_statement(target: SqliteTarget) -> None:
    """The semicolons of its body do not end it."""
    run = _run(
        target,
        "CREATE TRIGGER g AFTER INSERT ON t BEGIN UPDATE t SET name = CASE WHEN 1 THEN upper(name) END; SELECT 1; END;\n"
        "INSERT INTO t VALUES (2, 'b');",
    )

    assert run.outcome == "ok" and len(run.statements) == 2
    assert _names(target) == ["A", "B"]


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("-- nothing\n", "the file holds no statement"),
        ("SELECT 'open;\n", "01.sql:1: it is not SQL: ' is not closed"),
        (".read other.sql\n", "a command of the shell is not SQL"),
        (b"\xff\xfeS\x00", "is not UTF-8"),
        ("INSERT INTO t VALUES (2, 'b')\nINSERT INTO t VALUES (3, 'c');", 'near "INSERT": syntax error'),
        ("SELECT 1;\nSELECT no();", "01.sql:2: no such function: no"),
    ],
)
def test_what_cannot_run_is_told(target: SqliteTarget, text: str | bytes, told: str) -> None:
    """The file, the line and the reason."""
    run = _run(target, text)

    assert run.outcome == "failed"
    assert told in str(run.error)


def test_the_log_of_a_database_in_wal_mode_is_gone_behind_the_step(target: SqliteTarget) -> None:
    """The step's session is closed, so that what follows finds one file."""
    assert _run(target, "PRAGMA journal_mode = wal; INSERT INTO t VALUES (2, 'b');").outcome == "ok"

    assert not target.path.with_name("data.db-wal").exists()
    assert _names(target) == ["a", "b"]
