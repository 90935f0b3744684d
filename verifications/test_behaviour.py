"""Does the database take what the application sends, and refuse what it must not?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("accepts")
def test_accepts(criterion, before, after):
    """The statement is accepted; it is always undone."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("rejects")
def test_rejects(criterion, before, after):
    """The statement is refused for the right reason; it is always undone."""
    finding = criterion.check(before, after)
    assert finding, finding
