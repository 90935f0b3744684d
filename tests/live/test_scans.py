"""What would read too much of a live database is not run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from pytest_cutover.errors import NotChecked
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.live.scans import PageCost, scanned
from pytest_cutover.plan.values import Size
from pytest_cutover.target import Target

MAKE = """
CREATE TABLE small (id int PRIMARY KEY); INSERT INTO small VALUES (1);
CREATE TABLE large (id int PRIMARY KEY, note text);
INSERT INTO large SELECT n, repeat('x', 100) FROM generate_series(1, 2000) AS n;
CREATE VIEW seen AS SELECT note FROM large;
ANALYZE
"""
# About 280 kB.


@pytest.fixture
def production(new_database: Callable[..., Target]) -> Target:
    """A live database with a table that is larger than what one statement may read."""
    return new_database(MAKE)


@pytest.fixture
def database(production: Target) -> Iterator[LivePostgres]:
    """The view of it with that limit."""
    with closing(LivePostgres(production, Size.parse("100kB"))) as view:
        yield view


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT count(*) FROM large",
        "SELECT note, count(*) FROM seen GROUP BY note",
        "SELECT count(*) FROM small WHERE EXISTS (SELECT FROM large WHERE note = 'y')",
        "SELECT (SELECT max(note) FROM large)",
        "WITH a AS MATERIALIZED (SELECT note FROM large) SELECT count(*) FROM a",
        "SELECT count(*) FROM large WHERE note LIKE '100%'",
    ],
)
def test_a_statement_that_reads_too_much_is_not_run(database: LivePostgres, production: Target, statement: str) -> None:
    """Nor tried: the server counts no scan of the table. What was found, and the way out, are told."""
    earlier = _scans(production)
    told = r"about \d+kB .* in one statement, most of it of large, and 100kB are allowed; `max_scan` under \[live\]"
    with database.checking("c"):
        for ask in (database.query, database.drain, database.frame, lambda sql: database.fetch(sql, 5)):
            with pytest.raises(NotChecked, match=told):
                ask(statement)  # type: ignore[operator]
    database.close()

    assert _scans(production) == earlier


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT note FROM large WHERE id = 7",
        "SELECT note FROM large LIMIT 5",
        "SELECT note FROM large WHERE id < 100 AND note LIKE '%x%' ORDER BY id LIMIT 5",
        "SELECT count(*) FROM small",
        "SELECT count(*) FROM pg_catalog.pg_attribute, small",
        "SELECT 1",
    ],
)
def test_a_statement_that_reads_little_of_a_large_table_runs(database: LivePostgres, statement: str) -> None:
    """What counts is what the plan reads, not how large the table is; the server's own tables do not count."""
    with database.checking("c"):
        assert database.query(statement).rows
        assert database.query(statement, ()).rows if "%" not in statement else True


def test_the_plan_file_allows_more(production: Target) -> None:
    """`max_scan` is what decides."""
    earlier = _scans(production)
    with closing(LivePostgres(production, Size.parse("1MB"))) as database, database.checking("c"):
        assert database.scalar("SELECT count(*) FROM large") == 2000
    assert _scans(production) == earlier + 1


def test_what_a_server_refuses_is_told_as_ever(database: LivePostgres) -> None:
    """Planning it comes first, and is refused with the same words."""
    with database.checking("c"), pytest.raises(Exception, match='relation "nowhere" does not exist') as caught:
        database.query("SELECT * FROM nowhere")
    assert caught.value.sqlstate == "42P01"  # type: ignore[attr-defined]


def test_a_table_on_another_server_is_weighed_by_its_cost() -> None:
    """It has no size here, and is not taken for an empty one."""
    plan = {"Node Type": "Foreign Scan", "Relation Name": "far", "Schema": "public", "Total Cost": 1000.0}

    found = scanned(plan, PageCost(1.0, 4.0, 8192), 1024, lambda names: [0 for _ in names])

    assert found is not None
    assert (found.relation, int(found.bytes)) == ("far", 8192000)


def _scans(target: Target) -> int:
    """How often the whole table was read."""
    with target.connect() as connection:
        connection.execute("SELECT pg_stat_clear_snapshot()")
        found = connection.execute("SELECT seq_scan FROM pg_stat_user_tables WHERE relname = 'large'").fetchone()
        assert found is not None
        return int(found[0])
