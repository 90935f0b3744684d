"""No two definitions that mean different things look alike: what a text says is taken apart without a remainder."""

from __future__ import annotations

import itertools
import sqlite3
from contextlib import closing

import pytest

from pytest_cutover.catalog import Catalog, diff
from pytest_cutover.catalog.sqlite import read_sqlite_catalog
from pytest_cutover.sqlite.definitions import parse_table

COLUMNS = [
    "x INTEGER",
    "x INT",
    "x TEXT",
    "x",
    "x INTEGER NOT NULL",
    "x INTEGER NOT NULL ON CONFLICT IGNORE",
    "x INTEGER DEFAULT 1",
    "x INTEGER DEFAULT 2",
    "x INTEGER DEFAULT -1",
    "x INTEGER DEFAULT '1'",
    "x INTEGER DEFAULT (1+1)",
    "x INTEGER DEFAULT NULL",
    "x INTEGER DEFAULT CURRENT_TIMESTAMP",
    "x TEXT COLLATE NOCASE",
    "x TEXT COLLATE RTRIM",
    "x INTEGER UNIQUE",
    "x INTEGER UNIQUE ON CONFLICT REPLACE",
    "x INTEGER CHECK (x > 0)",
    "x INTEGER CHECK (x >= 0)",
    "x INTEGER CHECK (x <> 'a')",
    "x INTEGER CHECK (x <> 'A')",
    "x INTEGER CHECK (x > 0) CHECK (x < 9)",
    "x INTEGER CONSTRAINT c CHECK (x > 0)",
    "x INTEGER REFERENCES o",
    "x INTEGER REFERENCES o (id)",
    "x INTEGER REFERENCES o (k)",
    "x INTEGER REFERENCES p",
    "x INTEGER REFERENCES o ON DELETE CASCADE",
    "x INTEGER REFERENCES o ON DELETE SET NULL",
    "x INTEGER REFERENCES o ON DELETE SET DEFAULT",
    "x INTEGER REFERENCES o ON UPDATE CASCADE",
    "x INTEGER REFERENCES o DEFERRABLE INITIALLY DEFERRED",
    "x INTEGER REFERENCES o NOT DEFERRABLE INITIALLY DEFERRED",
    "x INTEGER REFERENCES o DEFERRABLE",
    "x INTEGER REFERENCES o MATCH FULL",
    "x INTEGER GENERATED ALWAYS AS (id + 1)",
    "x INTEGER GENERATED ALWAYS AS (id + 1) STORED",
    "x INTEGER AS (id + 2)",
    "x INTEGER NOT NULL DEFAULT 1",
    "x INTEGER DEFAULT 1 CHECK (x > 0)",
    "x VARCHAR(20)",
    "x VARCHAR(30)",
    "x DECIMAL(10,2)",
    "x DECIMAL(10,3)",
    "x INTEGER DEFAULT 1 REFERENCES o ON DELETE SET NULL NOT NULL",
]  # fmt: skip
KEYS = [
    "id INTEGER PRIMARY KEY",
    "id INTEGER PRIMARY KEY AUTOINCREMENT",
    "id INTEGER PRIMARY KEY DESC",
    "id INT PRIMARY KEY",
    "id INTEGER PRIMARY KEY ON CONFLICT REPLACE",
    "id INTEGER",
    "id INTEGER CONSTRAINT k PRIMARY KEY",
]  # fmt: skip
TABLE_CONSTRAINTS = [
    ", UNIQUE (id, x)",
    ", UNIQUE (x, id)",
    ", CONSTRAINT u UNIQUE (id, x)",
    ", CHECK (id > x)",
    ", CHECK (id < x)",
    ", FOREIGN KEY (x) REFERENCES o (id) ON DELETE CASCADE",
    ", UNIQUE (id, x COLLATE NOCASE)",
    ", UNIQUE (id, x DESC)",
    ", UNIQUE (id, x) CHECK (id > 3)",
]  # fmt: skip
INDEXES = [
    "CREATE INDEX i ON b (a)",
    "CREATE UNIQUE INDEX i ON b (a)",
    "CREATE INDEX i ON b (a DESC)",
    "CREATE INDEX i ON b (a COLLATE NOCASE)",
    "CREATE INDEX i ON b (a, c)",
    "CREATE INDEX i ON b (c, a)",
    "CREATE INDEX i ON b (a) WHERE a > 0",
    "CREATE INDEX i ON b (a) WHERE a > 1",
    "CREATE INDEX i ON b (lower(a))",
    "CREATE INDEX i ON b (upper(a))",
    "CREATE INDEX i ON b (a + 1)",
    "CREATE INDEX i ON b (a) WHERE c = 'x'",
    "CREATE INDEX i ON b (a) WHERE c = 'X'",
]
VIEWS = [
    "CREATE VIEW v AS SELECT a FROM b",
    "CREATE VIEW v AS SELECT c FROM b",
    "CREATE VIEW v (z) AS SELECT a FROM b",
    "CREATE VIEW v AS SELECT a FROM b WHERE a = 'x'",
    "CREATE VIEW v AS SELECT a FROM b WHERE a = 'X'",
    "CREATE VIEW v AS SELECT -a FROM b",
    "CREATE VIEW v AS SELECT - -a FROM b",
]
TRIGGERS = [
    "CREATE TRIGGER g AFTER INSERT ON b BEGIN SELECT 1; END",
    "CREATE TRIGGER g BEFORE INSERT ON b BEGIN SELECT 1; END",
    "CREATE TRIGGER g AFTER UPDATE ON b BEGIN SELECT 1; END",
    "CREATE TRIGGER g AFTER UPDATE OF a ON b BEGIN SELECT 1; END",
    "CREATE TRIGGER g AFTER INSERT ON b WHEN new.a > 1 BEGIN SELECT 1; END",
    "CREATE TRIGGER g AFTER INSERT ON b BEGIN SELECT 2; END",
    "CREATE TRIGGER g AFTER INSERT ON b BEGIN SELECT 1; SELECT 2; END",
]

