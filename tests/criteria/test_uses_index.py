"""A query can use its index."""

from __future__ import annotations

import pytest

from tests.criteria.conftest import problem

SMALL = """
CREATE TABLE flights (id int PRIMARY KEY, callsign text, cid int);
INSERT INTO flights SELECT n, 'AB' || n, n FROM generate_series(1, {rows}) n;
CREATE INDEX by_both ON flights (callsign, cid);
ANALYZE flights;
"""
QUERY = "SELECT id FROM flights WHERE callsign = 'AB7'"


def small(rows: int = 20) -> str:
    """The table with so many rows."""
    return SMALL.format(rows=rows)


def test_an_index_that_the_planner_chooses_is_chosen(migrated):
    """On a table that is large enough."""
    finding = migrated(small(20000)).check("uses_index", sql=QUERY, index="by_both")

    assert finding.holds
    assert finding.actual == "chosen"
    assert finding.message.startswith("the planner chooses by_both (")
    assert finding.held_before is True


def test_an_index_on_a_small_table_is_usable(migrated):
    """The planner is right to read the whole of a small table."""
    finding = migrated(small()).check("uses_index", sql=QUERY, index="by_both")

    assert finding.holds
    assert finding.actual == "usable, not chosen"
    assert finding.message == "by_both is usable, but the planner prefers a Seq Scan of flights on the restored data"


def test_asking_leaves_the_session_as_it_was(migrated):
    """Sequential scans are off for one EXPLAIN only."""
    pair = migrated(small())
    pair.check("uses_index", sql=QUERY, index="by_both")

    assert pair.after.scalar("SHOW enable_seqscan") == "on"


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("SELECT id FROM flights WHERE cid = 7", "by_both could only be read from end to end"),
        ("SELECT id FROM flights WHERE lower(callsign) = 'ab7'", "the planner cannot use by_both for the query"),
        ("SELECT count(*) FROM flights", ""),
        ("SELECT * FROM flights WHERE id = 3", "the planner cannot use by_both for the query: it takes an Index Scan of "
                                               "flights_pkey"),
    ],
)  # fmt: skip
def test_an_index_that_does_not_serve_the_query_fails(migrated, sql, message):
    """Reading all of an index is no use of it, whatever the planner does when it has no other choice."""
    finding = migrated(small()).check("uses_index", sql=sql, index="by_both")

    assert not finding.holds, finding
    assert message in finding.message


def test_a_chosen_index_that_is_read_from_end_to_end_fails(migrated):
    """A small index with the wrong first column still beats a table of wide rows, and is no look-up."""
    pair = migrated(
        "CREATE TABLE wide (id int, callsign text, cid int, filler text);"
        "INSERT INTO wide SELECT n, 'AB' || n, n, repeat('x', 500) FROM generate_series(1, 20000) n;"
        "CREATE INDEX by_both ON wide (cid, callsign); ANALYZE wide"
    )

    finding = pair.check("uses_index", sql="SELECT filler FROM wide WHERE callsign = 'AB7'", index="by_both")

    if pair.after.catalog.server_version >= 180000:
        assert finding.actual == "chosen"
    else:
        assert not finding.holds
        assert finding.actual == "chosen, read end to end"


def test_an_index_that_gives_the_order_is_used(migrated):
    """ORDER BY … LIMIT needs no condition."""
    finding = migrated(small()).check(
        "uses_index", sql="SELECT id FROM flights ORDER BY callsign LIMIT 3", index="by_both"
    )

    assert finding.holds


def test_an_index_that_is_gone_or_not_valid_fails(migrated):
    """Its name alone serves no query."""
    gone = migrated(small(), "DROP INDEX by_both").check("uses_index", sql=QUERY, index="by_both")
    invalid = migrated(small(), "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_both'::regclass").check(
        "uses_index", sql=QUERY, index="by_both"
    )

    assert gone.message == "there is no index by_both"
    assert gone.held_before is True
    assert invalid.message == "index by_both is not valid: no query uses it"


def test_columns_in_the_wrong_order_fail(migrated):
    """The name is right, the index is not."""
    finding = migrated(small(), "DROP INDEX by_both; CREATE INDEX by_both ON flights (cid, callsign)").check(
        "uses_index", sql=QUERY, index="by_both"
    )

    assert not finding.holds


def test_the_index_of_a_partition_counts_for_the_partitioned_one(migrated):
    """The plan names the partitions' indexes only."""
    pair = migrated(
        "CREATE TABLE t (day int, code text) PARTITION BY LIST (day); CREATE TABLE t1 PARTITION OF t FOR VALUES IN (1);"
        "INSERT INTO t SELECT 1, n::text FROM generate_series(1, 20) n; CREATE INDEX by_code ON t (code)"
    )

    assert pair.check("uses_index", sql="SELECT * FROM t WHERE code = '7'", index="by_code").holds


def test_an_index_of_the_same_name_in_another_schema_is_another(migrated):
    """EXPLAIN prints the name without its schema."""
    pair = migrated(
        "CREATE SCHEMA old; CREATE TABLE old.t (a int); CREATE TABLE t (a int);"
        "CREATE INDEX by_a ON old.t (a); CREATE INDEX by_a ON t (a)"
    )

    assert pair.check("uses_index", sql="SELECT * FROM old.t WHERE a = 1", index="old.by_a").holds
    assert not pair.check("uses_index", sql="SELECT * FROM old.t WHERE a = 1", index="by_a").holds


def test_an_index_on_an_expression(migrated):
    """Its first column is what the query must look up."""
    pair = migrated(small(), "CREATE INDEX by_lower ON flights (lower(callsign))")

    assert pair.check("uses_index", sql="SELECT id FROM flights WHERE lower(callsign) = 'ab7'", index="by_lower").holds


def test_a_query_that_cannot_run_fails(migrated):
    """It uses nothing."""
    finding = migrated(small()).check("uses_index", sql="SELECT nothing FROM flights", index="by_both")

    assert finding.message == 'cannot be asked: column "nothing" does not exist (SQLSTATE 42703)'


def test_what_is_not_one_select_is_a_mistake():
    """EXPLAIN ANALYZE of anything else would run it."""
    assert "is not a SELECT" in problem("uses_index", sql="DELETE FROM flights", index="i")
