"""An index is on the right columns and valid."""

from __future__ import annotations

import pytest

from tests.criteria.conftest import problem

BASE = """
CREATE TABLE flights (id int PRIMARY KEY, callsign varchar(10), cid int);
CREATE UNIQUE INDEX by_both ON flights (callsign, cid DESC) WHERE cid > 0;
CREATE INDEX by_lower ON flights (lower(callsign));
"""


@pytest.mark.parametrize(
    ("name", "definition"),
    [
        ("by_both", None),
        ("by_both", "CREATE UNIQUE INDEX ON flights (callsign, cid DESC) WHERE cid > 0"),
        ("public.by_both", "CREATE UNIQUE INDEX IF NOT EXISTS by_both ON public.flights USING btree (callsign, cid DESC "
                           "NULLS FIRST) WHERE (cid > 0)"),
        ("by_lower", "create index concurrently by_lower on flights (lower(callsign))"),
        ("flights_pkey", "CREATE UNIQUE INDEX ON flights (id)"),
    ],
)  # fmt: skip
def test_a_persons_and_the_servers_spelling_are_one(migrated, name, definition):
    """Defaults may be written or left out."""
    finding = migrated(BASE).check("index", name=name, definition=definition)

    assert finding.holds, finding


@pytest.mark.parametrize(
    "definition",
    [
        "CREATE UNIQUE INDEX ON flights (cid DESC, callsign) WHERE cid > 0",
        "CREATE UNIQUE INDEX ON flights (callsign, cid) WHERE cid > 0",
        "CREATE UNIQUE INDEX ON flights (callsign, cid DESC)",
        "CREATE UNIQUE INDEX ON flights (callsign, cid DESC) WHERE cid > 1",
        "CREATE INDEX ON flights (callsign, cid DESC) WHERE cid > 0",
        "CREATE UNIQUE INDEX ON flights (callsign varchar_pattern_ops, cid DESC) WHERE cid > 0",
        "CREATE UNIQUE INDEX ON archive.flights (callsign, cid DESC) WHERE cid > 0",
    ],
)
def test_another_definition_fails(migrated, definition):
    """Order, columns, WHERE, uniqueness, operator class and table count."""
    finding = migrated(BASE).check("index", name="by_both", definition=definition)

    assert not finding.holds
    assert f"expected is {definition}" in finding.message


def test_an_index_that_could_not_be_built_fails_unless_asked_for(migrated):
    """CONCURRENTLY over duplicates leaves an index that is not valid, and IF NOT EXISTS accepts it."""
    pair = migrated(BASE, "UPDATE pg_index SET indisvalid = false WHERE indexrelid = 'by_both'::regclass")

    assert pair.check("index", name="by_both").message == "index by_both is not valid: no query uses it"
    assert pair.check("index", name="by_both", valid=False).holds
    assert not pair.check("index", name="by_lower", valid=False).holds


def test_an_index_that_is_not_ready_fails(migrated):
    """Writes do not reach it yet."""
    pair = migrated(BASE, "UPDATE pg_index SET indisready = false WHERE indexrelid = 'by_both'::regclass")

    assert pair.check("index", name="by_both").message == "index by_both is not ready for writes: no query uses it"


def test_uniqueness_alone(migrated):
    """Without a definition."""
    pair = migrated(BASE)

    assert pair.check("index", name="by_both", unique=True).holds
    assert pair.check("index", name="by_lower", unique=True).message == "index by_lower is not unique"


def test_a_missing_index_fails(migrated):
    """Dropped, or misspelt."""
    assert migrated(BASE, "DROP INDEX by_both").check("index", name="by_both").message == (
        "there is no index by_both, though there was one before"
    )
    assert 'did you mean "by_lower"?' in migrated(BASE).check("index", name="by_lowr").message


@pytest.mark.parametrize(
    ("keys", "message"),
    [
        ({"definition": "CREATE INDEX other ON t (a)"}, 'name = "i", but the definition makes "other"'),
        ({"definition": "CREATE UNIQUE INDEX ON t (a)", "unique": False}, "the definition says otherwise"),
        ({"definition": "DROP INDEX i"}, "is not one CREATE INDEX statement"),
        ({"definition": "CREATE INDEX ON t (a); DROP TABLE t"}, "is not one CREATE INDEX statement"),
        ({"definition": "(a, b)"}, "is not SQL"),
    ],
)
def test_what_contradicts_itself_is_a_mistake(keys, message):
    """Found when the plan is read."""
    assert message in problem("index", name="i", **keys)
