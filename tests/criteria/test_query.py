"""A query returns what it should."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked
from tests.criteria.conftest import problem

BASE = """
CREATE TABLE t (id int PRIMARY KEY, email text, n int); INSERT INTO t VALUES (1, 'a@x.example', 5), (2, 'b@x.example', NULL);
CREATE TABLE nobody (id int);
"""


@pytest.mark.parametrize(
    ("sql", "keys", "holds", "actual"),
    [
        ("SELECT count(*) FROM t", {"value": 2}, True, "2"),
        ("SELECT count(*) FROM t", {"value": 3}, False, "2"),
        ("SELECT sum(n) FROM t", {"value": 5}, True, "5"),
        ("SELECT avg(n) FROM t", {"value": 5}, True, "5.0000000000000000"),
        ("SELECT 1.5", {"value": 1.5}, True, "1.5"),
        ("SELECT 1.5::float8", {"value": 1.5}, True, "1.5"),
        ("SELECT true", {"value": True}, True, "true"),
        ("SELECT true", {"value": 1}, False, "true"),
        ("SELECT 1", {"value": True}, False, "1"),
        ("SELECT '1'", {"value": 1}, False, "a text"),
        ("SELECT 'x'::text", {"value": "x"}, True, "a text"),
        ("SELECT 'x '::text", {"value": "x"}, False, "a text"),
        ("SELECT '2026-01-02 03:04+02'::timestamptz", {"value": "2026-01-02 01:04:00+00"}, True, "a text"),
        ("SELECT 'infinity'::timestamptz", {"value": "infinity"}, True, "a text"),
        ("SELECT NULL::int", {"value": 0}, False, "NULL"),
        ("SELECT NULL::int", {"max": 5}, False, "NULL"),
        ("SELECT 'NaN'::float8", {"min": 5}, False, "a float"),
        ("SELECT 'NaN'::numeric", {"min": 5}, False, "NaN"),
        ("SELECT n FROM t WHERE id = 1", {"min": 5, "max": 5}, True, "5"),
        ("SELECT n FROM t WHERE id = 1", {"min": 6}, False, "5"),
        ("SELECT n FROM t WHERE id = 1", {"max": 4.5}, False, "5"),
        ("SELECT n FROM t WHERE false", {"max": 4}, False, "no rows"),
        ("SELECT n FROM t", {"max": 9}, False, "2 rows"),
        ("SELECT id, n FROM t WHERE id = 1", {"value": 1}, False, "2 columns"),
        ("SELECT id FROM t", {"rows": 2}, True, "2 rows"),
        ("SELECT id FROM t", {"rows": ">=3"}, False, "2 rows"),
        ("SELECT id FROM t WHERE email LIKE 'c%'", {"empty": True}, True, "no rows"),
        ("SELECT id FROM t WHERE id = 1", {"empty": True}, False, "1 row"),
        ("SELECT id FROM t", {"rows": 0}, False, "2 rows"),
    ],
)
def test_each_expectation(migrated, sql, keys, holds, actual):
    """NULL, NaN, no row and several rows are no value."""
    finding = migrated(BASE).check("query", sql=sql, **keys)

    assert finding.holds is holds, finding
    assert finding.actual == actual
    assert finding.held_before is holds


def test_rows_that_should_not_be_are_named_by_their_key_only(migrated):
    """A column is a key where it comes from a primary key, whatever it is called."""
    pair = migrated(BASE)

    finding = pair.check("query", sql="SELECT id AS row, email AS id, n FROM t", empty=True)

    assert finding.message == "the query returns 2 rows, expected are no rows"
    block = finding.evidence[0]
    assert block.columns == ("row", "id", "n")
    assert block.keys == ("row",)
    assert "x.example" not in str(finding)


def test_two_columns_of_one_name_are_no_keys(migrated):
    """The second one might hold values."""
    finding = migrated(BASE).check("query", sql="SELECT id, email AS id FROM t", empty=True)

    assert finding.evidence[0].keys == ()
    assert "x.example" not in str(finding)


def test_an_empty_table_behind_no_rows_is_named(migrated):
    """No row is returned where no row could be."""
    finding = migrated(BASE).check("query", sql="SELECT t.id FROM t JOIN nobody USING (id)", empty=True)

    assert finding.holds
    assert finding.message == "the query returns no rows, but nobody, which it reads, has no rows"


def test_a_table_that_is_gone_fails(migrated):
    """`empty` does not hold where the question makes no sense."""
    finding = migrated(BASE, "DROP TABLE nobody").check("query", sql="SELECT id FROM nobody", empty=True)

    assert finding.message == 'cannot be asked: relation "nobody" does not exist (SQLSTATE 42P01)'
    assert finding.actual.startswith("an error (SQLSTATE ")


def test_before_says_why_it_could_not_be_asked(migrated):
    """A new column was not there before."""
    finding = migrated(BASE, "ALTER TABLE t ADD c int DEFAULT 1").check("query", sql="SELECT sum(c) FROM t", value=2)

    assert finding.holds
    assert finding.before == 'column "c" does not exist'
    assert finding.held_before is None


def test_what_may_not_be_read_is_not_checked(migrated):
    """No privilege is no proof in either direction."""
    pair = migrated(BASE)
    pair.after.query("SET ROLE pg_monitor")

    with pytest.raises(NotChecked, match="may not be read: permission denied for table t"):
        pair.check("query", sql="SELECT id FROM t WHERE false", empty=True)
    pair.after.query("RESET ROLE")


def test_a_writing_function_is_stopped_by_the_session(migrated):
    """The parser does not see inside a function; the read-only session does."""
    pair = migrated(BASE + "CREATE FUNCTION wipe() RETURNS int LANGUAGE sql AS 'DELETE FROM t; SELECT 1'")

    finding = pair.check("query", sql="SELECT wipe()", value=1)

    assert "cannot execute DELETE in a read-only transaction" in finding.message
    assert pair.after.count("t") == 2


def test_the_text_of_an_exception_is_not_shown(migrated):
    """A function may put the row's values into it."""
    pair = migrated(
        BASE + "CREATE FUNCTION tell() RETURNS int LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'found %', (SELECT min(email) FROM t); END $$"
    )

    finding = pair.check("query", sql="SELECT tell()", value=1)

    assert finding.message == "cannot be asked: a function raises an exception (SQLSTATE P0001)"
    assert "x.example" not in str(finding)


