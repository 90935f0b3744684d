"""`locks` fails where a table was locked for too long, or is not there."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding
from pytest_cutover.sandbox import Server
from tests.criteria.conftest import problem, read
from tests.project import PLAN, Project
from tests.tracing import migrated

BEFORE = "CREATE TABLE flights (id int PRIMARY KEY, callsign text); INSERT INTO flights VALUES (1, 'A'); CREATE TABLE logs ();"
IN_ONE = "BEGIN;\nALTER TABLE flights ADD COLUMN cid int;\nSELECT pg_sleep(0.2);\nCOMMIT;"


def _check(server: Server, folder: Path, migration: str, **keys: Any) -> Finding:
    with migrated(server, folder, BEFORE, migration) as done:
        found: Finding = read("locks", **keys).check(done.before, done.trace)
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
    with migrated(server, tmp_path, BEFORE, f"DO $$ BEGIN {text}; END $$;") as done:
        none, long, short = (
            read("locks", table="flights", **keys) for keys in ({}, {"within": "1min"}, {"within": "1ms"})
        )

        assert not none.check(done.before, done.trace).holds
        assert none.check(done.before, done.trace).message.startswith(
            "the migration holds ACCESS EXCLUSIVE on flights for at most "
        )
        assert long.check(done.before, done.trace).holds
        with pytest.raises(NotChecked, match="which nobody could measure; 1 ms are allowed"):
            short.check(done.before, done.trace)


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


def test_a_server_that_was_given_is_not_checked(project: Project, server: Server) -> None:
    """Where there is no trace, a lock is not known, and the verdict is INCOMPLETE."""
    criterion = '[[criteria]]\nid = "short"\nkind = "locks"\ntable = "parcels"\nwithin = "10s"\n'
    project.plan(text=PLAN + criterion)

    here, given = project.run(), project.run("--sandbox", server.maintenance.url)

    assert here == 0, project.output
    assert given == 10, project.output
    assert "the log of a server that was given is not ours to read" in " ".join(project.output.split())
    assert project.outcome("short") == "not_checked"
