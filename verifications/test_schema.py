"""Is the schema what it should be: every object there, as defined, and none too many?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("object_count")
def test_object_count(criterion, before, after):
    """There are as many objects of a kind as there should be, before and after."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("objects")
def test_objects(criterion, before, after):
    """The objects of a kind are exactly the named ones."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("present")
def test_present(criterion, before, after):
    """Every named object is there and has effect."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("absent")
def test_absent(criterion, before, after):
    """None of the named objects is there."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("column")
def test_column(criterion, before, after):
    """The column has its type, may hold NULL or not, and has its default or none."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("constraint")
def test_constraint(criterion, before, after):
    """The constraint says what it should, and no row was left unchecked."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("index")
def test_index(criterion, before, after):
    """The index is on the right columns, and queries can use it."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("rls")
def test_rls(criterion, before, after):
    """Row-level security is on, with the policies that should be there."""
    finding = criterion.check(before, after)
    assert finding, finding
