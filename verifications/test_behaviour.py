"""Does the database do what the application needs, refuse what it must not do, and show each role its own rows?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("accepts")
def test_accepts(criterion, before, after):
    """A statement that must work does, and touches rows."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("rejects")
def test_rejects(criterion, before, after):
    """A statement that must not work is refused, for the right reason."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("visible")
def test_visible(criterion, before, after):
    """A role sees the rows that it should, and no others."""
    finding = criterion.check(before, after)
    assert finding, finding