TABLES = [
    *(f"CREATE TABLE t (id INTEGER PRIMARY KEY, {column})" for column in COLUMNS),
    *(f"CREATE TABLE t ({key}, x INTEGER)" for key in KEYS[1:]),
    *(f"CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER{more})" for more in TABLE_CONSTRAINTS),
    *(f"CREATE TABLE t (id INTEGER PRIMARY KEY, x INTEGER) {option}" for option in ("STRICT", "WITHOUT ROWID")),
    "CREATE TABLE t (x INTEGER, id INTEGER PRIMARY KEY)",
]


def _catalog(sql: str) -> Catalog:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute("CREATE TABLE b (a, c)")
        connection.execute(sql)
        return read_sqlite_catalog(connection)


@pytest.mark.parametrize("texts", [TABLES, INDEXES, VIEWS, TRIGGERS], ids=["tables", "indexes", "views", "triggers"])
def test_what_differs_looks_different(texts: list[str]) -> None:
    """Every pair of definitions is told apart, and each is like itself."""
    catalogs = [(text, _catalog(text)) for text in texts]

    alike = [(a, b) for (a, one), (b, other) in itertools.combinations(catalogs, 2) if not diff(one, other)]

    assert alike == []
    assert all(not diff(one, _catalog(text)) for text, one in catalogs)


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("CREATE TABLE t (x INTEGER)", "create table if not exists \"t\" (\n  [x] INTEGER -- a comment\n)"),
        ("CREATE TABLE t (x INTEGER)", "CREATE TABLE t (x INTEGER NULL)"),
        ("CREATE TABLE t (x INT DEFAULT (1))", "CREATE TABLE t (x INT DEFAULT 1)"),
        ("CREATE TABLE t (x INT REFERENCES o (id))", "CREATE TABLE t (x INT, FOREIGN KEY (x) REFERENCES o(id))"),
    ],
)  # fmt: skip
def test_what_is_the_same_looks_alike(left: str, right: str) -> None:
    """Spelling is no difference."""
    assert not diff(_catalog(left), _catalog(right))


def test_a_check_of_a_column_says_what_one_of_the_table_says() -> None:
    """They are called differently, and compared by what they say."""
    texts = "CREATE TABLE t (x INT, CHECK (x > 0 AND x <> 'a'))", "CREATE TABLE t (x INT check( x>0 and x<>'a' ))"

    definitions = [[each.definition for each in parse_table(text).constraints] for text in texts]

    assert definitions == [["CHECK (x > 0 AND x <> 'a')"]] * 2
