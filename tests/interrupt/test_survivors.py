"""What outlives a cut beside the rows: a program that goes on, its files, steps that are done, what the server forgets."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked
from tests.interrupt.conftest import BACKUP, Interrupt, judge

PROGRAM = '{ command = ["{python}", "migrate.py"], env = { ADDRESS = "{url}" } }'
CARELESS = """\
import os, psycopg
for cents in (7, 8):
    try:
        with psycopg.connect(os.environ["ADDRESS"]) as connection:
            connection.execute(f"UPDATE fees SET cents = {cents} WHERE id = {cents} - 6")
    except psycopg.OperationalError:
        print("never mind")
"""
MARKED = """\
import os, pathlib, psycopg
if not pathlib.Path("is-done").exists():
    with psycopg.connect(os.environ["ADDRESS"]) as connection:
        connection.execute("UPDATE fees SET cents = cents + 1")
    pathlib.Path("is-done").touch()
"""
STAGED = """\
CREATE UNLOGGED TABLE IF NOT EXISTS stage AS SELECT id, cents + 1 AS cents FROM fees;
UPDATE fees SET cents = stage.cents FROM stage WHERE stage.id = fees.id;
DROP TABLE stage;
"""


def test_a_program_that_goes_on_and_says_nothing_is_named(interrupt: Interrupt) -> None:
    """Run again it would be well, and nobody has a reason to."""
    found = interrupt(CARELESS, step=PROGRAM)

    # The first statement of each session is its BEGIN.
    assert [cut.outcome for cut in found.cuts] == ["neither"] * len(found.cuts)
    assert (
        ", connection killed: it goes on, ends as if all were done, and leaves another state: table:fees: 1 row changed"
        in judge(found).message
    )


def test_a_program_that_a_file_tells_that_it_has_run_leaves_it_undecided(interrupt: Interrupt) -> None:
    """It did nothing any more where it was cut off, and that was the same each time."""
    with pytest.raises(NotChecked, match="does not do what the rehearsed one did: table:fees: 2 rows changed"):
        interrupt(MARKED, step=PROGRAM)


def test_what_the_files_before_left_is_what_a_late_cut_begins_with(interrupt: Interrupt) -> None:
    found = interrupt(
        "UPDATE fees SET cents = cents + 1;", step='{ sql = "01.sql" }, { sql = "02.sql" }',
        second="BEGIN;\nUPDATE fees SET cents = cents * 1;\nCOMMIT;", ways=["connection", "server"],
    )  # fmt: skip

    assert [(cut.point.place, cut.outcome) for cut in found.cuts] == [
        ("01.sql:1", "converges"), ("02.sql:1", "neither"), ("02.sql:2", "neither"), ("02.sql:3", "neither"),
    ] * 2  # fmt: skip
    assert "leaves another state: table:fees: 2 rows changed (cents in 2)" in judge(found).message


def test_an_unlogged_table_that_a_crash_empties_is_found(interrupt: Interrupt) -> None:
    """Run again it takes the empty table for the filled one."""
    found = interrupt(STAGED, ways=["connection", "server"])

    bad = [(cut.way, cut.point.place) for cut in found.cuts if cut.outcome == "neither"]
    assert bad == [("server", "01.sql:2")]


def test_a_migration_that_ends_with_an_unlogged_table_leaves_it_undecided(interrupt: Interrupt) -> None:
    """The crash empties it in what is compared with, too."""
    found = interrupt("CREATE UNLOGGED TABLE IF NOT EXISTS stage AS SELECT * FROM fees;", ways=["connection", "server"])

    with pytest.raises(NotChecked, match="server killed -9: not tried, the migration makes unlogged tables"):
        judge(found)


def test_the_gap_of_a_sequence_that_no_column_owns_is_no_difference(interrupt: Interrupt) -> None:
    cards = (
        "CREATE SEQUENCE public.numbers;\n"
        "CREATE TABLE public.cards (id bigint PRIMARY KEY DEFAULT nextval('public.numbers'), name text);\n--\n-- PostgreSQL database dump complete"
    )
    migration = "BEGIN;\nINSERT INTO cards (name) SELECT name FROM people WHERE NOT EXISTS (SELECT FROM cards);\nSELECT 1;\nCOMMIT;"

    found = interrupt(migration, backup=BACKUP.replace("--\n-- PostgreSQL database dump complete", cards))

    assert judge(found), judge(found)


def test_a_privilege_that_was_lent_for_the_time_is_found(interrupt: Interrupt) -> None:
    """No rollback of a database takes it back; run again to its end, the migration does."""
    lent = "ALTER ROLE lent_to {}BYPASSRLS;"
    backup = BACKUP.replace(
        "CREATE TABLE public.people", "GRANT SELECT ON public.fees TO lent_to;\nCREATE TABLE public.people"
    )
    statements = [lent.format(""), "ALTER TABLE fees ADD COLUMN {} doubled integer;", lent.format("NO")]

    good = interrupt("\n".join(statements).format("IF NOT EXISTS"), backup=backup)
    bad = interrupt("\n".join(statements).format(""), "ALTER TABLE fees DROP COLUMN IF EXISTS doubled;", backup=backup)

    assert judge(good), judge(good)
    assert [cut.outcome for cut in bad.cuts] == ["converges", "converges", "neither"]
    assert judge(bad).message.endswith(" killed: outside of the database stays role:lent_to: got BYPASSRLS")
