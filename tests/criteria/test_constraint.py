"""A constraint says what it should and is validated."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from pytest_cutover.criteria.inventory import flaw
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import Server
from tests.criteria.conftest import Pair, problem

BASE = """
CREATE TABLE lots (id int PRIMARY KEY, a int, status varchar(10), code text,
    CONSTRAINT positive CHECK (a > 0), CONSTRAINT known CHECK (status IN ('open', 'paid')),
    CONSTRAINT small CHECK (a BETWEEN 1 AND 5 AND code LIKE 'x%' AND a > -1), CONSTRAINT one_code UNIQUE (code, a));
CREATE TABLE spaces (id int, lot int CONSTRAINT to_lot REFERENCES lots ON DELETE CASCADE);
"""


@pytest.mark.parametrize(
    ("table", "name", "definition"),
    [
        ("lots", "positive", None),
        ("lots", "positive", "CHECK (a > 0)"),
        ("lots", "positive", "CHECK ((a > 0))"),
        ("lots", "known", "check (status in ('open', 'paid'))"),
        ("lots", "small", "CHECK (a BETWEEN 1 AND 5 AND code LIKE 'x%' AND a > -1)"),
        ("lots", "one_code", "UNIQUE (code, a)"),
        ("lots", "lots_pkey", "PRIMARY KEY (id)"),
        ("spaces", "to_lot", "FOREIGN KEY (lot) REFERENCES lots (id) ON DELETE CASCADE"),
        ("spaces", "to_lot", "FOREIGN KEY (lot) REFERENCES public.lots ON DELETE CASCADE"),
    ],
)
def test_a_persons_and_the_servers_spelling_are_one(migrated, table, name, definition):
    """As in CREATE TABLE, or as pg_get_constraintdef prints it."""
    finding = migrated(BASE).check("constraint", table=table, name=name, definition=definition)

    assert finding.holds, finding


@pytest.mark.parametrize(
    ("table", "name", "definition"),
    [
        ("lots", "positive", "CHECK (a >= 0)"),
        ("lots", "positive", "CHECK (a > 0 OR code IS NULL)"),
        ("lots", "known", "CHECK (status IN ('open', 'paid', 'lost'))"),
        ("lots", "known", "CHECK (status NOT IN ('open', 'paid'))"),
        ("lots", "one_code", "UNIQUE (a, code)"),
        ("lots", "one_code", "UNIQUE NULLS NOT DISTINCT (code, a)"),
        ("lots", "lots_pkey", "UNIQUE (id)"),
        ("spaces", "to_lot", "FOREIGN KEY (lot) REFERENCES lots (id)"),
        ("spaces", "to_lot", "FOREIGN KEY (lot) REFERENCES lots (a) ON DELETE CASCADE"),
        ("spaces", "to_lot", "FOREIGN KEY (lot) REFERENCES archive.lots (id) ON DELETE CASCADE"),
    ],
)
def test_another_definition_fails(migrated, table, name, definition):
    """The message shows both."""
    finding = migrated(BASE).check("constraint", table=table, name=name, definition=definition)

    assert not finding.holds
    assert f", expected is {definition}" in finding.message


def test_not_valid_fails_unless_asked_for(migrated):
    """A constraint that was not validated says nothing of the rows that are there."""
    pair = migrated(BASE, "ALTER TABLE lots ADD CONSTRAINT big CHECK (a > 1) NOT VALID")

    assert pair.check("constraint", table="lots", name="big").message == "constraint big of lots is not validated"
    assert pair.check("constraint", table="lots", name="big", validated=False, definition="CHECK (a > 1)").holds
    assert not pair.check("constraint", table="lots", name="positive", validated=False).holds


def test_a_foreign_key_whose_triggers_are_off_fails(migrated):
    """It is in every list and lets everything in."""
    finding = migrated(BASE, "ALTER TABLE spaces DISABLE TRIGGER ALL").check(
        "constraint", table="spaces", name="to_lot"
    )

    assert not finding.holds
    assert "is not enforced" in finding.message


def test_a_missing_constraint_fails(migrated):
    """Misspelt or dropped."""
    finding = migrated(BASE, "ALTER TABLE lots DROP CONSTRAINT known").check("constraint", table="lots", name="known")
    misspelt = migrated(BASE).check("constraint", table="lots", name="postive")

    assert finding.message == "lots has no constraint known, though there was one before"
    assert finding.held_before is True
    assert misspelt.message == 'lots has no constraint postive; did you mean "positive"?'


@pytest.mark.parametrize(
    "definition", ["a > 0", "CHECK (a > 0), ADD CHECK (a > 1)", "CHECK (a > 0); SELECT 1", "CHECK ("]
)
def test_what_defines_no_constraint_is_a_mistake(definition):
    """Found when the plan is read."""
    assert "constraint" in problem("constraint", table="lots", name="x", definition=definition)


@pytest.fixture
def unenforced(traced_server: Server) -> Iterator[PostgresDatabase]:
    """A database with a CHECK and a foreign key that are NOT ENFORCED."""
    if traced_server.facts.major < 18:
        pytest.skip("PostgreSQL 18 is the first that has NOT ENFORCED")
    target = traced_server.create("unenforced")
    with target.connect() as connection:
        connection.execute(
            b"CREATE TABLE t (id int PRIMARY KEY, CONSTRAINT small CHECK (id < 9) NOT ENFORCED,"
            b" CONSTRAINT other FOREIGN KEY (id) REFERENCES t NOT ENFORCED); INSERT INTO t VALUES (10)"
        )
    yield (database := PostgresDatabase(target, "after"))
    database.close()
    traced_server.drop("unenforced")


@pytest.mark.parametrize(
    ("name", "enforced"), [("small", "CHECK (id < 9)"), ("other", "FOREIGN KEY (id) REFERENCES t")]
)
def test_one_that_is_not_enforced_fails_unless_the_plan_says_so(
    name: str, enforced: str, unenforced: PostgresDatabase, tmp_path: Path
) -> None:
    """It is in the catalog, and no row is held to it; NOT VALID would hold new ones to it."""
    pair = Pair(unenforced, unenforced, tmp_path)

    for keys in ({}, {"validated": False}, {"validated": False, "definition": enforced}):
        finding = pair.check("constraint", table="t", name=name, **keys)
        assert not finding.holds
        assert "NOT ENFORCED" in finding.message
    assert pair.check(
        "constraint", table="t", name=name, validated=False, definition=f"{enforced} NOT ENFORCED"
    ).holds  # fmt: skip
    there = flaw(unenforced.catalog.constraints[f"t.{name}"])
    assert there == "is NOT ENFORCED: no row is held to it"
