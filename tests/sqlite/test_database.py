"""A view of a SQLite database only reads, and says in SQLSTATEs why something was refused."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from pytest_cutover.errors import QueryError
from pytest_cutover.sql import Statement
from tests.sqlite.conftest import Pair

TABLE = """
CREATE TABLE t (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, n INTEGER CHECK (n > 0), u INTEGER REFERENCES t (id));
INSERT INTO t VALUES (1, 'a', 1, NULL), (2, 'b', 2, 1);
CREATE VIEW v AS SELECT name FROM t;
CREATE TRIGGER no_c BEFORE INSERT ON t WHEN new.name = 'c' BEGIN SELECT raise(ABORT, 'c is a secret'); END;
"""


@pytest.mark.parametrize(
    "sql",
    [
        "DELETE FROM t", "INSERT INTO t (name) VALUES ('x')", "UPDATE t SET n = 3", "CREATE TABLE u (a)",
        "CREATE TEMP TABLE u (a)", "DROP TABLE t", "ATTACH ':memory:' AS other", "DETACH main", "PRAGMA query_only = OFF",
        "PRAGMA user_version = 9", "PRAGMA journal_mode = WAL", "PRAGMA writable_schema = ON", "VACUUM", "REINDEX", "ANALYZE",
        "SELECT load_extension('x')", "PRAGMA wal_checkpoint", "BEGIN", "SAVEPOINT s", "VACUUM INTO 'copy.db'",
    ],
)  # fmt: skip
def test_nothing_but_reading_is_possible(migrated: Callable[..., Pair], sql: str) -> None:
    """What slips through the reading of a plan is refused by SQLite itself."""
    view = migrated(TABLE).before
    before = view.target.path.read_bytes()

    with pytest.raises(QueryError):
        view.query(sql)

    assert view.target.path.read_bytes() == before
    assert sorted(os.listdir(view.target.path.parent)) == ["data.db"]
    assert view.count("t") == 2


def test_reading_is(migrated: Callable[..., Pair]) -> None:
    """Queries, views, counts and what SQLite tells of itself."""
    view = migrated(TABLE).before

    assert view.scalar('SELECT "name" FROM t WHERE id = ?', (2,)) == "b"
    assert view.query("SELECT name AS given FROM v ORDER BY 1").columns == ("given",)
    assert view.count("v") == 2
    assert view.scalar("SELECT integrity_check FROM pragma_integrity_check") == "ok"
    assert view.query("PRAGMA foreign_key_check").rows == []
    assert view.scalar("SELECT count(*) FROM json_each('[1, 2]')") == 2
    assert view.scalar("SELECT user_version FROM pragma_user_version") == 0


def test_frames_and_engines_read(migrated: Callable[..., Pair]) -> None:
    """A plain check may use pandas and SQLAlchemy, and neither can write."""
    import sqlalchemy

    view = migrated(TABLE).before

    assert list(view.frame("SELECT name FROM t ORDER BY id")["name"]) == ["a", "b"]
    with view.engine.connect() as connection, pytest.raises(sqlalchemy.exc.DatabaseError):
        connection.execute(sqlalchemy.text("DELETE FROM t"))
    assert view.count("t") == 2


def test_a_misspelt_quoted_column_is_an_error(migrated: Callable[..., Pair]) -> None:
    """SQLite alone would take it for a text, which is never NULL."""
    with pytest.raises(QueryError, match="no such column") as caught:
        migrated(TABLE).before.query('SELECT count(*) FROM t WHERE "nmae" IS NULL')

    assert caught.value.sqlstate == "42703"


def test_a_query_is_cut_off_in_time(migrated: Callable[..., Pair]) -> None:
    """The limit holds for the statements within it, and not behind it."""
    view = migrated(TABLE).before
    endless = "WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT count(*) FROM n"

    with pytest.raises(QueryError) as caught, view.time_limit(0.05):
        view.query(endless)

    assert caught.value.sqlstate == "57014"
    assert view.count("t") == 2


@pytest.mark.parametrize(
    ("sql", "state"),
    [
        ("INSERT INTO t (name) VALUES ('a')", "23505"),
        ("INSERT INTO t (id, name) VALUES (1, 'z')", "23505"),
        ("INSERT INTO t (name) VALUES (NULL)", "23502"),
        ("INSERT INTO t (name, n) VALUES ('z', 0)", "23514"),
        ("INSERT INTO t (name) VALUES ('c')", "P0001"),
        ("INSERT INTO t (nmae) VALUES ('c')", "42703"),
        ("INSERT INTO u (name) VALUES ('c')", "42P01"),
        ("INSERT INTO t (id, name) VALUES ('x', 'c')", "22P02"),
    ],
)
def test_refusals_have_their_sqlstate(migrated: Callable[..., Pair], sql: str, state: str) -> None:
    """`rejects` names a reason in the same words on both engines."""
    view = migrated(TABLE).after

    with pytest.raises(QueryError) as caught, view.trial() as trial:
        trial.run(Statement(sql, "InsertStmt"))

    assert caught.value.sqlstate == state


def test_a_trial_is_undone(migrated: Callable[..., Pair]) -> None:
    """It says how many rows were touched, works on a copy, and starts from the same each time."""
    view = migrated(TABLE).after
    delete, foreign = (
        Statement("DELETE FROM t WHERE id = 2", "DeleteStmt"),
        Statement("PRAGMA foreign_keys = on", "PragmaStmt"),
    )

    for _ in range(2):
        with view.trial() as trial:
            assert trial.run(foreign) is None
            assert trial.run(delete) == 1
            trial.check_deferred()

    assert view.count("t") == 2


def test_foreign_keys_count_only_where_the_application_has_them_on(migrated: Callable[..., Pair]) -> None:
    """SQLite enforces none by itself: a plan says first what the application says."""
    view = migrated(TABLE.replace("REFERENCES t (id)", "REFERENCES t (id) DEFERRABLE INITIALLY DEFERRED")).after
    foreign, insert = Statement("PRAGMA foreign_keys = on", "PragmaStmt"), Statement("UPDATE t SET u = 7", "UpdateStmt")

    with view.trial() as trial:
        assert trial.run(insert) == 2
        trial.check_deferred()
    with pytest.raises(QueryError) as caught, view.trial() as trial:
        trial.run(foreign)
        trial.run(insert)
        trial.check_deferred()

    assert caught.value.sqlstate == "23503"


def test_a_full_text_index_is_read(migrated: Callable[..., Pair]) -> None:
    """A virtual table can be asked, and what it holds is in the tables that it keeps."""
    pair = migrated(
        "CREATE VIRTUAL TABLE notes USING fts5 (body); INSERT INTO notes VALUES ('one two'), ('three');",
        "UPDATE notes SET body = 'four' WHERE rowid = 2",
    )

    assert pair.after.scalar("SELECT count(*) FROM notes WHERE notes MATCH 'four'") == 1
    assert pair.after.catalog.tables["notes"].options == ("USING fts5(body)",)
    assert "notes_content" in {each.table for each in pair.before.differences_to(pair.after, {}) if each}


def test_a_violated_check_is_seen(migrated: Callable[..., Pair]) -> None:
    """Of a file opened for reading alone SQLite would say that it is whole."""
    view = migrated(TABLE, "PRAGMA ignore_check_constraints = on; UPDATE t SET n = 0 WHERE id = 1;").after

    assert view.scalar("SELECT integrity_check FROM pragma_integrity_check") == "CHECK constraint failed in t"
    with pytest.raises(QueryError):
        view.query("DELETE FROM t -- integrity_check")
    assert view.count("t") == 2


@pytest.mark.parametrize(
    ("sql", "keys"),
    [
        ("SELECT id, name FROM t", (0,)),
        ("SELECT * FROM t WHERE n > 0 ORDER BY 1", (0,)),
        ("SELECT name, id FROM t -- id", (1,)),
        ("SELECT name id FROM t", ()),
        ("SELECT name AS id FROM t", ()),
        ("SELECT id FROM (SELECT name id FROM t)", ()),
        ("WITH w AS (SELECT name id FROM t) SELECT id FROM w", ()),
        ("SELECT a.id FROM t a JOIN t b ON a.id = b.u", ()),
        ("SELECT name, count(*) FROM t GROUP BY name", ()),
        ("SELECT id FROM t UNION SELECT name FROM t", ()),
    ],
)
def test_only_a_key_is_taken_for_one(migrated: Callable[..., Pair], sql: str, keys: tuple[int, ...]) -> None:
    """What is called like a key may be a value, and a report shows keys."""
    assert migrated(TABLE).before.fetch(sql, 5).keys == keys
