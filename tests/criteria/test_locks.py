"""`locks` fails where a table was locked for too long, or is not there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.canaries import Wait
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding
from pytest_cutover.sandbox import Server
from tests.criteria.conftest import problem, read
from tests.project import PLAN, Project
from tests.tracing import migrated

BEFORE = "CREATE TABLE flights (id int PRIMARY KEY, callsign text); INSERT INTO flights VALUES (1, 'A'); CREATE TABLE logs ();"
IN_ONE = "BEGIN;\nALTER TABLE flights ADD COLUMN cid int;\nSELECT pg_sleep(0.2);\nCOMMIT;"


def _check(server: Server, folder: Path, migration: str, before: str = BEFORE, **keys: Any) -> Finding:
    with migrated(server, folder, before, migration, watch=[keys["table"]]) as done:
        assert done.run.ok, done.run.failed_step
        found: Finding = read("locks", **keys).check(done.before, done.recording, done.waits)
        return found


def test_a_lock_within_its_time_holds(server: Server, tmp_path: Path) -> None:
    """It is told how long it was, so that the limit can be drawn tighter."""
    found = _check(server, tmp_path, IN_ONE, table="flights", within="2s")

    assert found.holds
    assert found.expected == "ACCESS EXCLUSIVE for at most 2.00 s"
    assert found.actual.startswith("ACCESS EXCLUSIVE for 2")


def test_a_longer_lock_fails_and_names_what_took_it(server: Server, tmp_path: Path) -> None:
    """The statement is what somebody will have to change."""
    found = _check(server, tmp_path, IN_ONE, table="flights", within="100ms")

    assert not found.holds
    assert found.message.startswith("the migration holds ACCESS EXCLUSIVE on flights for 2")
    assert found.message.endswith("at most 100 ms are allowed: ALTER TABLE public.flights")


def test_without_a_time_no_lock_may_be_taken(server: Server, tmp_path: Path) -> None:
    """However short it is, whoever waits for it makes others wait."""
    found = _check(server, tmp_path, "ALTER TABLE flights ADD COLUMN cid int;", table="flights")

    assert not found.holds
    assert found.expected == "no ACCESS EXCLUSIVE"


@pytest.mark.parametrize(
    ("mode", "holds"), [("SHARE", False), ("SHARE ROW EXCLUSIVE", True), ("ACCESS EXCLUSIVE", True)]
)
def test_the_mode_and_all_stronger_ones_count(server: Server, tmp_path: Path, mode: str, holds: bool) -> None:
    """Building an index keeps writers out, not readers."""
    found = _check(server, tmp_path, "CREATE INDEX ON flights (callsign);", table="flights", mode=mode)

    assert found.holds is holds


def test_another_table_may_be_locked(server: Server, tmp_path: Path) -> None:
    """A criterion is about its own table."""
    found = _check(server, tmp_path, "BEGIN; LOCK TABLE flights; COMMIT;", table="logs")

    assert found.holds
    assert found.actual == "not locked"


@pytest.mark.parametrize("text", ["LOCK TABLE flights", "TRUNCATE flights"])
def test_a_lock_inside_of_a_function_counts_though_nobody_measured_it(
    text: str, server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told as what it may have been at most; a limit below that is not shown to be kept."""
    monkeypatch.setattr("pytest_cutover.trace.sampler.INTERVAL_S", 60.0)
    with migrated(server, tmp_path, BEFORE, f"DO $$ BEGIN {text}; END $$;", watch=["flights"]) as done:
        none, long, short = (
            read("locks", table="flights", **keys) for keys in ({}, {"within": "1min"}, {"within": "1ms"})
        )

        assert not none.check(done.before, done.recording, []).holds
        assert none.check(done.before, done.recording, []).message.startswith(
            "the migration holds ACCESS EXCLUSIVE on flights for at most "
        )
        assert long.check(done.before, done.recording, done.waits).holds
        with pytest.raises(NotChecked, match="which nobody could measure; 1 ms are allowed"):
            short.check(done.before, done.recording, [])


def test_where_nothing_was_counted_the_finding_says_so(server: Server, tmp_path: Path) -> None:
    """It holds as far as was seen, and somebody can tell."""
    found = _check(server, tmp_path, "SET pg_stat_statements.track = none;", table="flights")

    assert found.holds
    assert "as far as was seen: what ran inside of functions is not known" in found.message


def test_a_table_that_is_not_there_fails(server: Server, tmp_path: Path) -> None:
    """A misspelt name must not pass for a table that nobody locks."""
    found = _check(server, tmp_path, "CREATE TABLE flight ();", table="flight", within="2s")

    assert not found.holds
    assert "there is no table flight before the migration" in found.message


@pytest.mark.parametrize(
    ("mode", "told"),
    [
        ("ROW EXCLUSIVE", "it keeps nobody from reading or writing"),
        ("ACCESS EXCLUSIV", 'Did you mean "ACCESS EXCLUSIVE"?'),
        ("access exclusive", 'Did you mean "ACCESS EXCLUSIVE"?'),
    ],
)
def test_a_mode_that_is_none_is_refused(mode: str, told: str) -> None:
    """A mode that every statement takes says nothing, and one that does not exist is a mistake."""
    assert told in problem("locks", table="flights", mode=mode)


SEVERAL = """
BEGIN; LOCK TABLE flights; SELECT pg_sleep(0.2); ALTER TABLE flights RENAME TO aside; COMMIT;
SELECT pg_sleep(0.2);
BEGIN; ALTER TABLE aside RENAME TO flights; SELECT pg_sleep(0.2); COMMIT;
"""


