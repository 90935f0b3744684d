"""A migration that is cut off, at every statement and in every way, must end as an undisturbed one or be taken back."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked
from pytest_cutover.interrupt.model import WAYS
from tests.interrupt.conftest import BACKUP, Interrupt, judge

PROGRAM = '{ command = ["{python}", "migrate.py"], env = { ADDRESS = "{url}" } }'
TWICE = """\
import os, psycopg
with psycopg.connect(os.environ["ADDRESS"], autocommit=True) as connection:
    connection.execute("UPDATE fees SET cents = cents * 2 WHERE cents < 987654")
    connection.execute("ALTER TABLE fees ADD COLUMN IF NOT EXISTS doubled integer")
"""


def test_one_transaction_converges_wherever_it_is_cut_off(interrupt: Interrupt) -> None:
    found = interrupt("BEGIN;\nALTER TABLE fees ADD COLUMN IF NOT EXISTS doubled int;\nCOMMIT;", ways=WAYS)

    assert [(cut.way, cut.point.place, cut.outcome) for cut in found.cuts] == [
        (way, place, "converges")
        for way in ("connection", "program", "server")
        for place in ("01.sql:1", "01.sql:2", "01.sql:3")
    ]
    assert judge(found).message == f"cut off at 3 statements in 3 ways, on {found.server}: 9 end as undisturbed"


def test_a_statement_that_is_done_twice_is_named(interrupt: Interrupt) -> None:
    """The first statement commits by itself, and nothing says that it was done."""
    migration = "UPDATE fees SET cents = cents + 1;\nALTER TABLE fees ADD COLUMN IF NOT EXISTS doubled int;"

    found = judge(interrupt(migration, ways=WAYS))

    assert not found
    assert found.message == (
        "cut off before 01.sql:2 (ALTER TABLE fees ADD COLUMN IF NOT EXISTS doubled int), connection killed: "
        "migrating again goes through and leaves another state: table:fees: 2 rows changed (cents in 2), and 2 more of 6 cuts"
    )
    assert [row[1] for row in found.evidence[0].rows] == ["connection killed", "program killed -9", "server killed -9"]


def test_a_refusal_that_can_be_rolled_back_is_overcome(interrupt: Interrupt) -> None:
    migration = "ALTER TABLE fees ADD COLUMN doubled int;\nUPDATE fees SET doubled = cents * 2;"

    found = interrupt(migration, rollback="ALTER TABLE fees DROP COLUMN IF EXISTS doubled;")

    assert [cut.outcome for cut in found.cuts] == ["converges", "refuses"]
    assert "1 end as undisturbed, 1 refuse, change nothing, and are rolled back" in judge(found).message


@pytest.mark.parametrize(
    ("rollback", "told"),
    [
        ("", "and the plan declares no way back"),
        ("SELECT 1;", "and the rollback back does not give the baseline back: column:fees.doubled"),
        ("DROP INDEX by_doubled;", "and the rollback back stops (rollback.sql:1: "),
    ],
    ids=["none", "useless", "stops"],
)
def test_a_refusal_without_a_way_back_is_not(interrupt: Interrupt, rollback: str, told: str) -> None:
    found = interrupt("ALTER TABLE fees ADD COLUMN doubled int;\nCREATE INDEX by_doubled ON fees (doubled);", rollback)

    finding = judge(found)
    assert not finding
    assert "migrating again stops (01.sql:1: " in finding.message
    assert told in finding.message


def test_a_refusal_that_changes_something_is_not_clean(interrupt: Interrupt) -> None:
    migration = "UPDATE fees SET cents = cents + 1;\nALTER TABLE fees ADD COLUMN doubled int;\nSELECT 1;"

    finding = judge(interrupt(migration, rollback="ALTER TABLE fees DROP COLUMN IF EXISTS doubled;"))

    assert not finding
    assert any("(SQLSTATE 42701)) and changes table:fees: 2 rows changed" in row[2] for row in finding.evidence[0].rows)


def test_an_invalid_index_that_is_left_is_named(interrupt: Interrupt) -> None:
    """It is cut off inside of the statement, and IF NOT EXISTS takes what it leaves for the index."""
    found = interrupt("CREATE INDEX CONCURRENTLY IF NOT EXISTS by_cents ON fees (cents);", ways=WAYS)

    assert [(cut.way, cut.point.commits, cut.outcome) for cut in found.cuts] == [
        (way, commits, outcome if commits else "converges")
        for way, outcome in (("connection", "neither"), ("program", "converges"), ("server", "neither"))
        for commits in (0, 1, 2)
    ]
    finding = judge(found)
    assert "cut off inside 01.sql:1 (CREATE INDEX CONCURRENTLY" in finding.message
    assert "; it leaves the invalid index by_cents" in finding.message


def test_an_invalid_index_that_is_dropped_first_is_overcome(interrupt: Interrupt) -> None:
    """Undisturbed there is nothing to drop, so that this statement has no inside to be cut off in."""
    migration = "DROP INDEX CONCURRENTLY IF EXISTS by_cents;\nCREATE INDEX CONCURRENTLY by_cents ON fees (cents);"

    found = interrupt(migration)

    assert judge(found)
    assert [cut.point.commits for cut in found.cuts] == [0, 0, 1, 2]


def test_a_program_is_cut_off_at_its_statements_and_no_value_is_told(interrupt: Interrupt) -> None:
    """Whatever sends the statements; what it puts into them may be a secret."""
    found = interrupt(TWICE, step=PROGRAM, ways=WAYS)

    assert [cut.outcome for cut in found.cuts] == ["converges", "neither"] * 3
    finding = judge(found)
    assert finding.message.startswith("cut off before step migrate.py (ALTER TABLE fees ADD COLUMN")
    assert "987654" not in str(finding)


REFERS = """\
BEGIN;
CREATE TABLE IF NOT EXISTS cards (person bigint NOT NULL);
INSERT INTO people (name) SELECT 'third' WHERE NOT EXISTS (SELECT FROM people WHERE name = 'third');
INSERT INTO cards SELECT {person} WHERE NOT EXISTS (SELECT FROM cards);
COMMIT;
"""
DECLARED = '[[criteria]]\nid = "card"\nkind = "references"\ntable = "cards"\ncolumns = ["person"]\nto = "people"\nto_columns = ["id"]\n'


def test_the_gap_that_an_undone_transaction_leaves_in_a_sequence_is_no_difference(interrupt: Interrupt) -> None:
    """The second run's person has another number, and so has what refers to them by the plan's word."""
    found = interrupt(
        REFERS.format(person="(SELECT id FROM people WHERE name = 'third')"), more=DECLARED, ways=["server"]
    )

    assert judge(found), judge(found)


def test_a_number_that_was_guessed_is_a_difference(interrupt: Interrupt) -> None:
    """Undisturbed, the third person has number 3; after a cut nobody has."""
    finding = judge(interrupt(REFERS.format(person="3"), more=DECLARED))

    assert not finding
    assert "cut off before 01.sql:4 " in finding.message
    assert "table:people: 1 row added, 1 row deleted" in finding.message


def test_what_no_two_runs_agree_on_is_left_out_and_named(interrupt: Interrupt) -> None:
    found = interrupt(
        "BEGIN;\nALTER TABLE fees ADD COLUMN IF NOT EXISTS since timestamptz DEFAULT clock_timestamp();\nCOMMIT;"
    )

    assert found.varying == ("fees.since",)
    assert "(not compared, since no two runs agree: fees.since)" in judge(found).message


def test_a_way_that_cannot_be_tried_leaves_it_undecided(interrupt: Interrupt) -> None:
    """A server that was killed empties unlogged tables, whatever a migration does."""
    unlogged = BACKUP.replace("CREATE TABLE public.fees", "CREATE UNLOGGED TABLE public.fees")

    found = interrupt("SELECT 1;", ways=WAYS, backup=unlogged)

    assert {cut.outcome for cut in found.cuts} == {"converges"}
    with pytest.raises(NotChecked, match="server killed -9: not tried, the backup holds unlogged tables"):
        judge(found)


@pytest.mark.parametrize(
    ("migration", "told"),
    [
        (
            "CREATE TABLE tokens (id uuid PRIMARY KEY); INSERT INTO tokens VALUES (gen_random_uuid());",
            "two uninterrupted runs already differ in table:tokens: 1 row added, 1 row deleted",
        ),
        ("CREATE ROLE cut_off_role;", "the migration stops"),
        ("SELECT 1 / 0;", "the migration stopped: step 01.sql"),
    ],
    ids=["random", "role", "fails"],
)
def test_what_cannot_be_judged_is_not_checked(interrupt: Interrupt, migration: str, told: str) -> None:
    with pytest.raises(NotChecked, match=told):
        interrupt(migration)


def test_a_file_for_sqlite_is_cut_off_at_its_statements(interrupt: Interrupt) -> None:
    """There is one way: what a killed process leaves are its files as they are."""
    bad = interrupt("UPDATE fees SET cents = cents + 1;\nSELECT 1;", engine="sqlite")
    good = interrupt("BEGIN;\nUPDATE fees SET cents = 7;\nSELECT 1;\nCOMMIT;", engine="sqlite")

    assert "cut off before 01.sql:2 (SELECT 1), program killed -9: migrating again goes through" in judge(bad).message
    assert judge(good).message.startswith("cut off at 4 moments in 1 way")


def test_a_program_for_sqlite_is_killed_by_the_clock(interrupt: Interrupt) -> None:
    program = (
        "import os, sqlite3, time\nconnection = sqlite3.connect(os.environ['FILE'], isolation_level=None)\n"
        "connection.execute('UPDATE fees SET cents = cents + 1')\ntime.sleep(0.4)\n"
    )

    found = interrupt(
        program, step='{ command = ["{python}", "migrate.py"], env = { FILE = "{path}" } }', engine="sqlite"
    )

    finding = judge(found)
    assert not finding
    assert found.points == 10
    assert "after its start, program killed -9: migrating again goes through" in finding.message
