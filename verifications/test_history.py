"""Does the history of migrations say what ran, and nothing else?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("flyway_history")
def test_flyway_history(criterion, before, after):
    """Every file of the folder ran, once, in order, as it is, and none failed."""
    finding = criterion.check(before, after)
    assert finding, finding
