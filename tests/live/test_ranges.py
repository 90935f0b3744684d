"""A large table is read by ranges of its key: the same findings, and no row is lost or counted twice."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding
from pytest_cutover.live import limits
from pytest_cutover.live.baseline import SavedDatabase
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.plan.values import Size
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

SMALL = Size.parse("64kB")
FILLER = "x" * 60

# 1,200 rows each, about 150 kB: `filler` makes sure of it.
TABLES = {
    "whole": ("id int PRIMARY KEY", "2 * n - 1200"),
    "texts": (
        "id text PRIMARY KEY",
        "CASE WHEN n = 1 THEN '' ELSE chr(33 + n / 12) || '%''\\\"' || to_char(n, '00000') END",
    ),
    "moments": ("id timestamptz PRIMARY KEY", "'2026-01-01'::timestamptz + n * interval '1 second'"),
    "numbers": ("id numeric PRIMARY KEY", "CASE WHEN n = 1200 THEN 'NaN' ELSE n / 7.0 END"),
    "uuids": ("id uuid PRIMARY KEY", "('00000000-0000-0000-0000-' || lpad(n::text, 12, '0'))::uuid"),
    "several": ("id int, part text, PRIMARY KEY (id, part)", "n / 40, 'p' || n"),
    "one_tenant": ("id int, part text, PRIMARY KEY (id, part)", "1, to_char(n, '00000')"),
    "parted": ("id int PRIMARY KEY", "n"),
    "no_primary": ("id bigint NOT NULL UNIQUE", "n"),
}
"""By name: the key, and the values of its columns for the rows 1 to 1,200."""

MAKE = """
CREATE TABLE kinds (id int PRIMARY KEY, owner int);
INSERT INTO kinds VALUES (0, 0), (1, 1);
""" + "".join(
    f"CREATE TABLE {name} ({key}, cents int, kind int, owner int, filler text DEFAULT '{FILLER}')"
    + (" PARTITION BY RANGE (id);" if name == "parted" else ";")
    + ("".join(
        f"CREATE TABLE parted_{low} PARTITION OF parted FOR VALUES FROM ({low}) TO ({low + 500});"
        for low in (0, 500, 1000)
    ) if name == "parted" else "")
    + f"INSERT INTO {name} SELECT {values}, nullif(n % 300, 7), n % 2, (n + (n % 400 = 5)::int) % 2"
    " FROM generate_series(1, 1200) AS n;"
    for name, (key, values) in TABLES.items()
) + "ANALYZE;"  # fmt: skip

CRITERIA: tuple[tuple[str, dict[str, Any]], ...] = (
    ("not_null", {"columns": ["cents", "kind"]}),
    ("where", {"sql": "cents < 250 AND filler NOT LIKE '%y%'"}),
    ("where", {"sql": "kind IN (SELECT id FROM kinds)"}),
    ("accepted", {"column": "filler", "values": [FILLER, "%"]}),
    ("row_count", {"equals": 1200}),
    ("references", {"columns": ["kind"], "to": "kinds", "match": ["owner"]}),
    ("references", {"columns": ["cents"], "to": "kinds"}),
)


@pytest.fixture(scope="module")
def large(server: Server) -> Iterator[Target]:
    """A database of tables that are too large for what a statement may read."""
    target = server.create("large")
    with target.connect() as connection:
        connection.execute(MAKE.encode())
    yield target
    server.drop("large")


@contextmanager
def live(target: Target, limit: Size = SMALL) -> Iterator[LivePostgres]:
    """The live view in which one statement may read no more than the limit."""
    with closing(LivePostgres(target, limit)) as database:
        yield database


def check(database: Any, kind: str, **keys: Any) -> Finding:
    """What the criterion finds where nothing is known of before."""
    criterion = KINDS[kind].model_validate({"id": "c", "kind": kind, **keys})
    before = SavedDatabase("postgresql", database.language, None, Path("none.json"))
    found: Finding = criterion.check(before, database)  # type: ignore[attr-defined]
    return found


@pytest.mark.parametrize("table", sorted(TABLES))
def test_ranges_find_what_one_statement_finds(large: Target, table: str) -> None:
    """Numbers, message and evidence, of criteria that hold and of some that do not, whatever the key."""
    with closing(PostgresDatabase(large, "after")) as in_one, live(large) as by_ranges:
        for kind, keys in CRITERIA:
            with by_ranges.checking("c", 60):
                found = check(by_ranges, kind, table=table, **keys)
            expected = check(in_one, kind, table=table, **keys)

            if table == "no_primary":
                # Without a primary key evidence is told by place, and ranges go by the key.
                assert [len(each.rows) for each in found.evidence] == [len(each.rows) for each in expected.evidence]
                assert str(found).split("\n")[0] == str(expected).split("\n")[0]
            else:
                assert found == expected
            assert len(by_ranges.remarks) == 1
            assert int(by_ranges.remarks[0].split()[4].replace(",", "")) > 4, by_ranges.remarks


@pytest.fixture(scope="module")
def keyed(server: Server) -> Iterator[Target]:
    """A database with tables to be filled."""
    target = server.create("keyed")
    with target.connect() as connection:
        connection.execute(
            "CREATE TABLE numbers (a bigint PRIMARY KEY); CREATE TABLE texts (a text PRIMARY KEY);"
            "CREATE TABLE pairs (a bigint, b text, PRIMARY KEY (a, b))"
        )
    yield target
    server.drop("keyed")


NUMBERS = st.integers(-(2**63), 2**63 - 1) | st.integers(-5, 5)
TEXTS = st.text(st.characters(exclude_characters="\x00", exclude_categories=["Cs"]), max_size=4)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    filled=st.tuples(st.just("numbers"), st.sets(st.tuples(NUMBERS), max_size=12))
    | st.tuples(st.just("texts"), st.sets(st.tuples(TEXTS), max_size=12))
    | st.tuples(st.just("pairs"), st.sets(st.tuples(st.integers(-1, 1), TEXTS), max_size=12)),
    limit=st.integers(1, 8000),
)
def test_each_row_is_in_exactly_one_range(keyed: Target, filled: tuple[str, set[tuple[Any, ...]]], limit: int) -> None:
    """Whatever the keys are and wherever the borders come to lie."""
    table, keys = filled
    with keyed.connect() as connection:
        connection.execute(f"TRUNCATE {table}".encode())
        with connection.cursor() as cursor:
            cursor.executemany(
                f"INSERT INTO {table} VALUES ({', '.join(['%s'] * (2 if table == 'pairs' else 1))})".encode(),
                sorted(keys),
            )
        connection.execute(f"ANALYZE {table}".encode())
    with live(keyed, Size(limit)) as database, database.checking("c"):
        found = [
            row for part in database.parts(table) for row in database.query(f"SELECT * FROM {table} WHERE {part}").rows
        ]

    assert sorted(found) == sorted(keys)


def test_rows_that_come_meanwhile_are_neither_lost_nor_doubled(
    new_database: Callable[..., Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The last range has no end, and over several snapshots what was there all the time is seen once."""
    monkeypatch.setattr(limits, "SNAPSHOT_S", 0.6)
    target = new_database(
        "CREATE TABLE t (id int PRIMARY KEY, filler text);"
        "INSERT INTO t SELECT n * 10, repeat('x', 200) FROM generate_series(1, 1000) AS n; ANALYZE"
    )
    seen: list[int] = []
    with live(target) as database, database.checking("c", 30), target.connect() as other:
        for number, part in enumerate(database.parts("t")):
            seen += [row[0] for row in database.query(f"SELECT id FROM t WHERE {part}").rows]
            if number == 2:
                other.execute("INSERT INTO t VALUES (1, 'behind'), (20005, 'beyond'); DELETE FROM t WHERE id = 9990")
                time.sleep(0.4)  # more than half of what a snapshot may last

    assert len(seen) == len(set(seen))
    assert set(range(10, 9990, 10)) | {10000, 20005} == set(seen)
    assert len(database.snapshots) > 1
    assert f"in {len(database.snapshots)} snapshots and so not as it was at one moment" in database.remarks[0]
    assert {tuple(each.criteria) for each in database.snapshots} == {("c",)}


