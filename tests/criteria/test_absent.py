"""Named objects are gone."""

from __future__ import annotations

from tests.criteria.conftest import problem

BASE = "CREATE TABLE lots (id int PRIMARY KEY, code text); CREATE INDEX by_code ON lots (code);"


def test_a_dropped_object_holds(migrated):
    """It was there before."""
    finding = migrated(BASE, "DROP INDEX by_code").check("absent", names=["index:by_code"])

    assert finding.holds
    assert finding.message == "index:by_code is gone"
    assert finding.held_before is False


def test_an_object_that_is_still_there_fails(migrated):
    """Also when its schema is written."""
    finding = migrated(BASE).check("absent", names=["index:public.by_code", "index:other"])

    assert finding.message == "index:by_code is still there"
    assert finding.actual == "1 present: index:by_code"


def test_an_object_that_appeared_fails(migrated):
    """A working copy that the migration left behind."""
    finding = migrated(BASE, "CREATE TABLE lots_old AS SELECT * FROM lots").check("absent", names=["table:lots_old"])

    assert finding.message == "table:lots_old is there, and was not before"
    assert finding.held_before is True


def test_an_object_that_never_was_is_said_so(migrated):
    """The name may be misspelt."""
    finding = migrated(BASE).check("absent", names=["index:by_cod"])

    assert finding.holds
    assert finding.message == "nothing of it is there; index:by_cod was not there before either"
    assert finding.held_before is True


def test_a_function_with_other_arguments_is_another(migrated):
    """f(int) is f(integer), and not f(text)."""
    pair = migrated("CREATE FUNCTION f(integer) RETURNS int LANGUAGE sql AS 'SELECT 1'")

    assert not pair.check("absent", names=["function:f(int)"]).holds
    assert pair.check("absent", names=["function:f(text)"]).holds


def test_a_misspelt_kind_is_a_mistake():
    """It would be absent for ever."""
    assert "kinds: " in problem("absent", names=["idx:by_code"])
