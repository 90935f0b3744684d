"""NOT NULL means the same on every server, though newer ones keep it as a constraint with a name."""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest

from pytest_cutover.catalog import Catalog, CatalogDiff, diff, read_catalog
from pytest_cutover.criteria.only_declared_changes import OnlyDeclaredChanges
from pytest_cutover.database import Database
from pytest_cutover.ledger import read_ledger
from pytest_cutover.plan.model import Changes
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import Server
from pytest_cutover.state import compare_states
from pytest_cutover.target import Target

BEFORE = """
CREATE TABLE t (id int PRIMARY KEY, a int NOT NULL, b int);
CREATE TABLE u (id int);
CREATE TABLE parted (k int NOT NULL, v int) PARTITION BY RANGE (k);
CREATE TABLE parted_1 PARTITION OF parted FOR VALUES FROM (0) TO (10) PARTITION BY RANGE (v);
CREATE TABLE parted_1_1 PARTITION OF parted_1 FOR VALUES FROM (0) TO (10);
CREATE TABLE base (x int NOT NULL, y int);
CREATE TABLE kid (z int) INHERITS (base);
"""
CHANGES = [
    ("ALTER TABLE t ALTER b SET NOT NULL", {"altered column:t.b"}),
    ("ALTER TABLE t ALTER a DROP NOT NULL", {"altered column:t.a"}),
    ("ALTER TABLE t ADD COLUMN n int NOT NULL DEFAULT 0", {"added column:t.n"}),
    ("ALTER TABLE t DROP COLUMN a", {"dropped column:t.a"}),
    ("ALTER TABLE t RENAME a TO aa", {"dropped column:t.a", "added column:t.aa"}),
    ("ALTER TABLE t RENAME a TO x; ALTER TABLE t RENAME b TO a; ALTER TABLE t RENAME x TO b",
     {"altered column:t.a", "altered column:t.b", "altered table:t"}),
    ("ALTER TABLE t RENAME a TO aa; ALTER TABLE t ADD COLUMN a int NOT NULL DEFAULT 0",
     {"added column:t.aa", "altered column:t.a", "altered table:t"}),
    ("ALTER TABLE t RENAME TO moved; ALTER TABLE moved ALTER a DROP NOT NULL; ALTER TABLE moved ALTER a SET NOT NULL;"
     " ALTER TABLE moved RENAME TO t", set()),
    ("ALTER TABLE u ADD PRIMARY KEY (id)", {"added constraint:u.u_pkey", "altered column:u.id"}),
    ("ALTER TABLE parted ALTER v SET NOT NULL", {"altered column:parted.v"}),
    ("ALTER TABLE parted ADD COLUMN n int NOT NULL DEFAULT 0", {"added column:parted.n"}),
    ("ALTER TABLE base RENAME x TO xx", {"dropped column:base.x", "added column:base.xx"}),
    ("ALTER TABLE base ALTER y SET NOT NULL", {"altered column:base.y"}),
    ("CREATE TABLE other (id int PRIMARY KEY, a int NOT NULL)", {"added table:other"}),
    ("DROP TABLE u; CREATE TABLE u (id int)", set()),
]  # fmt: skip


@pytest.fixture(scope="module")
def database(traced_server: Server) -> Iterator[Target]:
    """A database of BEFORE on a server of each major version."""
    target = traced_server.create("not_null")
    with target.connect() as connection:
        connection.execute(BEFORE.encode())
    yield target
    traced_server.drop("not_null")


@pytest.fixture
def connection(database: Target) -> Iterator[psycopg.Connection]:
    """A connection inside of a transaction that leaves nothing behind."""
    with database.connect() as opened:
        opened.execute("BEGIN")
        yield opened
        opened.execute("ROLLBACK")


def _named(found: CatalogDiff) -> set[str]:
    return {f"{each.kind} {each.object}" for each in (*found.added, *found.dropped, *found.altered)}


@pytest.mark.parametrize(("change", "expected"), CHANGES, ids=[change for change, _ in CHANGES])
def test_a_change_of_not_null_is_a_change_of_the_column(
    change: str, expected: set[str], connection: psycopg.Connection
) -> None:
    """There and back: what a plan declares on one server, it declares on all."""
    before = read_catalog(connection)
    connection.execute(change.encode())
    after = read_catalog(connection)

    opposite = {"added": "dropped", "dropped": "added", "altered": "altered"}
    assert _named(diff(before, after)) == expected
    assert _named(diff(after, before)) == {
        f"{opposite[kind]} {name}" for kind, _, name in (each.partition(" ") for each in expected)
    }


def test_servers_of_two_major_versions_have_the_same_not_null(connection: psycopg.Connection, server: Server) -> None:
    """Production and the rehearsal may be of two."""
    target = server.create("not_null_elsewhere")
    with target.connect() as other:
        other.execute(BEFORE.encode())
        elsewhere = read_catalog(other)
    server.drop("not_null_elsewhere")

    here = read_catalog(connection)

    assert not diff(here, elsewhere)
    assert not diff(elsewhere, here)


