"""Each kind that asks a database, on SQLite: one migration that meets the criterion and one that does not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import NotChecked
from pytest_cutover.plan.sqlite import NOT_FOR_SQLITE
from tests.sqlite.conftest import Pair, problem

BEFORE = """
CREATE TABLE lots (id INTEGER PRIMARY KEY, name TEXT NOT NULL);
CREATE TABLE fees (id INTEGER PRIMARY KEY, lot INTEGER REFERENCES lots (id), cents INTEGER, note TEXT COLLATE NOCASE);
CREATE INDEX by_lot ON fees (lot);
INSERT INTO lots VALUES (1, 'North'), (2, 'South');
INSERT INTO fees VALUES (1, 1, 100, 'a'), (2, 1, 250, 'b'), (3, 2, 90, NULL);
"""


class Example(NamedTuple):
    """A criterion, a migration that meets it, one that does not, and a part of what is told then."""

    kind: str
    keys: dict[str, Any]
    passing: str
    failing: str
    message: str


EXAMPLES = [
    Example("row_count", {"table": "fees", "baseline": True}, "UPDATE fees SET cents = 1;", "DELETE FROM fees WHERE id = 3;",
            "fees has 2 rows, one less than before"),
    Example("not_null", {"table": "fees", "columns": ["lot", "cents"]}, "", "UPDATE fees SET cents = NULL WHERE id > 1;",
            "2 of 3 rows of fees have NULL in cents"),
    Example("unique", {"table": "fees", "columns": ["lot", "cents"]}, "", "UPDATE fees SET cents = 100 WHERE id = 2;",
            "2 of 3 rows of fees are not alone with their lot and cents"),
    Example("unique", {"table": "fees", "columns": ["note"]}, "", "UPDATE fees SET note = NULL;",
            "3 of 3 rows of fees are not alone with their note"),
    Example("unique", {"table": "pairs", "columns": ["b"], "nulls": "distinct"},
            "CREATE TABLE pairs (a TEXT PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO pairs VALUES ('x', NULL), ('y', NULL), ('z', 1);",
            "CREATE TABLE pairs (a TEXT PRIMARY KEY, b) WITHOUT ROWID; INSERT INTO pairs VALUES ('x', 1), ('y', 1);",
            "2 of 2 rows of pairs are not alone with their b"),
    Example("where", {"table": "fees", "sql": "cents > 0 AND cents % 10 = 0"}, "", "UPDATE fees SET cents = NULL WHERE id = 1;",
            "1 of 3 rows of fees violates the condition: 1 where it is NULL"),
    Example("where", {"table": "fees", "sql": '"cents" > 0'}, "", "UPDATE fees SET cents = 0 WHERE id = 1;",
            "1 of 3 rows of fees violates the condition"),
    Example("where", {"table": "v", "sql": "cents > 0"}, "CREATE VIEW v AS SELECT cents FROM fees;",
            "CREATE VIEW v AS SELECT -cents AS cents FROM fees;", "3 of 3 rows of v violate the condition"),
    Example("references", {"table": "fees", "columns": ["lot"], "to": "lots"}, "", "DELETE FROM lots WHERE id = 2;",
            "1 of 3 references from fees to lots lead to no row"),
    Example("accepted", {"table": "fees", "column": "cents", "values": [90, 100, 250]}, "", "UPDATE fees SET cents = '90x' WHERE id = 3;",
            "1 of 3 rows of fees holds another cents"),
    Example("accepted", {"table": "fees", "column": "cents", "min": 1}, "", "UPDATE fees SET cents = 'many' WHERE id = 3;",
            "1 of 3 rows of fees holds another cents"),
    Example("accepted", {"table": "lots", "column": "name", "values": ["North", "South"]}, "", "UPDATE lots SET name = 'north' WHERE id = 1;",
            "1 of 2 rows of lots holds another name"),
    Example("accepted", {"table": "lots", "column": "name", "min": "A", "max": "Z"}, "", "UPDATE lots SET name = 5 WHERE id = 1;",
            "1 of 2 rows of lots holds another name"),
    Example("query", {"sql": "SELECT sum(cents) FROM fees", "value": 440}, "", "UPDATE fees SET cents = cents + 0.5 WHERE id = 1;",
            "the query returns 440.5, expected is 440"),
    Example("query", {"sql": "SELECT * FROM pragma_foreign_key_check", "empty": True}, "", "DELETE FROM lots WHERE id = 2;",
            "the query returns 1 row, expected are no rows"),
    Example("object_count", {"object": "tables", "before": 2, "after": 3}, "CREATE TABLE c (a);", "CREATE VIEW c AS SELECT 1;",
            "2 tables after the migration, expected 3"),
    Example("object_count", {"object": "foreign_keys", "after": 1}, "", "DROP TABLE fees;", "0 foreign keys after the migration"),
    Example("objects", {"object": "indexes", "exactly": ["by_lot"]}, "", "CREATE INDEX by_cents ON fees (cents);", "1 extra: by_cents"),
    Example("present", {"names": ["index:by_lot", "constraint:fees.fees_lot_fkey", "setting:user_version"]}, "", "DROP INDEX by_lot;",
            "there is no index:by_lot, though there was before"),
    Example("absent", {"names": ["table:old", "column:fees.note"]}, "ALTER TABLE fees DROP COLUMN note;", "", "column:fees.note"),
    Example("column", {"table": "fees", "column": "cents", "type": "integer", "nullable": True, "default": ""}, "",
            "ALTER TABLE fees DROP COLUMN cents; ALTER TABLE fees ADD COLUMN cents TEXT NOT NULL DEFAULT 'x';",
            "fees.cents has the type TEXT, expected is integer and is NOT NULL, expected is nullable and has the default 'x'"),
    Example("column", {"table": "fees", "column": "paid", "default": "(- 1)"}, "ALTER TABLE fees ADD COLUMN paid INT DEFAULT -1;",
            "ALTER TABLE fees ADD COLUMN paid INT DEFAULT 1;", "has the default 1, expected is (- 1)"),
    Example("constraint", {"table": "marks", "name": "positive", "definition": "check ( Mark>0 )"},
            "CREATE TABLE marks (mark INT CONSTRAINT positive CHECK (mark > 0));",
            "CREATE TABLE marks (mark INT CONSTRAINT positive CHECK (mark >= 0));", "is CHECK (mark >= 0), expected is check"),
    Example("constraint", {"table": "fees", "name": "fees_lot_fkey", "definition": "FOREIGN KEY (lot) REFERENCES lots (id)"}, "",
            "DROP TABLE fees; CREATE TABLE fees (lot INTEGER);", "fees has no constraint fees_lot_fkey, though there was one before"),
    Example("index", {"name": "by_lot", "definition": 'create index on "fees" (lot asc)', "unique": False}, "",
            "DROP INDEX by_lot; CREATE INDEX by_lot ON fees (lot DESC);", "index by_lot is CREATE INDEX by_lot ON fees(lot DESC)"),
    Example("uses_index", {"sql": "SELECT cents FROM fees WHERE lot = 1", "index": "by_lot"}, "",
            "DROP INDEX by_lot; CREATE INDEX by_lot ON fees (cents, lot);", "but it is read from end to end"),
    Example("uses_index", {"sql": "SELECT lot FROM fees ORDER BY lot", "index": "by_lot"}, "", "DROP INDEX by_lot;",
            "there is no index by_lot"),
    Example("query_time", {"sql": "SELECT count(*) FROM fees", "within": "50ms"}, "",
            "DROP TABLE fees; CREATE VIEW fees AS WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n) SELECT x FROM n;",
            "the query was cancelled"),
    Example("accepts", {"sql": "INSERT INTO fees (lot, cents) VALUES (1, 5)"}, "",
            "DROP TABLE fees; CREATE TABLE fees (lot INTEGER NOT NULL, cents INTEGER CHECK (cents > 9));",
            "the statement is refused: CHECK constraint failed"),
    Example("accepts", {"sql": "UPDATE fees SET cents = 1 WHERE lot = 2"}, "", "DELETE FROM fees WHERE lot = 2;",
            "is accepted, but touches no row"),
    Example("rejects", {"sql": "PRAGMA foreign_keys = ON; INSERT INTO fees (lot) VALUES (99)", "sqlstate": "23503"}, "",
            "DROP TABLE fees; CREATE TABLE fees (lot INTEGER);", "statement 2 of 2 is accepted"),
    Example("rejects", {"sql": "INSERT INTO lots VALUES (3, NULL)"}, "",
            "DROP TABLE lots; CREATE TABLE lots (id INTEGER PRIMARY KEY, title TEXT NOT NULL, x);", "has 3 columns but 2 values"),
]  # fmt: skip


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda each: f"{each.kind}-{EXAMPLES.index(each)}")
def test_a_kind_holds_and_fails(example: Example, migrated: Callable[..., Pair]) -> None:
    """The right migration passes, and the wrong one is told in words."""
    holds = migrated(BEFORE, example.passing).check(example.kind, **example.keys)
    fails = migrated(BEFORE, example.failing).check(example.kind, **example.keys)

    assert holds.holds, holds
    assert not fails.holds, fails
    assert example.message in fails.message
    assert all(text for each in (holds, fails) for text in (each.message, each.expected, each.actual))


def test_a_file_of_queries(migrated: Callable[..., Pair], tmp_path: Path) -> None:
    """Each query returns what its comment says."""
    (tmp_path / "checks.sql").write_text(
        "-- expect: 3\nSELECT count(*) FROM fees;\n-- expect: empty\nSELECT 1 FROM lots WHERE id > 2;\n"
    )

    assert migrated(BEFORE).check("queries", file="checks.sql").holds
    fails = migrated(BEFORE, "INSERT INTO lots VALUES (3, 'West')").check("queries", file="checks.sql")
    assert "checks.sql:4 returns 1 row, expected is no rows" in fails.message


def test_every_kind_has_an_example_or_a_reason() -> None:
    """A kind that is neither tried on SQLite nor refused there would be a promise that nobody proved."""
    # http asks a service, whatever the engine.
    tried = {each.kind for each in EXAMPLES} | {"queries", "utc", "http"}
    implicit = {name for name, kind in KINDS.items() if kind.IMPLICIT}

    assert set(KINDS) - implicit - tried - set(NOT_FOR_SQLITE) == set()


def test_nothing_passes_by_absence(migrated: Callable[..., Pair]) -> None:
    """A table that is empty, a column or table that is not there, prove nothing."""
    pair = migrated(BEFORE, "DELETE FROM fees; CREATE TABLE fresh (a);")

    assert "fees has no rows, and had 3 before" in pair.check("not_null", table="fees", columns=["lot"]).message
    assert "fees has no column lott" in pair.check("not_null", table="fees", columns=["lott"]).message
    assert "there is no table fee" in pair.check("where", table="fee", sql="1").message
    with pytest.raises(NotChecked, match="fresh has no rows"):
        pair.check("unique", table="fresh", columns=["a"])
    assert not pair.check("query", sql='SELECT count(*) FROM lots WHERE "nmae" IS NULL', value=0).holds


def test_an_index_that_is_only_read_through_is_not_used(migrated: Callable[..., Pair]) -> None:
    """A covering index saves SQLite the table, and yet nothing is looked up in it."""
    pair = migrated(BEFORE, "CREATE INDEX by_cents ON fees (cents, lot);")

    finding = pair.check("uses_index", sql="SELECT cents FROM fees WHERE lot + 0 = 1", index="by_cents")

    assert "it is read from end to end" in finding.message


def test_evidence_names_the_rows(migrated: Callable[..., Pair]) -> None:
    """By the primary key, or by the rowid where there is none."""
    pair = migrated(
        BEFORE + "CREATE TABLE loose (a); INSERT INTO loose VALUES (1), (NULL);",
        "UPDATE fees SET cents = NULL WHERE id = 2;",
    )

    assert pair.check("not_null", table="fees", columns=["cents"]).evidence[0].rows[0][0] == "2"
    assert pair.check("not_null", table="loose", columns=["a"]).evidence[0].columns[0] == "rowid"


def test_a_type_is_any_words() -> None:
    """SQLite knows no wrong type; an expression it does."""
    assert "is not SQL" in problem("column", table="t", column="c", default="1 +")
