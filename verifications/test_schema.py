"""Is the schema what the plan says?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("object_count")
def test_object_count(criterion, before, after):
    """There are as many objects of a kind as the plan counted."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("objects")
def test_objects(criterion, before, after):
    """The objects of a kind are exactly those that the plan lists."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("present")
def test_present(criterion, before, after):
    """Each named object is there."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("absent")
def test_absent(criterion, before, after):
    """No named object is there."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("column")
def test_column(criterion, before, after):
    """The column has the type, the nullability and the default that the plan names."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("constraint")
def test_constraint(criterion, before, after):
    """The constraint is there as defined, and validated."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("index")
def test_index(criterion, before, after):
    """The index is there as defined, and valid."""
    finding = criterion.check(before, after)
    assert finding, finding
