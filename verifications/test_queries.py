"""Do the plan's own queries give what they should, and quickly?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("query")
def test_query(criterion, before, after):
    """The query gives the expected result."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("queries")
def test_queries(criterion, before, after):
    """Each query of the file gives the result that its comment expects."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("uses_index")
def test_uses_index(criterion, before, after):
    """The index serves the query."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("query_time")
def test_query_time(criterion, before, after):
    """The query is as quick as it must be."""
    finding = criterion.check(before, after)
    assert finding, finding
