"""A plan for SQLite against the file that people use."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.project import Project, make_project
from tests.sqlite.conftest import execute

PLAN = """\
title = "Give every parcel a weight"
engine = "sqlite"
[backup]
path = "../../fixtures/parcels.db"
[migrate]
rerun = "refuses"
steps = [{ sql = "01.sql" }]
[[rollback]]
name = "manual"
steps = [{ sql = "rollback.sql" }]
[changes]
added = ["column:parcels.weight_g"]
[[criteria]]
id = "rows"
kind = "row_count"
table = "parcels"
baseline = true
[[criteria]]
id = "filled"
kind = "not_null"
table = "parcels"
columns = ["weight_g"]
[[criteria]]
id = "quick"
kind = "query_time"
sql = "SELECT count(*) FROM parcels"
within = "1s"
"""
BACKUP = """
CREATE TABLE parcels (id INTEGER PRIMARY KEY, size TEXT NOT NULL, note TEXT);
INSERT INTO parcels VALUES (1, 'letter', 'first-secret'), (2, 'small', 'second-secret');
"""
MIGRATION = "ALTER TABLE parcels ADD COLUMN weight_g INTEGER NOT NULL DEFAULT 50;"


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository with a plan for SQLite."""
    made = make_project(tmp_path)
    (tmp_path / "verifications" / "test_own.py").unlink()
    execute(tmp_path / "fixtures" / "parcels.db", BACKUP)
    made.plan(text=PLAN, migration=MIGRATION, rollback="ALTER TABLE parcels DROP COLUMN weight_g;")
    return made


def test_a_live_file_is_read_and_never_written(project: Project) -> None:
    """Not a byte of it is another one afterwards, in any phase; a drift is named."""
    file = execute(project.root / "people use this.db", BACKUP + MIGRATION + "CREATE INDEX by_size ON parcels (size);")
    content = file.read_bytes()
    assert project.run() == 0, project.output

    for phase in ("before", "after", "monitor"):
        assert project.run(f"--db-url=sqlite:///{file}", f"--phase={phase}") == 1, project.output
        assert "index:by_size is only in the live database" in project.output

    assert file.read_bytes() == content


def test_a_file_that_is_not_there_is_not_checked_and_not_made(project: Project) -> None:
    """SQLite makes a file where there is none, unless it is told not to."""
    file = project.root / "nowhere.db"

    assert project.run(f"--db-url=sqlite:///{file}") == 10, project.output
    assert "there is no file" in project.output
    assert not file.exists()


def test_the_rehearsed_backup_has_an_age_before_a_migration_of_a_file_too(project: Project) -> None:
    """What else stands in the way of a migration is a matter of servers."""
    old = PLAN.replace("[migrate]", 'taken = 2020-01-01T00:00:00Z\nmax_age = "36500d"\n[migrate]')
    project.plan(text=old, migration=MIGRATION, rollback="ALTER TABLE parcels DROP COLUMN weight_g;")
    assert project.run() == 0, project.output
    file = execute(project.root / "prod.db", BACKUP)

    assert project.run(f"--db-url=sqlite:///{file}", "--phase=before") == 0, project.output
    assert project.outcome("preflight:backup") == "passed"
    project.plan(
        text=old.replace("36500d", "7d"), migration=MIGRATION, rollback="ALTER TABLE parcels DROP COLUMN weight_g;"
    )
    assert project.run(f"--db-url=sqlite:///{file}", "--phase=before") == 1, project.output
    assert "at most are 7 d 0 h: rehearse a newer one" in project.output


def test_new_orphans_in_a_file_fail_from_the_day_they_came(project: Project) -> None:
    """SQLite enforces a foreign key only in a session that asks for it."""
    keys = "CREATE TABLE labels (parcel INTEGER REFERENCES parcels); INSERT INTO labels VALUES (1), (NULL);"
    file = execute(project.root / "prod.db", BACKUP + MIGRATION + keys)
    look = (f"--db-url=sqlite:///{file}", "--phase=monitor")

    project.run(*look)
    assert project.outcome("health:orphans") == "passed", project.output
    execute(file, "INSERT INTO labels VALUES (7), (8)")
    for _ in range(2):
        assert project.run(*look) == 1, project.output
        assert project.outcome("health:orphans") == "failed", project.output

    figures = project.result["plans"][0]["history"][0]["figures"]
    assert [each["rows"] for each in figures["orphans"]] == [2]
    assert figures["tables"][0]["bytes"] > 4096


def test_a_locked_file_is_not_checked(project: Project) -> None:
    """Whoever writes for long keeps readers of such a file out."""
    file = execute(project.root / "busy.db", BACKUP)
    with closing(sqlite3.connect(file, isolation_level=None)) as writer:
        writer.execute("BEGIN EXCLUSIVE")
        assert project.run(f"--db-url=sqlite:///{file}") == 10, project.output
        writer.execute("ROLLBACK")

    assert "database is locked" in project.output
    # Waited for once, and not for every question anew.
    assert sum(stage["seconds"] for stage in project.result["plans"][0]["stages"]) < 15


def test_a_server_is_no_file(project: Project) -> None:
    """The address must fit the plan's engine."""
    assert project.run("--db-url=postgresql://u@h/d") == 4
    assert "the plan first is for SQLite: write sqlite:///PATH" in project.output


def test_instants_that_were_rehearsed_let_a_live_file_go(project: Project) -> None:
    """Its form is looked at here; where the plan is not the one that was rehearsed, that is not enough."""
    moments = (
        "CREATE TABLE events (id INTEGER PRIMARY KEY, at TEXT); INSERT INTO events VALUES (1, '2026-01-01 07:00:00');"
    )
    convert = "UPDATE events SET at = replace(at, ' ', 'T') || 'Z' WHERE at LIKE '% %';"
    plan = (
        PLAN.replace("[changes]", '[changes]\nrows.events.changed = ["at"]')
        + '[[criteria]]\nid = "at-utc"\nkind = "utc"\ntable = "events"\ncolumns = ["at"]\nsource = "UTC"\n'
    )
    execute(project.root / "fixtures" / "parcels.db", moments)
    project.plan(
        text=plan, migration=MIGRATION + convert,
        rollback="ALTER TABLE parcels DROP COLUMN weight_g; UPDATE events SET at = replace(rtrim(at, 'Z'), 'T', ' ');",
    )  # fmt: skip
    file = execute(project.root / "live.db", BACKUP + moments)
    assert project.run() == 0, project.output

    assert project.run(f"--db-url=sqlite:///{file}", "--phase=before") == 0, project.output
    assert project.outcome("at-utc") == "passed"
    execute(file, MIGRATION + convert)
    assert project.run(f"--db-url=sqlite:///{file}") == 0, project.output
    assert "was proved in the rehearsal of" in project.result["plans"][0]["criteria"][-1]["message"]

    project.write("migrations/first/plan.toml", plan.replace('source = "UTC"', 'source = "+07:00"'))
    assert project.run(f"--db-url=sqlite:///{file}") == 10, project.output
    assert "plan.toml is not the one that was rehearsed" in project.output
