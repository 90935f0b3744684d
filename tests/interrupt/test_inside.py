"""A statement that commits in between is cut off there as well: exactly behind a commit, in every way."""

from __future__ import annotations

import pytest

from pytest_cutover.errors import NotChecked
from pytest_cutover.interrupt.model import WAYS
from tests.interrupt.conftest import Interrupt, judge

BACKUP = """\
--
-- PostgreSQL database dump
--
-- Dumped from database version 15.0

CREATE TABLE public.fees (id integer PRIMARY KEY, cents integer NOT NULL, doubled integer, since timestamptz);
INSERT INTO public.fees SELECT id, id * 100 FROM generate_series(1, 40) AS id;
CREATE TABLE public.log (batch integer, at_row integer);
CREATE TABLE public.parts (id integer) PARTITION BY RANGE (id);
CREATE TABLE public.parts_1 PARTITION OF public.parts FOR VALUES FROM (0) TO (10);
CREATE PROCEDURE public.fill(guard boolean) LANGUAGE plpgsql AS $$
BEGIN
    IF guard AND EXISTS (SELECT FROM public.fees WHERE doubled IS NOT NULL) THEN
        RETURN;
    END IF;
    FOR batch IN 0..9 LOOP
        UPDATE public.fees SET doubled = cents * 2 WHERE id BETWEEN batch * 4 + 1 AND batch * 4 + 4;
        COMMIT;
    END LOOP;
END $$;

--
-- PostgreSQL database dump complete
--
"""
BATCHES = """\
SELECT 1;
DO $$ BEGIN
    FOR batch IN 0..9 LOOP
        {work}
        COMMIT;
    END LOOP;
END $$;
"""
PROGRAM = '{ command = ["{python}", "migrate.py"], env = { ADDRESS = "{url}" } }'
CALLS = """\
import os, psycopg
with psycopg.connect(os.environ["ADDRESS"], autocommit=True) as connection:
    connection.execute("CALL fill(%s)", [True])
"""


def test_batches_that_can_be_done_again_converge(interrupt: Interrupt) -> None:
    found = interrupt("CALL fill(false);", backup=BACKUP, ways=WAYS)

    assert [(cut.way, cut.point.commits, cut.outcome) for cut in found.cuts] == [
        (way, commits, "converges") for way in WAYS for commits in (0, 1, 5, 9)
    ]
    assert judge(found), judge(found)


@pytest.mark.parametrize(
    ("migration", "step", "named"),
    [
        ("CALL fill(true);", '{ sql = "01.sql" }', "01.sql:1 (CALL fill(true))"),
        (CALLS, PROGRAM, "step migrate.py (CALL fill($1))"),
    ],
    ids=["file", "program"],
)
def test_half_of_the_batches_taken_for_all_is_found(
    interrupt: Interrupt, migration: str, step: str, named: str
) -> None:
    """Where some are done it does nothing; the procedure of a program that was killed works to its end by itself."""
    found = interrupt(migration, step=step, backup=BACKUP, ways=WAYS)

    assert [(cut.way, cut.point.commits, cut.outcome) for cut in found.cuts] == [
        (way, commits, outcome if commits else "converges")
        for way, outcome in (("connection", "neither"), ("program", "converges"), ("server", "neither"))
        for commits in (0, 1, 5, 9)
    ]
    finding = judge(found)
    assert finding.message.startswith(f"cut off inside {named}, 1 of its 10 commits done, connection killed: migrating")
    left = [row[2].split(": ")[-1] for row in finding.evidence[0].rows]
    assert left == [f"{count} rows changed (doubled in {count})" for count in (36, 20, 4)] * 2


@pytest.mark.parametrize(
    "work",
    [
        "UPDATE fees SET cents = cents * 2 WHERE id BETWEEN batch * 4 + 1 AND batch * 4 + 4;",
        "INSERT INTO log SELECT batch, id FROM fees WHERE id BETWEEN batch * 4 + 1 AND batch * 4 + 4;",
    ],
    ids=["doubled", "inserted"],
)
def test_batches_that_are_done_twice_are_named(interrupt: Interrupt, work: str) -> None:
    found = interrupt(BATCHES.format(work=work), backup=BACKUP)

    assert [(cut.point.commits, cut.outcome) for cut in found.cuts] == [
        (0, "converges"), (0, "converges"), (1, "neither"), (5, "neither"), (9, "neither"),
    ]  # fmt: skip
    assert judge(found).message.startswith("cut off inside 01.sql:2 (DO $$ BEGIN FOR batch")


def test_half_of_the_values_that_no_two_runs_agree_on_is_found(interrupt: Interrupt) -> None:
    """What the clock gave is not compared, but in how many rows it was set."""
    batches = BATCHES.format(work="UPDATE fees SET since = clock_timestamp() WHERE (id - 1) / 4 = batch;").replace(
        "    FOR", "    IF EXISTS (SELECT FROM fees WHERE since IS NOT NULL) THEN RETURN; END IF;\n    FOR"
    )

    found = interrupt(batches, backup=BACKUP)

    assert found.varying == ("fees.since",)
    assert [cut.outcome for cut in found.cuts] == ["converges", "converges", "neither", "neither", "neither"]
    assert "leaves another state: column:fees.since: 4 values set instead of 40" in judge(found).message


def test_a_partition_that_is_half_detached_is_named(interrupt: Interrupt) -> None:
    """A session that is told to die there does so only behind its second commit; a server does at once."""
    migration = "ALTER TABLE parts DETACH PARTITION parts_1 CONCURRENTLY;"

    finding = judge(interrupt(migration, backup=BACKUP, ways=["server"]))

    assert not finding
    assert finding.message.startswith(f"cut off inside 01.sql:1 ({migration[:-1]}), 1 of its 2 commits done, server ")
    assert 'migrating again stops (01.sql:1: partition "parts_1" already pending detach' in finding.message


def test_parts_of_one_transaction_are_no_inside(interrupt: Interrupt) -> None:
    """A block with an exception takes a number of its own, and commits nothing by itself."""
    caught = "BEGIN UPDATE fees SET doubled = 1 / (id - 1) WHERE id <= batch; EXCEPTION WHEN division_by_zero THEN NULL; END;"

    found = interrupt(BATCHES.format(work=caught).replace("COMMIT;", ""), backup=BACKUP)

    assert [cut.point.commits for cut in found.cuts] == [0, 0]
    assert judge(found)


def test_commits_that_wait_for_nothing_leave_it_undecided(interrupt: Interrupt) -> None:
    found = interrupt("SET synchronous_commit = off;\nCALL fill(true);", backup=BACKUP)

    with pytest.raises(
        NotChecked, match=r"not cut off inside of 01\.sql:2 \(CALL fill\(true\)\): it commits more than"
    ):
        judge(found)