def _nullable(catalog: Catalog) -> dict[str, bool]:
    return {each.name: each.nullable for each in catalog.columns_of("t")}


@pytest.fixture(scope="module")
def migrated(traced_server: Server, database: Target) -> Iterator[tuple[Database, Database]]:
    """The database before and after a migration that sets and drops NOT NULL, also on partitions of partitions."""
    target = traced_server.create("not_null_after", template=database)
    with target.connect() as opened:
        opened.execute(
            b"ALTER TABLE t ALTER b SET NOT NULL; ALTER TABLE t RENAME a TO aa; ALTER TABLE parted ALTER v SET NOT NULL;"
            b"ALTER TABLE parted ADD COLUMN n int NOT NULL DEFAULT 0"
        )
    before, after = PostgresDatabase(database, "before"), PostgresDatabase(target, "after")
    yield before, after
    before.close()
    after.close()
    traced_server.drop("not_null_after")


DECLARED = Changes(
    added=["column:t.aa", "column:parted.n"], dropped=["column:t.a"], altered=["column:t.b", "column:parted.v"]
)


def test_a_plan_that_declares_the_columns_declares_all(migrated: tuple[Database, Database]) -> None:
    """One that leaves a column out is told of that."""
    before, after = migrated
    criterion = OnlyDeclaredChanges(id="c", kind="only_declared_changes", changes=DECLARED)
    fewer = DECLARED.model_copy(update={"altered": ["column:parted.v"]})
    other = OnlyDeclaredChanges(id="c", kind="only_declared_changes", changes=fewer)

    found = criterion.check(before, after, read_ledger(before, after, DECLARED))
    lacking = other.check(before, after, read_ledger(before, after, fewer))

    assert found.holds, found
    assert lacking.message.startswith("column:t.b: altered, which the plan does not declare (nullable → NOT NULL)")


def test_a_rollback_that_leaves_a_column_not_null_says_so_by_the_column(migrated: tuple[Database, Database]) -> None:
    """Naming the column in `residue` accepts it."""
    accepted = [*DECLARED.added, *DECLARED.dropped, *DECLARED.altered]
    accepted += ["column:parted_1.n", "column:parted_1.v", "column:parted_1_1.n", "column:parted_1_1.v"]

    assert not compare_states(*migrated, accepted=accepted).objects
    left = compare_states(*migrated, accepted=[each for each in accepted if each != "column:t.b"])
    assert "column:t.b" in left.named


@pytest.fixture
def newer(connection: psycopg.Connection) -> psycopg.Connection:
    """A connection to a server that knows NOT NULL of rows that were not looked at, and NOT ENFORCED."""
    if connection.info.server_version < 180000:
        pytest.skip("PostgreSQL 18 is the first that has it")
    return connection


def test_a_not_null_that_was_not_validated_leaves_the_column_nullable(newer: psycopg.Connection) -> None:
    """The rows that were there may hold NULL, whatever the column says."""
    newer.execute("INSERT INTO t VALUES (1, 1, NULL)")
    newer.execute("ALTER TABLE t ADD CONSTRAINT b_known NOT NULL b NOT VALID")
    unproved = read_catalog(newer)
    newer.execute("UPDATE t SET b = 1")
    newer.execute("ALTER TABLE t VALIDATE CONSTRAINT b_known")

    proved = read_catalog(newer)

    assert [_nullable(each)["b"] for each in (unproved, proved)] == [True, False]
    assert not unproved.constraints["t.b_known"].validated
    assert "altered column:t.b" in _named(diff(unproved, proved))


def test_a_not_null_constraint_that_somebody_named_keeps_its_name(newer: psycopg.Connection) -> None:
    """Somebody may drop it by that name."""
    newer.execute("ALTER TABLE t ADD CONSTRAINT b_known NOT NULL b")
    before = read_catalog(newer)
    newer.execute("ALTER TABLE t RENAME CONSTRAINT b_known TO b_there")

    found = diff(before, read_catalog(newer))

    assert _named(found) == {"dropped constraint:t.b_known", "added constraint:t.b_there"}


def test_what_else_changes_of_a_not_null_constraint_is_told(newer: psycopg.Connection) -> None:
    """Its column is as it was."""
    before = read_catalog(newer)
    newer.execute("ALTER TABLE base ALTER CONSTRAINT base_x_not_null NO INHERIT")
    newer.execute("COMMENT ON CONSTRAINT t_a_not_null ON t IS 'said'")

    found = _named(diff(before, read_catalog(newer)))

    assert {"altered constraint:base.base_x_not_null", "altered constraint:t.t_a_not_null"} <= found
