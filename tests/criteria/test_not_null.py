"""No row holds NULL in the columns."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked
from tests.criteria.conftest import problem

FLIGHTS = "CREATE TABLE flights (id int PRIMARY KEY, callsign text, cid int);"


def test_filled_columns_hold(migrated):
    """All rows are counted, and whether they held before is known."""
    pair = migrated(
        FLIGHTS + "INSERT INTO flights VALUES (1, 'AB1', NULL), (2, 'AB2', 7)", "UPDATE flights SET cid = 7"
    )

    finding = pair.check("not_null", table="flights", columns=["cid", "callsign"])

    assert finding.holds
    assert finding.message == "all 2 rows of flights have a value in cid and callsign"
    assert finding.before == "1 of 2 rows"
    assert finding.held_before is False


def test_rows_with_null_are_named_by_their_key(migrated):
    """The evidence holds keys; the values are there, but no key columns."""
    pair = migrated(FLIGHTS + "INSERT INTO flights SELECT n, 'AB', nullif(n % 500, 0) FROM generate_series(1, 2000) n")

    finding = pair.check("not_null", table="flights", columns=["cid"])

    assert finding.message == "4 of 2,000 rows of flights have NULL in cid"
    assert finding.actual == "4 rows"
    assert finding.evidence[0].keys == ("id",)
    assert [row[0] for row in finding.evidence[0].rows] == ["500", "1000", "1500", "2000"]


def test_each_of_several_columns_is_counted(migrated):
    """A row with two NULLs is one row."""
    pair = migrated(FLIGHTS + "INSERT INTO flights VALUES (1, NULL, NULL), (2, 'AB2', NULL)")

    finding = pair.check("not_null", table="flights", columns=["callsign", "cid"])

    assert finding.message == "2 of 2 rows of flights have NULL in callsign (1) and cid (2)"


def test_a_lost_column_fails(migrated):
    """A column that is not there holds no NULL either."""
    pair = migrated(FLIGHTS + "INSERT INTO flights VALUES (1, 'A', 1)", "ALTER TABLE flights RENAME cid TO pilot")

    finding = pair.check("not_null", table="flights", columns=["cid"])

    assert not finding.holds
    assert finding.message == "flights has no column cid, though it had one before"


def test_a_misspelt_table_fails_with_the_nearest(migrated):
    """Nothing passes by absence."""
    pair = migrated(FLIGHTS)

    finding = pair.check("not_null", table="flight", columns=["cid"])

    assert finding.message == 'there is no table flight; did you mean "flights"?'


def test_an_emptied_table_fails(migrated):
    """Deleting the rows with NULL, and all others, is no way to fill the column."""
    pair = migrated(FLIGHTS + "INSERT INTO flights VALUES (1, 'A', NULL)", "DELETE FROM flights")

    finding = pair.check("not_null", table="flights", columns=["cid"])

    assert finding.message == "flights has no rows, and had 1 before"


def test_a_table_that_was_always_empty_is_not_checked(migrated):
    """No row is no proof."""
    pair = migrated(FLIGHTS)

    with pytest.raises(NotChecked, match="flights has no rows, so this proves nothing"):
        pair.check("not_null", table="flights", columns=["cid"])


def test_a_new_column_says_so(migrated):
    """`before` cannot be asked of a column that was not there."""
    pair = migrated(
        "CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1)", "ALTER TABLE t ADD c int DEFAULT 5"
    )

    finding = pair.check("not_null", table="t", columns=["c"])

    assert finding.holds
    assert finding.before == "no column c"
    assert finding.held_before is None


def test_rows_of_partitions_and_odd_names_count(migrated):
    """A NULL in a partition is a NULL of the table; names are quoted."""
    pair = migrated(
        'CREATE SCHEMA "My Data"; CREATE TABLE "My Data"."T%" (id int, "a""b" int) PARTITION BY RANGE (id);'
        'CREATE TABLE p1 PARTITION OF "My Data"."T%" FOR VALUES FROM (0) TO (10);'
        'INSERT INTO "My Data"."T%" VALUES (1, NULL), (2, 3)'
    )

    finding = pair.check("not_null", table="My Data.T%", columns=['"a""b"'])

    assert finding.message == '1 of 2 rows of My Data.T% has NULL in a"b'
    assert finding.evidence[0].keys == ("ctid",)


def test_no_columns_are_a_mistake():
    """A list without a column would hold for every table."""
    assert "at least 1 item" in problem("not_null", table="t", columns=[])
