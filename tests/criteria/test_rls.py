"""Row-level security of a table is on, with the policies that should be there."""

from __future__ import annotations

import pytest

from tests.criteria.conftest import problem

BASE = """
CREATE TABLE notes (id int PRIMARY KEY, tenant int NOT NULL);
CREATE VIEW all_notes AS SELECT * FROM notes;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (tenant = current_setting('app.tenant', true)::int);
CREATE POLICY write ON notes FOR INSERT WITH CHECK (true);
"""


def test_security_with_its_policies_holds(migrated):
    """The order of the names does not matter, and it held before."""
    finding = migrated(BASE).check("rls", table="notes", policies=["write", "own"], forced=False)

    assert finding.holds
    assert finding.held_before
    assert finding.message == "row-level security of notes is as it should be"
    assert finding.actual == "enabled, policies own, write"


def test_the_number_of_policies_may_stand_for_their_names(migrated):
    """A range, too."""
    pair = migrated(BASE)

    assert pair.check("rls", table="notes", policies=2).holds
    assert pair.check("rls", table="notes", policies="1..2").holds
    assert (
        pair.check("rls", table="notes", policies=3).message == "row-level security of notes has 2 policies, expected 3"
    )


@pytest.mark.parametrize(
    ("change", "keys", "message"),
    [
        ("ALTER TABLE notes DISABLE ROW LEVEL SECURITY", {},
         "is disabled, expected is enabled: its 2 policies have no effect"),
        ("DROP POLICY own ON notes", {"policies": ["own", "write"]}, "lacks the policy own"),
        ("CREATE POLICY everybody ON notes USING (true)", {"policies": ["own", "write"]},
         "has the policy everybody besides those named"),
        ("ALTER POLICY own ON notes RENAME TO mine", {"policies": ["own", "write"]},
         "lacks the policy own; has the policy mine besides those named"),
        ("DROP POLICY own ON notes; DROP POLICY write ON notes", {},
         "is enabled without a policy: nobody but the owner and exempt roles sees a row"),
        ("DROP POLICY own ON notes; DROP POLICY write ON notes; CREATE POLICY narrow ON notes AS RESTRICTIVE USING (true)",
         {}, "is enabled with restrictive policies only: nobody but the owner and exempt roles sees a row"),
        ("ALTER TABLE notes OWNER TO CURRENT_USER", {"forced": True}, "is not forced: it does not bind the owner"),
        ("ALTER TABLE notes FORCE ROW LEVEL SECURITY", {"forced": False}, "is forced, expected is not forced"),
        ("ALTER TABLE notes OWNER TO CURRENT_USER", {"enabled": False}, "is enabled, expected is disabled"),
    ],
)  # fmt: skip
def test_security_that_differs_fails(migrated, change, keys, message):
    """Each difference is named."""
    finding = migrated(BASE, change).check("rls", table="notes", **keys)

    assert not finding.holds
    assert finding.message == f"row-level security of notes {message}"


def test_a_table_made_anew_has_lost_its_security(migrated):
    """CREATE TABLE … LIKE copies neither the switch nor the policies."""
    pair = migrated(
        BASE,
        "DROP VIEW all_notes; CREATE TABLE new (LIKE notes INCLUDING ALL); DROP TABLE notes;"
        " ALTER TABLE new RENAME TO notes",
    )

    finding = pair.check("rls", table="notes", policies=["own", "write"])

    assert finding.message == (
        "row-level security of notes is disabled, expected is enabled; lacks the policy own, write"
    )
    assert finding.before == "enabled, policies own, write"
    assert finding.held_before


def test_no_policy_may_be_meant(migrated):
    """An empty list says so."""
    pair = migrated(BASE, "DROP POLICY own ON notes; DROP POLICY write ON notes")

    assert pair.check("rls", table="notes", policies=[]).holds


def test_what_is_not_there_or_has_no_security_fails(migrated):
    """Absence proves nothing."""
    pair = migrated(BASE)

    assert pair.check("rls", table="note").message == 'there is no table note; did you mean "notes"?'
    finding = pair.check("rls", table="all_notes")
    assert finding.message == "all_notes is a view, which has no row-level security of its own"


def test_a_policy_named_twice_is_a_mistake():
    """It was meant to be another."""
    assert "named twice: own" in problem("rls", table="notes", policies=["own", "own"])
