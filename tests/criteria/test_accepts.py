"""A statement that must work does."""

from __future__ import annotations

import pytest

from tests.criteria.conftest import problem, read

BASE = """
CREATE TABLE series (id int PRIMARY KEY, name text UNIQUE);
CREATE TABLE players (id int PRIMARY KEY, series int REFERENCES series DEFERRABLE INITIALLY DEFERRED);
INSERT INTO series VALUES (1, 'North');
GRANT SELECT ON series TO criteria_app;
CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'secret %', NEW.name; END $$;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
"""


@pytest.fixture(autouse=True, scope="module")
def _application_role(server):
    """A role that lives as long as these tests: the databases with its grants are dropped before it is."""
    with server.maintenance.connect() as connection:
        connection.execute("CREATE ROLE criteria_app")
        yield
        connection.execute("DROP ROLE criteria_app")


def test_an_accepted_statement_is_undone(migrated):
    """Asking twice gives the same answer, and the database is as it was."""
    pair = migrated(BASE)

    for _ in range(2):
        finding = pair.check("accepts", sql="INSERT INTO series VALUES (2, 'South')")
        assert finding.holds
        assert finding.message == "the statement is accepted, touching 1 row"
    assert pair.after.count("series") == 1


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("INSERT INTO series VALUES (1, 'x')", "the statement is refused: duplicate key value violates unique constraint "
                                               '"series_pkey" (SQLSTATE 23505)'),
        ("INSERT INTO seris VALUES (1)", 'the statement is refused: relation "seris" does not exist (SQLSTATE 42P01)'),
        ("INSERT INTO players VALUES (1, 99)", "the statement, when its constraints are checked at the end, is refused: insert "
                                               'or update on table "players" violates foreign key constraint '
                                               '"players_series_fkey" (SQLSTATE 23503)'),
        ("INSERT INTO series VALUES (3, 'x'); INSERT INTO series VALUES (3, 'y')",
         'statement 2 of 2 is refused: duplicate key value violates unique constraint "series_pkey" (SQLSTATE 23505)'),
        ("UPDATE series SET name = 'x' WHERE id = 99", "the statement is accepted, but touches no row, so this proves nothing"),
        ("DELETE FROM series WHERE id = 99; SELECT 1",
         "statement 1 of 2 is accepted, but touches no row, so this proves nothing"),
        ("INSERT INTO series VALUES (1, 'x') ON CONFLICT DO NOTHING",
         "the statement is accepted, but touches no row, so this proves nothing"),
        ("SELECT * FROM players", "the statement is accepted, but touches no row, so this proves nothing"),
    ],
)  # fmt: skip
def test_what_is_refused_or_does_nothing_fails(migrated, sql, message):
    """Deferred constraints are checked before all is undone."""
    finding = migrated(BASE).check("accepts", sql=sql)

    assert not finding.holds
    assert finding.message == message


def test_the_role_matters(migrated):
    """A table made anew has lost its grants."""
    pair = migrated(BASE)

    assert pair.check("accepts", sql="SELECT name FROM series", role="criteria_app").holds
    finding = pair.check("accepts", sql="INSERT INTO series VALUES (2, 'South')", role="criteria_app")
    assert finding.message == "the statement is refused: permission denied for table series (SQLSTATE 42501)"
    assert finding.expected == "accepted by criteria_app"


def test_a_role_that_does_not_exist_fails(migrated):
    """Nobody can run it."""
    finding = migrated(BASE).check("accepts", sql="SELECT 1", role="criteria_nobody")

    assert not finding.holds
    assert 'role "criteria_nobody" does not exist' in finding.message


def test_row_level_security_applies(migrated):
    """A policy that lets nothing through makes the application see nothing."""
    pair = migrated(BASE, "ALTER TABLE series ENABLE ROW LEVEL SECURITY")

    finding = pair.check("accepts", sql="SELECT name FROM series", role="criteria_app")

    assert "touches no row" in finding.message


def test_a_trigger_that_swallows_the_row_fails(migrated):
    """The statement succeeds and stores nothing."""
    pair = migrated(BASE, "CREATE TRIGGER s BEFORE INSERT ON series FOR EACH ROW EXECUTE FUNCTION swallow()")

    assert "touches no row" in pair.check("accepts", sql="INSERT INTO series VALUES (2, 'South')").message


def test_the_text_of_an_exception_is_not_shown(migrated):
    """It may hold values of the row."""
    pair = migrated(BASE, "CREATE TRIGGER r BEFORE INSERT ON series FOR EACH ROW EXECUTE FUNCTION refuse()")

    finding = pair.check("accepts", sql="INSERT INTO series VALUES (2, 'South')")

    assert finding.message == "the statement is refused: a function raises an exception (SQLSTATE P0001)"


def test_what_leaves_the_transaction_is_a_mistake():
    """Told when the plan is read."""
    assert "begins or ends a transaction" in problem("accepts", sql="INSERT INTO t VALUES (1); COMMIT")
    assert "is not SQL" in problem("accepts", sql="INSRT INTO t VALUES (1)")


def test_it_is_for_rehearsals_only():
    """A live database is never written to."""
    assert read("accepts", sql="SELECT 1").phases == ["rehearsal"]
