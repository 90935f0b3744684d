"""Do the rows hold what the plan says?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("row_count")
def test_row_count(criterion, before, after):
    """The table has as many rows as it should."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("not_null")
def test_not_null(criterion, before, after):
    """No row holds NULL in a column that must be filled."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("unique")
def test_unique(criterion, before, after):
    """No two rows share the values of the columns."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("where")
def test_where(criterion, before, after):
    """Every row satisfies the predicate."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("references")
def test_references(criterion, before, after):
    """Every reference leads to a row that agrees with it."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("accepted")
def test_accepted(criterion, before, after):
    """Every value is one of those accepted."""
    finding = criterion.check(before, after)
    assert finding, finding
