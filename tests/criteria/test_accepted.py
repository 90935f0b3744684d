"""A column holds nothing but accepted values."""

from __future__ import annotations

import datetime

import pytest

from pytest_cutover.errors import NotChecked
from tests.criteria.conftest import problem

BASE = """
CREATE TYPE mood AS ENUM ('calm', 'busy');
CREATE TABLE t (id int PRIMARY KEY, status text, code varchar(3), price numeric(5, 2), n int, day timestamptz, m mood, ok bool);
INSERT INTO t VALUES (1, 'open', 'abc', 1.50, 5, '2026-01-02 00:00+00', 'calm', true),
                     (2, 'paid', 'abd', 2.00, 7, '2026-01-03 00:00+00', 'busy', true);
"""


@pytest.mark.parametrize(
    ("column", "keys", "holds"),
    [
        ("status", {"values": ["open", "paid"]}, True),
        ("status", {"values": ["open"]}, False),
        ("status", {"values": ["Open", "paid"]}, False),
        ("n", {"values": [5, 7]}, True),
        ("n", {"min": 5, "max": 7}, True),
        ("n", {"min": 6}, False),
        ("n", {"max": 6}, False),
        ("price", {"min": 1.5, "max": 2}, True),
        ("price", {"values": [1.5, 2]}, True),
        ("m", {"values": ["calm", "busy"]}, True),
        ("m", {"values": ["calm"]}, False),
        ("ok", {"values": [True]}, True),
        ("ok", {"values": [False]}, False),
        ("day", {"min": datetime.date(2026, 1, 2), "max": datetime.date(2026, 1, 3)}, True),
        ("day", {"min": "2026-01-02 12:00+00"}, False),
    ],
)
def test_values_and_bounds_in_the_columns_own_type(migrated, column, keys, holds):
    """The server compares, not Python."""
    finding = migrated(BASE).check("accepted", table="t", column=column, **keys)

    assert finding.holds is holds, finding


def test_an_accepted_value_is_neither_cut_nor_rounded(migrated):
    """'abcx' is not 'abc' because the column has three characters, and 4.6 is not 5."""
    pair = migrated(BASE)

    cut = pair.check("accepted", table="t", column="code", values=["abcx", "abdx"])
    rounded = pair.check("accepted", table="t", column="price", values=[1.499, 2])
    whole = pair.check("accepted", table="t", column="n", values=[4.6, 7])

    assert cut.actual == "2 rows"
    assert rounded.actual == "1 row"
    assert not whole.holds
    assert "invalid input syntax for type integer" in whole.message


def test_null_is_not_accepted(migrated):
    """NULL is in no list."""
    finding = migrated(BASE, "UPDATE t SET status = NULL WHERE id = 1").check(
        "accepted", table="t", column="status", values=["open", "paid"]
    )

    assert finding.message == "1 of 2 rows of t holds another status: 1 of them NULL"
    assert finding.held_before is True
    assert finding.evidence[0].keys == ("id",)


def test_nan_is_no_number_above_the_minimum(migrated):
    """PostgreSQL sorts it behind all numbers."""
    pair = migrated("CREATE TABLE f (a float8, b numeric); INSERT INTO f VALUES ('NaN', 'NaN'), (7, 7)")

    assert pair.check("accepted", table="f", column="a", min=5).actual == "1 row"
    assert pair.check("accepted", table="f", column="b", min=5).actual == "1 row"


def test_an_empty_table_is_not_checked_and_an_emptied_one_fails(migrated):
    """All of no rows is no proof."""
    assert not migrated(BASE, "TRUNCATE t").check("accepted", table="t", column="n", min=0).holds
    with pytest.raises(NotChecked):
        migrated("CREATE TABLE t (n int)").check("accepted", table="t", column="n", min=0)


def test_names_with_a_percent_sign_work(migrated):
    """A name is no place for a parameter."""
    pair = migrated('CREATE TABLE "t%s" ("n%" int); INSERT INTO "t%s" VALUES (3), (9)')

    finding = pair.check("accepted", table="t%s", column="n%", max=5)

    assert finding.actual == "1 row"


@pytest.mark.parametrize("keys", [{}, {"values": []}, {"values": [1], "min": 1}, {"min": True}])
def test_not_exactly_one_expectation_is_a_mistake(keys):
    """Without one, every value would be accepted."""
    assert problem("accepted", table="t", column="n", **keys)
