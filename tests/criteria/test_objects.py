"""The objects of a kind are exactly the named ones."""

from __future__ import annotations

from tests.criteria.conftest import problem

BASE = """
CREATE TABLE lots (id int PRIMARY KEY); CREATE TABLE spaces (id int);
CREATE SCHEMA archive; CREATE TABLE archive.lots (id int);
CREATE FUNCTION f(integer, character varying) RETURNS int LANGUAGE sql AS 'SELECT 1';
"""


def test_exactly_those_hold(migrated):
    """`public` may be written or left out."""
    finding = migrated(BASE).check("objects", object="tables", exactly=["public.lots", "spaces", "archive.lots"])

    assert finding.holds
    assert finding.held_before is True


def test_missing_and_extra_are_both_told(migrated):
    """A renamed table is one of each."""
    finding = migrated(BASE, "ALTER TABLE spaces RENAME TO places").check(
        "objects", object="tables", exactly=["lots", "spaces", "archive.lots"]
    )

    assert finding.message == "the tables are not those named: 1 missing: spaces; 1 extra: places"
    assert finding.actual == "1 missing, 1 extra: places, spaces"
    assert finding.evidence[0].rows == (("table:spaces", "missing"), ("table:places", "extra"))


def test_argument_types_may_be_aliases(migrated):
    """f(int, varchar) is f(integer, character varying)."""
    assert migrated(BASE).check("objects", object="functions", exactly=["f(int, varchar)"]).holds
    assert not migrated(BASE).check("objects", object="functions", exactly=["f(bigint, varchar)"]).holds


def test_members_are_named_with_their_table(migrated):
    """Columns, constraints, triggers."""
    finding = migrated(BASE).check("objects", object="primary_keys", exactly=["lots.lots_pkey"])

    assert finding.holds


def test_none_may_be_expected(migrated):
    """An empty list means that there is none."""
    assert migrated(BASE).check("objects", object="triggers", exactly=[]).holds
    assert not migrated(BASE).check("objects", object="tables", exactly=[]).holds


def test_names_that_cannot_be_are_mistakes():
    """A column without its table would be reported as missing for ever."""
    assert "write table.name" in problem("objects", object="columns", exactly=["cid"])
    assert "lacks the argument types" in problem("objects", object="functions", exactly=["f"])
    assert "named twice: a" in problem("objects", object="tables", exactly=["a", "a"])
