"""Is the live database the one that was rehearsed, and does the service around it work?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("schema_as_rehearsed")
def test_schema_as_rehearsed(criterion, rehearsed, after):
    """Every object is as it was in the rehearsal."""
    finding = criterion.check(rehearsed, after)
    assert finding, finding
