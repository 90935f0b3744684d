"""Is the live database the one that was rehearsed, and does the service around it work?"""

from __future__ import annotations

import pytest


@pytest.mark.criterion("schema_as_rehearsed")
def test_schema_as_rehearsed(criterion, rehearsed, after):
    """Every object is as it was in the rehearsal."""
    finding = criterion.check(rehearsed, after)
    assert finding, finding


@pytest.mark.criterion("preflight")
def test_preflight(criterion, after, live_run):
    """Nothing on the server stands in the migration's way."""
    finding = criterion.check(after, live_run)
    assert finding, finding


@pytest.mark.criterion("health")
def test_health(criterion, after, live_run):
    """The server is well, and stays so."""
    finding = criterion.check(after, live_run)
    assert finding, finding


@pytest.mark.criterion("connections")
def test_connections(criterion, before, after):
    """There are connections left."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("no_blockers")
def test_no_blockers(criterion, before, after):
    """Nobody waits for a lock, and no transaction is open for long."""
    finding = criterion.check(before, after)
    assert finding, finding


@pytest.mark.criterion("http")
def test_http(criterion, plan):
    """The endpoint answers as it should."""
    finding = criterion.check()
    assert finding, finding