def test_a_huge_wrong_result_is_counted_without_keeping_it(migrated):
    """Twenty rows are kept."""
    finding = migrated(BASE).check("query", sql="SELECT n FROM generate_series(1, 200000) n", empty=True)

    assert finding.actual == "200,000 rows"
    assert len(finding.evidence[0].rows) == 20


@pytest.mark.parametrize(
    "keys",
    [{}, {"value": 1, "empty": True}, {"rows": 1, "min": 1}, {"empty": False}, {"min": 2, "max": 1}, {"rows": "many"}],
)
def test_not_exactly_one_expectation_is_a_mistake(keys):
    """Without one, every result would do."""
    assert problem("query", sql="SELECT 1", **keys)


def test_what_is_not_one_select_is_a_mistake():
    """Told when the plan is read."""
    assert "is not a SELECT (DELETE)" in problem("query", sql="DELETE FROM t", empty=True)


NAMED = """
CREATE TABLE series (id int PRIMARY KEY, name text);
CREATE TABLE players (id int PRIMARY KEY, email text, series_id int);
INSERT INTO series VALUES (1, 'A'), (2, 'B'); INSERT INTO players VALUES (1, 'a@x.example', 1), (2, 'b@x.example', 1), (3, NULL, 2);
"""
NAMES = "SELECT p.id, p.email, s.name FROM players AS p JOIN series AS s ON s.id = p.series_id ORDER BY random()"


def test_rows_are_as_in_the_baseline_in_any_order(migrated):
    """Every id may change as long as each row leads to the same name."""
    finding = migrated(NAMED, "UPDATE series SET id = id + 10; UPDATE players SET series_id = series_id + 10").check(
        "query", sql=NAMES, baseline=True
    )

    assert finding.holds, finding
    assert finding.message == "the query returns the 3 rows of the baseline"


def test_rows_that_are_not_as_in_the_baseline_are_named_by_their_key(migrated):
    """As many rows as before, and one of them leads elsewhere."""
    finding = migrated(NAMED, "UPDATE players SET series_id = 2 WHERE id = 1").check("query", sql=NAMES, baseline=True)

    assert not finding.holds
    assert finding.message == "the query does not return what it returned before: 1 of 3 rows gone, 1 new"
    assert [(block.title, block.keys, block.rows[0][0]) for block in finding.evidence] == [
        ("Rows that only the baseline returns", ("id",), 1),
        ("Rows that the baseline does not return", ("id",), 1),
    ]
    assert "x.example" not in str(finding)


def test_a_row_that_came_twice_is_not_the_baseline(migrated):
    """Rows are compared as often as they come."""
    sql = "SELECT s.name FROM players AS p JOIN series AS s ON s.id = p.series_id"

    finding = migrated(NAMED, "INSERT INTO players VALUES (4, NULL, 2)").check("query", sql=sql, baseline=True)

    assert finding.message == "the query does not return what it returned before: 0 of 3 rows gone, 1 new"


def test_no_rows_before_and_after_prove_nothing(migrated):
    with pytest.raises(NotChecked, match="no rows, neither before nor after"):
        migrated(NAMED).check("query", sql="SELECT 1 FROM players WHERE id > 9", baseline=True)


def test_a_query_that_the_baseline_refuses_says_so(migrated):
    finding = migrated(NAMED, "ALTER TABLE series ADD COLUMN league int DEFAULT 1").check(
        "query", sql="SELECT league FROM series", baseline=True
    )

    assert not finding.holds
    assert "of the baseline:" in finding.message and "league" in finding.message


def test_a_baseline_excludes_other_expectations():
    assert "`baseline = true`" in problem("query", sql="SELECT 1", baseline=True, value=1)