def test_after_each_range_there_is_a_pause(large: Target, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as the range took, so that a live run takes half of what there is at most."""
    pauses: list[float] = []
    monkeypatch.setattr("pytest_cutover.live.postgresql.time.sleep", pauses.append)
    with live(large) as database, database.checking("c"):
        database.count("whole")
        ranges = int(database.remarks[0].split()[4])

    assert len(pauses) == ranges - 1
    assert all(0 < pause <= limits.PAUSE_S for pause in pauses)


def test_a_table_that_takes_longer_than_the_budget_is_not_checked(
    large: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A part of the ranges is no finding."""
    wait = time.sleep
    monkeypatch.setattr("pytest_cutover.live.postgresql.time.sleep", lambda _: wait(0.4))
    with live(large) as database:
        with database.checking("(schema)", 30):
            _ = database.catalog
        told = r"longer than 1.00 s .* by ranges with pauses; `budget` of the criterion"
        with pytest.raises(NotChecked, match=told), database.checking("c", 1.0):
            check(database, "row_count", table="whole", equals=1200)


@pytest.mark.parametrize(
    "table",
    [
        "id int",
        "id int UNIQUE",
        "id float8 PRIMARY KEY",
        "id int, other int NOT NULL; CREATE UNIQUE INDEX ON t (other) WHERE id > 0",
        "id int NOT NULL; CREATE UNIQUE INDEX ON t ((id + 1))",
        "id int PRIMARY KEY; CREATE TABLE child () INHERITS (t)",
        "id text PRIMARY KEY; UPDATE pg_database SET datcollversion = '0' WHERE datname = current_database()",
    ],
)
def test_a_table_without_a_key_to_rely_on_is_not_read_by_ranges(
    new_database: Callable[..., Target], table: str
) -> None:
    """Neither in one statement: it is larger than what one may read."""
    columns, _, more = table.partition(";")
    target = new_database(
        f"CREATE TABLE t ({columns}, filler text);{more};"
        f"INSERT INTO t (id, filler{', other' if 'other' in columns else ''}) "
        f"SELECT n, repeat('x', 50){', n' if 'other' in columns else ''} FROM generate_series(1, 2000) AS n; ANALYZE"
    )
    told = "in one statement, most of it of t"
    with live(target) as database, database.checking("c"), pytest.raises(NotChecked, match=told):
        check(database, "not_null", table="t", columns=["filler"])