@pytest.mark.parametrize("mode", ["ACCESS EXCLUSIVE", "SHARE ROW EXCLUSIVE"])
def test_a_client_that_waits_longer_than_each_lock_is_held_fails(server: Server, tmp_path: Path, mode: str) -> None:
    """Two short locks, and in between the table is not there under its name: its readers know one time."""
    found = _check(server, tmp_path, SEVERAL, table="flights", mode=mode, within="400ms")

    assert not found.holds
    assert " of flights waited for " in found.message
    assert "at most 400 ms are allowed" in found.message
    assert found.evidence[0].title == "Who waited for flights"


def test_a_reader_is_not_asked_what_keeps_writers_out(server: Server, tmp_path: Path) -> None:
    migration = "BEGIN; LOCK TABLE flights IN SHARE MODE; SELECT pg_sleep(0.4); COMMIT;"

    assert _check(server, tmp_path, migration, table="flights", within="200ms").holds


LONG = "BEGIN; UPDATE flights SET callsign = 'B'; SELECT pg_sleep(0.8); COMMIT;"


def test_rows_that_are_closed_for_too_long_fail(server: Server, tmp_path: Path) -> None:
    """One UPDATE of all rows locks no table, and yet nobody can write until it commits."""
    found = _check(server, tmp_path, LONG, table="flights", mode="FOR UPDATE", within="500ms")

    assert not found.holds
    assert found.message.startswith("rows of flights were closed to their writers for ")
    assert found.message.endswith(", at most 500 ms are allowed")
    assert found.expected == "no row closed to its writers for longer than 500 ms"
    assert found.evidence[0].rows[0][-1] == "100%"


def test_rows_that_are_closed_for_a_shorter_time_hold(server: Server, tmp_path: Path) -> None:
    found = _check(server, tmp_path, LONG, table="flights", mode="FOR UPDATE", within="5s")

    assert found.holds
    assert found.actual.startswith("closed for ")


def test_rows_that_nobody_closes_hold(server: Server, tmp_path: Path) -> None:
    found = _check(
        server,
        tmp_path,
        "SELECT count(*), pg_sleep(0.2) FROM flights;",
        table="flights",
        mode="FOR UPDATE",
        within="1s",
    )

    assert found.holds
    assert (found.actual, found.message) == ("not closed", "no row of flights was seen closed to its writers")


def test_a_locked_table_closes_its_rows(server: Server, tmp_path: Path) -> None:
    migration = "BEGIN; LOCK TABLE flights IN SHARE MODE; SELECT pg_sleep(0.5); COMMIT;"

    assert not _check(server, tmp_path, migration, table="flights", mode="FOR UPDATE", within="300ms").holds


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        (None, "no row of flights was looked at while it was migrated: nobody looked"),
        (
            Wait("flights", "row", missing="it has no rows"),
            "no row of flights was looked at while it was migrated: it has no rows",
        ),
        (
            Wait("flights", "row", 0.9, tries=9, at_most=1.1),
            "for at least 900 ms, and, for all that was seen, for up to 1.10 s",
        ),
        (Wait("flights", "row", 0.0, tries=2, at_most=3.0), "or the machine too busy to look often enough"),
    ],
)
def test_what_was_not_seen_well_enough_is_not_checked(
    server: Server, tmp_path: Path, wait: Wait | None, told: str
) -> None:
    """Nobody may take for open what nobody looked at, nor fail for a look that came late."""
    with migrated(server, tmp_path, BEFORE, "SELECT 1;") as done, pytest.raises(NotChecked, match=re.escape(told)):
        read("locks", table="flights", mode="FOR UPDATE", within="1s").check(
            done.before, done.recording, [wait] if wait else []
        )


@pytest.mark.parametrize("waits", [[], [Wait("flights", "read", missing="permission denied")]])
def test_a_table_that_no_client_could_ask_for_is_not_checked(server: Server, tmp_path: Path, waits: list[Wait]) -> None:
    with (
        migrated(server, tmp_path, BEFORE, "SELECT 1;") as done,
        pytest.raises(NotChecked, match="no client could ask"),
    ):
        read("locks", table="flights", within="1s").check(done.before, done.recording, waits)


@pytest.mark.parametrize(
    ("keys", "told"),
    [
        ({"mode": "FOR UPDATE"}, "FOR UPDATE needs within, of 200 ms or more"),
        ({"mode": "FOR UPDATE", "within": "20ms"}, "cannot prove that none was ever closed"),
        ({"mode": "FOR NO KEY UPDATE", "within": "1s"}, "write 'FOR UPDATE', which stands for every lock of a row"),
        ({"mode": "FOR KEY SHARE", "within": "1s"}, "it keeps nobody from updating a row. Write 'FOR UPDATE'"),
    ],
)
def test_a_lock_of_a_row_that_cannot_be_asserted_is_refused(keys: dict[str, str], told: str) -> None:
    assert told in problem("locks", table="flights", **keys)


def test_on_a_server_that_was_given_rows_are_checked_and_locks_are_not(project: Project, server: Server) -> None:
    """Where there is no trace, a lock is not known, and the verdict is INCOMPLETE; rows are looked at there, too."""
    common = 'kind = "locks"\ntable = "parcels"\nwithin = "10s"\n'
    criteria = f'[[criteria]]\nid = "short"\n{common}[[criteria]]\nid = "rows"\n{common}mode = "FOR UPDATE"\n'
    project.plan(text=PLAN + criteria)

    here, given = project.run(), project.run("--sandbox", server.maintenance.url)

    assert here == 0, project.output
    assert given == 10, project.output
    assert "the log of a server that was given is not ours to read" in " ".join(project.output.split())
    assert project.outcome("short") == "not_checked"
    assert project.outcome("rows") == "passed"
