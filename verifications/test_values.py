"""Do the rows hold what they should: none lost, none doubled, none without its value?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("row_count")
def test_row_count(criterion, before, after):
    """The table holds as many rows as it should."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("not_null")
def test_not_null(criterion, before, after):
    """No row holds NULL in a column that must be filled."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("unique")
def test_unique(criterion, before, after):
    """No two rows agree where they must differ, NULLs included."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("where")
def test_where(criterion, before, after):
    """Every row meets the condition, and NULL does not meet it."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("references")
def test_references(criterion, before, after):
    """Every reference leads to a row that agrees, declared as a foreign key or not."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("accepted")
def test_accepted(criterion, before, after):
    """A column holds nothing but accepted values."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("utc")
def test_utc(criterion, before, after):
    """Every timestamp is in UTC and means the instant that it meant before."""
    finding = criterion.check(before, after)
    assert finding, finding
