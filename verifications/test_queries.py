"""Do queries give the right answer, and soon enough?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("query")
def test_query(criterion, before, after):
    """The query returns what it should."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("queries")
def test_queries(criterion, before, after):
    """Every query of a file returns what the comment above it says."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("uses_index")
def test_uses_index(criterion, before, after):
    """The planner chooses the index for the query, or could."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("query_time")
def test_query_time(criterion, before, after):
    """The query is fast enough, and no slower than before."""
    finding = criterion.check(before, after)
    assert finding, finding
