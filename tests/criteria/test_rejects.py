"""A statement that must not work is refused, for the right reason."""

from __future__ import annotations

import pytest

from tests.criteria.conftest import problem

BASE = """
CREATE TABLE series (id int PRIMARY KEY, name text NOT NULL, league int NOT NULL, UNIQUE (name, league));
CREATE TABLE players (id int PRIMARY KEY, series int REFERENCES series DEFERRABLE INITIALLY DEFERRED);
INSERT INTO series VALUES (1, 'North', 1);
"""


@pytest.mark.parametrize(
    ("sql", "keys"),
    [
        ("INSERT INTO series VALUES (2, 'North', 1)", {"sqlstate": "23505"}),
        ("INSERT INTO series VALUES (2, 'North', 1)", {}),
        ("INSERT INTO series (id, name) VALUES (2, 'South')", {"sqlstate": "23502"}),
        ("INSERT INTO series VALUES (3000000000, 'South', 1)", {"sqlstate": "22003"}),
        ("INSERT INTO players VALUES (1, 99)", {"sqlstate": "23503"}),
        ("INSERT INTO series VALUES (2, 'South', 1); INSERT INTO series VALUES (3, 'South', 1)", {"sqlstate": "23505"}),
        ("SELECT old_name FROM series", {"sqlstate": "42703"}),
        ("DO $$ BEGIN RAISE EXCEPTION 'no'; END $$", {}),
    ],
)
def test_a_refusal_for_the_right_reason_holds(migrated, sql, keys):
    """Also one that comes when deferred constraints are checked."""
    finding = migrated(BASE).check("rejects", sql=sql, **keys)

    assert finding.holds, finding
    assert "is refused: " in finding.message


@pytest.mark.parametrize(
    ("sql", "keys", "message"),
    [
        ("INSERT INTO series VALUES (2, 'North', 2)", {}, "the statement is accepted, touching 1 row"),
        ("UPDATE series SET league = NULL WHERE id = 99", {}, "the statement is accepted, touching 0 rows"),
        ("INSERT INTO series VALUES (1, 'North', 1)", {"sqlstate": "23502"},
         "the statement fails, but for another reason: duplicate key value violates unique constraint"),
        ("INSERT INTO seris VALUES (1)", {}, 'the statement fails, but for another reason: relation "seris" does not exist '
         "(SQLSTATE 42P01); what counts is SQLSTATE 23…, 42501, P0001, or the one given as `sqlstate`"),
        ("INSERT INTO series (idd) VALUES (1)", {}, "the statement fails, but for another reason: column"),
        ("SELECT 1 / 0", {}, "the statement fails, but for another reason: division by zero (SQLSTATE 22012)"),
        ("INSERT INTO series VALUES (1, 'x', 1); INSERT INTO series VALUES (2, 'North', 1)", {"sqlstate": "23505"},
         "statement 1 of 2, which only prepares, is refused"),
    ],
)  # fmt: skip
def test_acceptance_or_another_reason_fails(migrated, sql, keys, message):
    """A typo is no rejection."""
    finding = migrated(BASE).check("rejects", sql=sql, **keys)

    assert not finding.holds
    assert finding.message.startswith(message)


def test_no_value_of_a_row_is_shown(migrated):
    """The server's DETAIL names the key's values; the finding does not."""
    finding = migrated(BASE).check("rejects", sql="INSERT INTO series VALUES (2, 'North', 1)")

    assert "North" not in str(finding)


@pytest.mark.parametrize("sqlstate", ["2350", "23505 ", "00000", "unique_violation"])
def test_what_is_no_error_code_is_a_mistake(sqlstate):
    """Success, too, has a SQLSTATE."""
    assert "SQLSTATE" in problem("rejects", sql="SELECT 1", sqlstate=sqlstate)
