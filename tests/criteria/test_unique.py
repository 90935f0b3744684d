"""No two rows agree in the columns."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked

SERIES = "CREATE TABLE series (id int PRIMARY KEY, name text, league int, UNIQUE (name, league));"


def test_different_rows_hold(migrated):
    """Every row is alone in its group."""
    pair = migrated(SERIES + "INSERT INTO series VALUES (1, 'North', 1), (2, 'North', 2), (3, 'North', NULL)")

    finding = pair.check("unique", table="series", columns=["name", "league"])

    assert finding.message == "no two of 3 rows of series have the same name and league"
    assert finding.held_before is True


def test_nulls_are_equal_where_the_constraint_does_not_see_them(migrated):
    """The constraint UNIQUE (name, league) lets both rows in."""
    pair = migrated(SERIES + "INSERT INTO series VALUES (1, 'North', NULL), (2, 'North', NULL), (3, 'South', 1)")

    finding = pair.check("unique", table="series", columns=["name", "league"])

    assert finding.message == "2 of 3 rows of series are not alone with their name and league: 1 group of equal rows"
    assert finding.actual == "2 rows"
    assert [row[0] for row in finding.evidence[0].rows] == ["1", "2"]
    assert finding.evidence[0].keys == ("id",)


def test_nulls_are_distinct_when_asked(migrated):
    """Then a row with NULL is no duplicate, and the finding says how many were left out."""
    pair = migrated(SERIES + "INSERT INTO series VALUES (1, 'North', NULL), (2, 'North', NULL), (3, 'South', 1)")

    finding = pair.check("unique", table="series", columns=["name", "league"], nulls="distinct")

    assert finding.holds
    assert finding.message.endswith("; 2 rows with NULL not counted")


def test_only_nulls_prove_nothing(migrated):
    """With distinct NULLs a column that was emptied would have no duplicates."""
    before = "CREATE TABLE t (id int, email text); INSERT INTO t VALUES (1, 'a'), (2, 'a');"
    pair = migrated(before, "UPDATE t SET email = NULL")

    finding = pair.check("unique", table="t", columns=["email"], nulls="distinct")

    assert not finding.holds
    assert "each of 2 rows of t holds NULL in email" in finding.message
    with pytest.raises(NotChecked, match="so this proves nothing"):
        migrated("CREATE TABLE t (email text); INSERT INTO t VALUES (NULL)").check(
            "unique", table="t", columns=["email"], nulls="distinct"
        )


def test_many_duplicates_are_found_in_one_sort(migrated):
    """100,000 rows of 50,000 groups take seconds at most, evidence included."""
    pair = migrated(
        "CREATE TABLE t (id int PRIMARY KEY, a int, b int);"
        "INSERT INTO t SELECT n, n / 2, NULL FROM generate_series(0, 99999) n"
    )

    finding = pair.check("unique", table="t", columns=["a", "b"])

    assert finding.actual == "100,000 rows"
    assert finding.evidence[0].total == 100_000
    assert len(finding.evidence[0].rows) == 20


def test_duplicates_across_partitions_are_seen(migrated):
    """No unique index could span them."""
    pair = migrated(
        "CREATE TABLE t (day int, code text) PARTITION BY LIST (day);"
        "CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1); CREATE TABLE t2 PARTITION OF t FOR VALUES IN (2);"
        "INSERT INTO t VALUES (1, 'x'), (2, 'x'), (2, 'y')"
    )

    finding = pair.check("unique", table="t", columns=["code"])

    assert finding.actual == "2 rows"
    assert len(finding.evidence[0].rows) == 2


def test_a_type_that_cannot_be_compared_fails(migrated):
    """json has no equality."""
    pair = migrated("CREATE TABLE t (j json); INSERT INTO t VALUES ('{}')")

    finding = pair.check("unique", table="t", columns=["j"])

    assert not finding.holds
    assert "could not identify an equality operator for type json" in finding.message


def test_an_empty_table_is_not_checked(migrated):
    """No two of none."""
    with pytest.raises(NotChecked):
        migrated(SERIES).check("unique", table="series", columns=["name"])
