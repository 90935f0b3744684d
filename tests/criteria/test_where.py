"""Every row meets the condition."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked
from tests.criteria.conftest import problem

FEES = "CREATE TABLE fees (id int PRIMARY KEY, cents int, note text); INSERT INTO fees VALUES (1, 100, 'a'), (2, NULL, 'b%');"


def test_a_condition_that_every_row_meets_holds(migrated):
    """A percent sign in it is only a percent sign."""
    pair = migrated(FEES)

    finding = pair.check("where", table="fees", sql="note LIKE 'a%' OR id > 1 -- a comment")

    assert finding.holds
    assert finding.message == "all 2 rows of fees meet the condition"
    assert finding.held_before is True


def test_null_violates(migrated):
    """A CHECK would accept the row."""
    pair = migrated(FEES)

    finding = pair.check("where", table="fees", sql="cents > 0")

    assert finding.message == "1 of 2 rows of fees violates the condition: 1 where it is NULL"
    assert finding.actual == "1 row"
    assert finding.evidence[0].columns == ("id", "cents")
    assert finding.evidence[0].keys == ("id",)


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("true) OR (true", "closes a parenthesis that it did not open"),
        ("cents > 0) OR (true", "closes a parenthesis"),
        ("cents > 0 /* ", "is not SQL"),
        ("cents > 0; DROP TABLE fees", "holds a semicolon"),
        ("cents > 0 --\n) OR (true", "closes a parenthesis"),
        ("cents > ')' ) OR (true", "closes a parenthesis"),
        ("cents > 0, true", "is a list of expressions"),
        ("SELECT true", "begins with SELECT"),
        ("WHERE cents > 0", "begins with WHERE"),
        ("WITH a AS (DELETE FROM fees RETURNING 1) SELECT true", "begins with WITH"),
        ("nextval('s') > 0", "calls nextval()"),
        ("cents > $1", "holds the parameter $1"),
        ("cents >", "is not SQL"),
        ("  ", "at least 1 character"),
        ("-- only a comment", "is not SQL"),
    ],
)
def test_what_is_not_one_condition_is_refused_when_the_plan_is_read(condition, message):
    """A condition cannot leave the place where it is put."""
    assert message in problem("where", table="fees", sql=condition)


@pytest.mark.parametrize(
    "condition", ["note <> ')'", "(cents) IS NULL OR (cents > 0)", "note !~ E'\\\\)'", "id IN (1, 2)"]
)
def test_parentheses_inside_a_condition_are_fine(migrated, condition):
    """Only those that close what they did not open are refused."""
    assert migrated(FEES).check("where", table="fees", sql=condition).holds


def test_a_condition_of_another_type_fails(migrated):
    """A number is neither true nor false."""
    finding = migrated(FEES).check("where", table="fees", sql="id")

    assert not finding.holds
    assert "cannot be asked: argument of IS NOT TRUE must be type boolean" in finding.message


def test_a_column_that_is_gone_fails(migrated):
    """The server's refusal is a failure, not a pass."""
    finding = migrated(FEES, "ALTER TABLE fees DROP COLUMN cents").check("where", table="fees", sql="cents > 0")

    assert finding.message == 'cannot be asked: column "cents" does not exist (SQLSTATE 42703)'


def test_an_emptied_table_fails_and_an_empty_one_is_not_checked(migrated):
    """All of no rows is no proof."""
    assert not migrated(FEES, "TRUNCATE fees").check("where", table="fees", sql="cents > 0").holds
    with pytest.raises(NotChecked):
        migrated("CREATE TABLE fees (cents int)").check("where", table="fees", sql="cents > 0")


def test_the_table_may_be_named_in_the_condition(migrated):
    """As in a subquery that needs it."""
    pair = migrated(FEES)

    finding = pair.check(
        "where", table="fees", sql="NOT EXISTS (SELECT FROM fees AS other WHERE other.id < fees.id AND other.id > 1)"
    )

    assert finding.holds


def test_no_value_is_in_the_message(migrated):
    """A data exception quotes the value; the finding does not."""
    pair = migrated("CREATE TABLE t (id int PRIMARY KEY, v text); INSERT INTO t VALUES (1, 'secret')")

    finding = pair.check("where", table="t", sql="v::int > 0")

    assert not finding.holds
    assert "secret" not in str(finding)
