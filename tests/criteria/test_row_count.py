"""A table holds as many rows as it should."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked
from tests.criteria.conftest import problem

THREE = "CREATE TABLE fees (id int PRIMARY KEY); INSERT INTO fees VALUES (1), (2), (3);"


def test_as_many_as_before_holds(migrated):
    """The count before is the expectation."""
    finding = migrated(THREE).check("row_count", table="fees", baseline=True)

    assert finding.holds
    assert finding.message == "fees has 3 rows, as before"
    assert finding.held_before is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ("DELETE FROM fees WHERE id = 1", "fees has 2 rows, one less than before"),
        ("INSERT INTO fees VALUES (4), (5)", "fees has 5 rows, 2 more than before"),
        ("TRUNCATE fees", "fees has 0 rows, 3 less than before"),
        ("ALTER TABLE fees RENAME TO prices", "there is no table fees, though there was one before"),
    ],
)
def test_another_count_than_before_fails(migrated, change, message):
    """Lost, doubled and vanished rows."""
    finding = migrated(THREE, change).check("row_count", table="fees", baseline=True)

    assert not finding.holds
    assert finding.message == message


@pytest.mark.parametrize(
    ("keys", "holds", "expected"),
    [
        ({"equals": 3}, True, "3 rows"),
        ({"equals": 2}, False, "2 rows"),
        ({"min": 4}, False, "at least 4 rows"),
        ({"max": 2}, False, "at most 2 rows"),
        ({"min": 2, "max": 3}, True, "2 to 3 rows"),
    ],
)
def test_numbers_and_bounds(migrated, keys, holds, expected):
    """Each bound is included."""
    finding = migrated(THREE).check("row_count", table="fees", **keys)

    assert finding.holds is holds
    assert finding.expected == expected
    assert finding.actual == "3 rows"
    assert finding.held_before is holds


def test_nothing_compared_with_nothing_is_not_checked(migrated):
    """An empty table in the backup, or none at all, proves no loss-free migration."""
    with pytest.raises(NotChecked, match="had no rows before and has none"):
        migrated("CREATE TABLE fees (id int)").check("row_count", table="fees", baseline=True)
    with pytest.raises(NotChecked, match="was not there before"):
        migrated("", "CREATE TABLE fees (id int)").check("row_count", table="fees", baseline=True)


def test_a_missing_table_has_no_rows_and_fails(migrated):
    """`max` and `equals = 0` do not hold for a table that is not there."""
    assert not migrated("").check("row_count", table="fees", max=5).holds
    assert not migrated("").check("row_count", table="fees", equals=0).holds


@pytest.mark.parametrize(
    "keys", [{}, {"equals": 1, "baseline": True}, {"equals": 1, "min": 1}, {"min": 3, "max": 2}, {"baseline": False}]
)
def test_not_exactly_one_expectation_is_a_mistake(keys):
    """Without one, every count would hold."""
    assert problem("row_count", table="fees", **keys)
