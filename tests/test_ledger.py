"""The ledger: rows before = kept + changed as declared + deleted as declared, and whatever is not is named."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from pytest_cutover.database import Database
from pytest_cutover.errors import CutoverError
from pytest_cutover.ledger import Ledger, TableLedger, read_ledger
from pytest_cutover.plan.model import Changes
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.target import Target

Read = Callable[..., Ledger]

FLIGHTS = """
CREATE TABLE flights (id int PRIMARY KEY, callsign text, cid int);
INSERT INTO flights SELECT n, 'CS' || n, n % 7 FROM generate_series(1, 50) AS n;
"""


@pytest.fixture
def read(new_database: Callable[..., Target]) -> Iterator[Read]:
    """A function that makes a database, migrates a copy of it, and reads the ledger under what is declared."""
    opened: list[Database] = []

    def make(before: str, change: str = "", **declared: Any) -> Ledger:
        first = new_database(before)
        second = new_database(change, template=first)
        opened.extend([PostgresDatabase(first, "before"), PostgresDatabase(second, "after")])
        return read_ledger(opened[-2], opened[-1], Changes.model_validate(declared))

    yield make
    for each in opened:
        each.close()


def test_untouched_database_has_no_violation(read: Read) -> None:
    ledger = read(FLIGHTS)

    assert ledger.tables == {"flights": TableLedger(50, 50)}
    assert (ledger.violations, ledger.evidence) == ([], [])
    assert ledger.tables["flights"].untouched


def test_declared_changes_are_no_violation(read: Read) -> None:
    ledger = read(
        FLIGHTS,
        "UPDATE flights SET cid = 9 WHERE id <= 10; DELETE FROM flights WHERE id > 48; INSERT INTO flights VALUES (99)",
        rows={"flights": {"changed": ["cid"], "added": 1, "deleted": "1..3"}},
    )

    assert ledger.violations == []
    assert ledger.tables["flights"] == TableLedger(50, 49, added=1, deleted=2, changed=10, columns={"cid": 10})
    assert ledger.tables["flights"].kept == 38


def test_undeclared_changes_of_rows_are_named_with_their_keys(read: Read) -> None:
    ledger = read(
        FLIGHTS,
        """UPDATE flights SET callsign = 'x' WHERE id IN (3, 5); DELETE FROM flights WHERE id = 1;
        INSERT INTO flights VALUES (99)""",
    )

    assert ledger.violations == [
        "flights: 1 row was added, declared: none.",
        "flights: 1 row was deleted, declared: none.",
        "flights: 2 values of the column callsign changed, which is not declared.",
    ]
    assert [str(each) for each in ledger.evidence] == [
        "flights: rows added (1)\n    id=99",
        "flights: rows deleted (1)\n    id=1",
        "flights: callsign changed (2)\n    id=3\n    id=5",
    ]


def test_undeclared_column_is_found_among_many_declared_changes(read: Read) -> None:
    """Its own keys are named, not those of the rows that changed as declared."""
    ledger = read(
        FLIGHTS,
        "UPDATE flights SET cid = cid + 1; UPDATE flights SET callsign = lower(callsign) WHERE id = 44",
        rows={"flights": {"changed": ["cid"]}},
    )

    assert ledger.violations == ["flights: 1 value of the column callsign changed, which is not declared."]
    assert ledger.evidence[0].rows == ((44,),)
    assert ledger.tables["flights"].columns == {"callsign": 1, "cid": 50}


@pytest.mark.parametrize("table", ["flights", "archive"])
def test_range_that_is_not_met_is_a_violation_also_where_nothing_changed(read: Read, table: str) -> None:
    ledger = read(
        FLIGHTS + "CREATE TABLE archive (id int PRIMARY KEY);",
        rows={table: {"changed": [], "added": ">=1", "deleted": "2..3"}},
    )

    assert ledger.violations == [
        f"{table}: 0 rows were added, declared: >=1.",
        f"{table}: 0 rows were deleted, declared: 2..3.",
    ]
    assert ledger.evidence == []


def test_declared_column_that_did_not_change_or_is_new_is_no_violation(read: Read) -> None:
    ledger = read(
        FLIGHTS,
        "ALTER TABLE flights ADD COLUMN crew int DEFAULT 2, DROP COLUMN callsign",
        rows={"flights": {"changed": ["cid", "crew", "callsign"]}},
    )

    assert ledger.violations == []
    assert ledger.tables["flights"].untouched


def test_declared_table_or_column_that_is_not_there_is_a_violation(read: Read) -> None:
    ledger = read(
        FLIGHTS
        + """CREATE VIEW seen AS SELECT 1; CREATE TABLE p (id int) PARTITION BY RANGE (id);
        CREATE TABLE p1 PARTITION OF p FOR VALUES FROM (0) TO (9);
        CREATE FOREIGN DATA WRAPPER w; CREATE SERVER s FOREIGN DATA WRAPPER w;
        CREATE FOREIGN TABLE away (id int) SERVER s;""",
        rows={
            "flight": {"changed": ["cid"]},
            "flights": {"changed": ["sid"]},
            "p1": {"added": 0},
            "seen": {"added": 0},
            "away": {"added": 0},
        },
    )

    assert ledger.violations == [
        "flight: its rows are declared to change, but there is no such table before or after.",
        "flights: the column sid is declared to change, but there is none.",
        "p1: its rows are declared to change, but it is a partition: declare the rows of p.",
        "seen: its rows are declared to change, but it is a view.",
        "away: its rows are declared to change, but its rows are on another server.",
    ]
    assert ledger.not_compared == {"away": "its rows are on another server"}


@pytest.mark.parametrize("name", ["table:old.flights", "schema:old"])
def test_dropped_table_takes_its_rows_along_where_that_is_declared(read: Read, name: str) -> None:
    ledger = read(
        "CREATE SCHEMA old; CREATE TABLE old.flights AS SELECT 1 AS id;", "DROP TABLE old.flights", dropped=[name]
    )

    assert ledger.violations == []
    assert ledger.tables["old.flights"] == TableLedger(1, 0, deleted=1)


def test_dropped_table_is_a_violation_where_it_is_not_declared(read: Read) -> None:
    ledger = read(FLIGHTS, "DROP TABLE flights")

    assert ledger.violations == ["flights: the table is gone with its 50 rows, which is not declared."]


def test_dropped_table_that_must_be_empty_may_hold_no_row(read: Read) -> None:
    declared = {"dropped": ["table:flights"], "rows": {"flights": {"deleted": 0}}}

    assert read(FLIGHTS, "DROP TABLE flights", **declared).violations == [
        "flights: 50 rows were deleted, declared: none."
    ]
    assert read(FLIGHTS + "DELETE FROM flights;", "DROP TABLE flights", **declared).violations == []


def test_dropped_table_is_held_to_the_declared_number_of_rows(read: Read) -> None:
    ledger = read(FLIGHTS, "DROP TABLE flights", dropped=["table:flights"], rows={"flights": {"deleted": 49}})

    assert ledger.violations == ["flights: 50 rows were deleted, declared: 49."]


def test_new_table_needs_its_rows_declared(read: Read) -> None:
    create = "CREATE TABLE copy AS SELECT * FROM flights; CREATE TABLE bare (id int)"
    added = ["table:copy", "table:bare"]

    assert read(FLIGHTS, create, added=added, rows={"copy": {"added": ">=1"}}).violations == []
    assert read(FLIGHTS, create, added=added).violations == ["copy: 50 rows were added, declared: none."]
    assert read(FLIGHTS, create, added=added, rows={"copy": {"added": 51}}).violations == [
        "copy: 50 rows were added, declared: 51."
    ]


def test_table_without_a_key_is_held_to_its_declared_columns(read: Read) -> None:
    create = (
        "CREATE TABLE log (at int, note text); INSERT INTO log SELECT n % 5, 'n' || n FROM generate_series(1, 20) AS n;"
    )
    rows = {"log": {"changed": ["note"], "deleted": 4}}
    change = "UPDATE log SET note = 'x' WHERE at = 1; DELETE FROM log WHERE at = 2;"

    good = read(create, change, rows=rows)
    bad = read(create, change + "UPDATE log SET at = 9 WHERE at = 3", rows=rows)

    assert good.violations == []
    assert good.tables["log"] == TableLedger(20, 16, deleted=4, changed=4, columns={"note": 4})
    assert bad.violations == [
        "log: 4 rows were added, declared: none. Its rows were compared as a bag: no key holds on both sides.",
        "log: 8 rows were deleted, declared: 4. Its rows were compared as a bag: no key holds on both sides.",
    ]


def test_rows_moved_between_partitions_are_no_change(read: Read) -> None:
    ledger = read(
        """CREATE TABLE p (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE rest PARTITION OF p DEFAULT;
        INSERT INTO p VALUES (1), (2);""",
        "CREATE TABLE low PARTITION OF p FOR VALUES FROM (10) TO (20); INSERT INTO p VALUES (11)",
        rows={"p": {"added": 1}},
    )

    assert ledger.violations == []
    assert ledger.tables == {"p": TableLedger(2, 3, added=1)}


@pytest.mark.parametrize(
    "wrong",
    [
        {"before": 5, "after": 5, "added": 1},
        {"before": 5, "after": 4},
        {"before": 5, "after": 5, "changed": 6, "columns": {"a": 6}},
        {"before": 5, "after": 5, "changed": 2},
        {"before": 5, "after": 5, "changed": 2, "columns": {"a": 1}},
        {"before": 5, "after": 5, "changed": 1, "columns": {"a": 2}},
        {"before": 5, "after": 5, "columns": {"a": 1}},
        {"before": 1, "after": 0, "deleted": 2, "added": 1},
    ],
)
def test_books_that_do_not_balance_are_an_error(wrong: dict[str, Any]) -> None:
    with pytest.raises(CutoverError, match="the books of a table do not balance"):
        TableLedger(**wrong)
