"""A sample is taken only where the plan says so, only on a live database, and never reads like a proof."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding
from pytest_cutover.live.baseline import SavedDatabase
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.plan.values import Size
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target
from tests.live.conftest import LIVE_PLAN, Live
from tests.project import MIGRATION

ROWS = 20_000
MAKE = f"""
CREATE TABLE lots (id int PRIMARY KEY, owner int, note text);
INSERT INTO lots SELECT n, n % 2, repeat('x', 90) FROM generate_series(1, {ROWS}) AS n;
CREATE TABLE owners (id int PRIMARY KEY); INSERT INTO owners VALUES (0), (1);
CREATE TABLE one (id int PRIMARY KEY); INSERT INTO one VALUES (1);
CREATE VIEW seen AS SELECT * FROM lots;
ANALYZE
"""
# About 2.5 MB, so a page holds about 60 rows.
HOLDING: tuple[tuple[str, dict[str, Any]], ...] = (
    ("not_null", {"columns": ["owner"]}),
    ("where", {"sql": "note <> '%'"}),
    ("accepted", {"column": "owner", "values": [0, 1]}),
    ("references", {"columns": ["owner"], "to": "owners"}),
)


@pytest.fixture(scope="module")
def production(server: Server) -> Iterator[Target]:
    """A live database with a table of some hundred pages."""
    target = server.create("sampled")
    with target.connect() as connection:
        connection.execute(MAKE.encode())
    yield target
    server.drop("sampled")


def check(database: Any, kind: str, **keys: Any) -> Finding:
    """What the criterion finds in a live database, or in one of a rehearsal."""
    criterion = KINDS[kind].model_validate({"id": "c", "kind": kind, **keys})
    before = SavedDatabase("postgresql", database.language, None, Path("none.json"))
    found: Finding = criterion.check(before, database)  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize(("kind", "keys"), HOLDING)
def test_a_sample_says_that_it_is_one(production: Target, kind: str, keys: dict[str, Any]) -> None:
    """In the message and in what was found; the rehearsal reads every row."""
    with closing(LivePostgres(production)) as live, live.checking("c"):
        sampled = check(live, kind, table="lots", sample="10%", **keys)
    with closing(PostgresDatabase(production, "after")) as rehearsed:
        whole = check(rehearsed, kind, table="lots", sample="10%", **keys)

    share = "about 10 % of the rows of lots"
    assert sampled.holds and whole.holds
    assert sampled.message.startswith(f"in a sample, {share}, and nothing is known of the others: all ")
    assert sampled.actual.endswith(f" in a sample of {share}")
    number = re.search(r"all ([\d,]+) ", sampled.message)
    assert number is not None and 500 < int(number[1].replace(",", "")) < 5000
    assert f"all {ROWS:,} " in whole.message and "sample" not in whole.message + whole.actual
    assert live.sampled == {"c": 10.0}


def test_a_fault_in_the_sample_fails_with_its_rows(production: Target) -> None:
    """Every second row is wrong: so is about that share of the sample, and those are the rows that are named."""
    with closing(LivePostgres(production)) as live, live.checking("c"):
        found = check(live, "accepted", table="lots", column="owner", values=[1], sample="10%")

    told = re.search(r"others: ([\d,]+) of ([\d,]+) rows of lots hold another owner", found.message)
    assert told is not None, found.message
    wrong, rows = (int(each.replace(",", "")) for each in told.groups())
    assert not found.holds
    assert 0.4 * rows < wrong < 0.6 * rows and rows < ROWS / 2
    assert found.evidence[0].total == wrong and len(found.evidence[0].rows) == 20
    assert all(int(row[0]) % 2 == 0 for row in found.evidence[0].rows)


@pytest.mark.parametrize(
    ("table", "reason"),
    [("one", "the sample of one holds no row, so this proves nothing"), ("seen", "seen is a view, which cannot be")],
)
def test_a_sample_that_shows_nothing_is_not_checked(production: Target, table: str, reason: str) -> None:
    """No row of the sample is wrong where it has none."""
    with (
        closing(LivePostgres(production)) as live,
        live.checking("c"),
        pytest.raises(NotChecked, match=reason),
    ):
        check(live, "not_null", table=table, columns=["id"], sample="0.0001%")


def test_a_sample_is_weighed_by_what_it_reads(production: Target) -> None:
    """A tenth of a table above `max_scan` may be read, nine tenths may not."""
    with closing(LivePostgres(production, Size.parse("1MB"))) as live:
        with live.checking("c"):
            assert check(live, "not_null", table="lots", columns=["owner"], sample="10%").holds
        assert live.remarks == ()
        with live.checking("c"), pytest.raises(NotChecked, match="in one statement, most of it of lots"):
            check(live, "not_null", table="lots", columns=["owner"], sample="90%")


def test_the_verdict_has_a_note_of_what_was_sampled(migrated: Live) -> None:
    """A GO that rests on a sample says so."""
    migrated.project.plan(
        text=LIVE_PLAN.replace('columns = ["weight_g"]', 'columns = ["weight_g"]\nsample = "99.99999%"'),
        migration=MIGRATION,
    )

    assert migrated.run("--db-url=production") == 0, migrated.project.output
    note = "Only a sample of the rows was looked at, which proves nothing of the others: filled (about 100 %)."
    assert note in migrated.project.result["plans"][0]["notes"]
    assert "in a sample" in migrated.found("filled")["message"]
    assert "Only a sample of the rows" in " ".join(migrated.project.output.split())
