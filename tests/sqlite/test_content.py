"""What SQLite tables hold is compared exactly, by type and value, and every row is accounted for."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import closing

import pytest

from pytest_cutover.content import RowDifferences, differing_tables
from pytest_cutover.ledger import read_ledger
from pytest_cutover.plan.model import Changes
from pytest_cutover.sqlite.database import SqliteDatabase
from tests.sqlite.conftest import Pair

ROWS = """
CREATE TABLE t (id INTEGER PRIMARY KEY, a, b TEXT);
INSERT INTO t VALUES (1, 1, 'x'), (2, 1.5, 'y'), (3, NULL, 'z'), (4, 'text', NULL), (5, x'00ff', ''), (6, 9007199254740993, 'ü');
"""
WITHOUT_KEY = "CREATE TABLE t (a, b TEXT); INSERT INTO t VALUES (1, 'x'), (2, 'y'), (2, 'y'), (3, NULL);"


def _differences(pair: Pair) -> RowDifferences:
    found = differing_tables(pair.before, pair.after)
    assert len(found) == 1, found
    assert (pair.before.contents != pair.after.contents) is bool(found[0])
    return found[0]


@pytest.mark.parametrize("before", [ROWS, WITHOUT_KEY])
def test_a_copy_holds_the_same(migrated: Callable[..., Pair], before: str) -> None:
    """Nothing differs where nothing was done."""
    pair = migrated(before, "VACUUM;")

    assert differing_tables(pair.before, pair.after) == []
    assert pair.before.contents == pair.after.contents


@pytest.mark.parametrize(
    "change",
    [
        "UPDATE t SET a = 1.0 WHERE id = 1", "UPDATE t SET a = '1' WHERE id = 1", "UPDATE t SET a = x'31' WHERE id = 1",
        "UPDATE t SET a = 0 WHERE id = 3", "UPDATE t SET a = '' WHERE id = 3", "UPDATE t SET a = 'Text' WHERE id = 4",
        "UPDATE t SET a = 'text ' WHERE id = 4", "UPDATE t SET a = CAST(a AS BLOB) WHERE id = 4",
        "UPDATE t SET a = 9007199254740992 WHERE id = 6", "UPDATE t SET a = 1.5000000000000002 WHERE id = 2",
        "UPDATE t SET a = 'a' || char(0) || 'b' WHERE id = 4", "UPDATE t SET a = NULL WHERE id = 5",
    ],
)  # fmt: skip
def test_one_changed_value_is_found(migrated: Callable[..., Pair], change: str) -> None:
    """A value that only looks the same is another one: its type counts."""
    found = _differences(migrated(ROWS, change))

    assert (found.changed, found.columns) == (1, {"a": 1})
    assert found.key == ("id",)
    assert found.changed_keys == found.column_keys["a"] and len(found.changed_keys) == 1


def test_values_swapped_between_rows_are_found(migrated: Callable[..., Pair]) -> None:
    """The columns hold the same values as before, but not in the same rows."""
    found = _differences(migrated(ROWS, "UPDATE t SET b = CASE id WHEN 1 THEN 'y' ELSE 'x' END WHERE id IN (1, 2)"))

    assert found.columns == {"b": 2}
    assert found.column_keys["b"] == ((1,), (2,))


def test_added_and_deleted_rows_are_named(migrated: Callable[..., Pair]) -> None:
    """Each kind of difference has its count and its keys."""
    found = _differences(migrated(ROWS, "DELETE FROM t WHERE id < 3; INSERT INTO t VALUES (9, 1, 'new')"))

    assert (found.before, found.after, found.added, found.deleted, found.changed) == (6, 5, 1, 2, 0)
    assert (found.added_keys, found.deleted_keys) == (((9,),), ((1,), (2,)))


def test_a_key_written_otherwise_is_a_change(migrated: Callable[..., Pair]) -> None:
    """A key that sorts letters alike finds its row, and the other spelling is told."""
    pair = migrated(
        "CREATE TABLE t (name TEXT NOT NULL PRIMARY KEY COLLATE NOCASE); INSERT INTO t VALUES ('a'), ('b');",
        "UPDATE t SET name = 'A' WHERE name = 'a'",
    )

    found = _differences(pair)

    assert (found.changed, found.columns) == (1, {"name": 1})


def test_a_key_that_holds_null_is_none(migrated: Callable[..., Pair]) -> None:
    """SQLite lets a primary key be NULL, several times: such rows are told apart by their place."""
    pair = migrated(
        "CREATE TABLE t (code TEXT PRIMARY KEY, a); INSERT INTO t VALUES (NULL, 1), (NULL, 2), ('x', 3);",
        "UPDATE t SET a = 5 WHERE a = 2",
    )

    found = _differences(pair)

    assert (found.key, found.changed, found.columns) == (("rowid",), 1, {"a": 1})


def test_a_table_without_a_key_goes_by_its_rowids_where_these_hold(migrated: Callable[..., Pair]) -> None:
    """An UPDATE leaves each row in its place, so one changed value is one changed value."""
    found = _differences(migrated(WITHOUT_KEY, "UPDATE t SET b = 'w' WHERE a = 1"))

    assert (found.key, found.added, found.deleted, found.columns) == (("rowid",), 0, 0, {"b": 1})


def test_a_table_made_anew_is_compared_as_a_bag(migrated: Callable[..., Pair]) -> None:
    """New rowids say nothing; that one row is gone does."""
    pair = migrated(
        WITHOUT_KEY,
        "CREATE TABLE new (a, b TEXT); INSERT INTO new SELECT * FROM t WHERE a <> 1 ORDER BY a DESC;"
        "DROP TABLE t; ALTER TABLE new RENAME TO t;",
    )

    found = _differences(pair)

    assert (found.keyed, found.added, found.deleted, found.changed) == (False, 0, 1, 0)
    assert "as a bag" in found.summary


def test_how_often_a_row_is_there_counts(migrated: Callable[..., Pair]) -> None:
    """A doubled row and a lost twin are differences of a bag."""
    pair = migrated(
        WITHOUT_KEY,
        "CREATE TABLE new (a, b TEXT); INSERT INTO new SELECT DISTINCT a, b FROM t ORDER BY a DESC;"
        "DROP TABLE t; ALTER TABLE new RENAME TO t;",
    )

    assert _differences(pair).deleted == 1


def test_a_table_of_one_side_is_told(migrated: Callable[..., Pair]) -> None:
    """A new table and one that is gone are differences with all their rows."""
    pair = migrated(ROWS, "CREATE TABLE u AS SELECT * FROM t; DROP TABLE t;")

    found = differing_tables(pair.before, pair.after)

    assert [(each.table, each.only_in, each.summary) for each in found] == [
        ("t", "before", "gone, with 6 rows"), ("u", "after", "new, with 6 rows"),
    ]  # fmt: skip


def test_the_ledger_names_what_is_not_declared(migrated: Callable[..., Pair]) -> None:
    """Kept, changed, added and deleted rows balance, and every undeclared change is a violation."""
    pair = migrated(ROWS, "UPDATE t SET a = 0, b = 'q' WHERE id < 3; DELETE FROM t WHERE id = 6;")
    declared = Changes.model_validate({"rows": {"t": {"changed": ["a"]}}})

    ledger = read_ledger(pair.before, pair.after, declared)

    books = ledger.tables["t"]
    assert (books.before, books.after, books.changed, books.deleted, books.kept) == (6, 5, 2, 1, 3)
    assert len(ledger.violations) == 2
    assert "2 values of the column b changed, which is not declared" in "".join(ledger.violations)


def test_rows_in_the_write_ahead_log_count(migrated: Callable[..., Pair]) -> None:
    """What is committed is there, wherever SQLite keeps it."""
    pair = migrated(f"PRAGMA journal_mode = wal; {ROWS}", "INSERT INTO t VALUES (7, 1, 'late')")

    assert pair.after.catalog.others["setting:journal_mode"].attributes == (("value", "wal"),)
    assert _differences(pair).added == 1


def test_texts_that_are_no_utf8_are_compared(migrated: Callable[..., Pair]) -> None:
    """SQLite keeps any bytes as text."""
    broken = "CREATE TABLE t (id INTEGER PRIMARY KEY, a TEXT); INSERT INTO t VALUES (1, CAST(x'ff41' AS TEXT));"
    pair = migrated(broken, "UPDATE t SET a = CAST(x'fe41' AS TEXT)")

    assert _differences(pair).columns == {"a": 1}


VALUES = [
    None,
    0,
    1,
    2**53,
    2**53 + 1,
    -1,
    0.5,
    1.0,
    1e300,
    "",
    "1",
    "a",
    "A",
    "1.0",
    "ä",
    b"",
    b"1",
    b"a",
    "a\0b",
    "NULL",
]


@pytest.mark.parametrize("seed", range(12))
def test_random_changes_are_counted_as_python_counts_them(migrated: Callable[..., Pair], seed: int) -> None:
    """Whatever the types, and with keys of one and two columns."""
    chance = random.Random(seed)
    key = "PRIMARY KEY (k)" if seed % 3 else "PRIMARY KEY (k, j)"
    affinity = chance.choice(["", "TEXT", "NUMERIC"])
    create = f"CREATE TABLE t (k INTEGER NOT NULL, j TEXT NOT NULL, a {affinity}, b, {key}) {chance.choice(['', 'WITHOUT ROWID'])};"
    pair = migrated(create)
    size = 2 if seed % 3 == 0 else 1

    def fill(view: SqliteDatabase, rows: list[tuple[object, ...]]) -> dict[object, list[tuple[str, object]]]:
        with closing(view.target.connect()) as connection:
            connection.executemany("INSERT INTO t VALUES (?, ?, ?, ?)", rows)
            connection.text_factory = lambda raw: ("text", raw)
            kept = connection.execute("SELECT k, j, a, b FROM t").fetchall()
        return {row[:size]: [(type(value).__name__, value) for value in row] for row in kept}

    rows = [(number, f"j{number % 7}", chance.choice(VALUES), chance.choice(VALUES)) for number in range(300)]
    changed = [
        (
            k,
            j,
            chance.choice(VALUES) if chance.random() < 0.1 else a,
            chance.choice(VALUES) if chance.random() < 0.1 else b,
        )
        for k, j, a, b in rows
        if chance.random() > 0.05
    ] + [(1000 + number, "new", 1, 1) for number in range(chance.randrange(9))]
    was, now = fill(pair.before, rows), fill(pair.after, changed)

    found = {each.table: each for each in pair.before.differences_to(pair.after, {})}["t"]

    both = was.keys() & now.keys()
    cells = {name: sum(was[key][place] != now[key][place] for key in both) for place, name in ((2, "a"), (3, "b"))}
    assert (found.added, found.deleted) == (len(now.keys() - was.keys()), len(was.keys() - now.keys()))
    assert found.changed == sum(was[key] != now[key] for key in both)
    assert found.columns == {name: count for name, count in cells.items() if count}
    assert {
        name: value != pair.after.contents["t"].columns[name]
        for name, value in pair.before.contents["t"].columns.items()
    }["a"]


def test_an_index_that_sorts_otherwise_than_its_column_is_no_key(migrated: Callable[..., Pair]) -> None:
    """Two rows that the column calls equal would match each other crosswise."""
    pair = migrated(
        "CREATE TABLE t (name TEXT NOT NULL COLLATE NOCASE, a); CREATE UNIQUE INDEX i ON t (name COLLATE BINARY);"
        "INSERT INTO t VALUES ('x', 1), ('X', 2);",
        "DELETE FROM t WHERE name = 'X' COLLATE BINARY; INSERT INTO t VALUES ('y', 2);",
    )

    found = _differences(pair)

    assert found.key != ("name",)
    assert found.added + found.deleted + found.changed > 0


def test_a_key_of_another_type_is_none(migrated: Callable[..., Pair]) -> None:
    """'01' and '1' are two keys, and as numbers one: a row that is gone must not hide behind its neighbour."""
    pair = migrated(
        "CREATE TABLE t (k TEXT NOT NULL PRIMARY KEY, a) WITHOUT ROWID; INSERT INTO t VALUES ('01', 1), ('1', 1), ('2', 1);",
        "CREATE TABLE new (k INTEGER NOT NULL PRIMARY KEY, a) WITHOUT ROWID; INSERT INTO new VALUES (1, 1), (2, 1), (3, 1);"
        "DROP TABLE t; ALTER TABLE new RENAME TO t;",
    )

    found = _differences(pair)

    assert (found.keyed, found.added, found.deleted) == (False, 3, 3)
