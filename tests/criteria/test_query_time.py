"""A query is fast enough."""

from __future__ import annotations

import time

import pytest

from pytest_cutover.errors import NotChecked
from tests.criteria.conftest import problem

BASE = """
CREATE TABLE t (id int PRIMARY KEY, code text); INSERT INTO t SELECT n, n::text FROM generate_series(1, 100000) n;
CREATE INDEX by_code ON t (code); ANALYZE t;
"""


def test_a_quick_query_holds(migrated):
    """The best of three runs is told, and how quick it was before."""
    finding = migrated(BASE).check("query_time", sql="SELECT 1", within="500ms")

    assert finding.holds
    assert finding.message.startswith("the query takes ")
    assert finding.expected == "within 500 ms"
    assert finding.held_before is True


def test_a_slow_query_fails(migrated):
    """After ten tries; other work on the machine could only have made one slower."""
    finding = migrated(BASE).check("query_time", sql="SELECT pg_sleep(0.02)", within="10ms")

    assert not finding.holds
    assert finding.message.endswith("expected is within 10 ms")


def test_a_query_that_would_never_end_is_cancelled(migrated):
    """One second at most for a limit of some milliseconds, and the session goes on."""
    pair = migrated(BASE)
    began = time.perf_counter()

    finding = pair.check("query_time", sql="SELECT pg_sleep(60)", within="50ms")

    assert time.perf_counter() - began < 5
    assert finding.message == "the query was cancelled, expected is within 50 ms"
    assert pair.after.scalar("SHOW statement_timeout") == "0"


def test_a_lost_index_is_slower_than_before(migrated):
    """An index scan has become one of the whole table."""
    finding = migrated(BASE, "DROP INDEX by_code").check(
        "query_time", sql="SELECT id FROM t WHERE code = '777'", times_baseline=10
    )

    assert not finding.holds, finding
    assert "at most 10 times as long as before" in finding.message


def test_the_same_query_is_as_fast_as_before(migrated):
    """Differences below a millisecond are the machine's."""
    finding = migrated(BASE).check("query_time", sql="SELECT 1", times_baseline=0.001)

    assert finding.holds


def test_a_query_that_could_not_run_before_is_not_checked(migrated):
    """There is no baseline to compare with."""
    pair = migrated(BASE, "ALTER TABLE t ADD cid int")

    with pytest.raises(NotChecked, match='cannot run before the migration: column "cid" does not exist'):
        pair.check("query_time", sql="SELECT cid FROM t LIMIT 1", times_baseline=2)


def test_a_query_that_cannot_run_fails(migrated):
    """An error is quick."""
    finding = migrated(BASE).check("query_time", sql="SELECT nothing FROM t", within="1s")

    assert not finding.holds
    assert 'column "nothing" does not exist' in finding.message


def test_a_limit_is_needed():
    """Without one, every query is quick enough."""
    assert "give `within`" in problem("query_time", sql="SELECT 1")
    assert problem("query_time", sql="SELECT 1", within="0ms")
    assert problem("query_time", sql="SELECT 1", times_baseline=0)
