"""One migration from its rehearsal to the third day after it, on both engines."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import pytest

from pytest_cutover.target import Target
from tests.project import Project, make_project
from tests.sqlite.conftest import execute

PLAN = """\
title = "Give every parcel a weight"
engine = "{engine}"
[backup]
path = "../../fixtures/{backup}"
[migrate]
rerun = "refuses"
steps = [{{ sql = "01.sql" }}]
[[rollback]]
name = "manual"
steps = [{{ sql = "rollback.sql" }}]
[changes]
added = ["column:parcels.weight_g"]
[targets]
staging = "${{STAGING}}"
production = "${{PRODUCTION}}"
[[criteria]]
id = "as-many"
kind = "row_count"
table = "parcels"
baseline = true
phases = ["rehearsal", "after"]
[[criteria]]
id = "filled"
kind = "not_null"
table = "parcels"
columns = ["weight_g"]
[[criteria]]
id = "labels-have-parcels"
kind = "references"
table = "labels"
columns = ["parcel"]
to = "parcels"
to_columns = ["id"]
phases = ["rehearsal", "before", "after", "monitor"]
"""
DATABASE = """
CREATE TABLE parcels (id integer PRIMARY KEY, size text NOT NULL, note text);
CREATE TABLE labels (id integer PRIMARY KEY, parcel integer NOT NULL);
INSERT INTO parcels VALUES (1, 'letter', 'first-secret'), (2, 'small', 'second-secret');
INSERT INTO labels VALUES (1, 1), (2, 2);
"""
MIGRATION = "ALTER TABLE parcels ADD COLUMN weight_g integer;\nUPDATE parcels SET weight_g = 50;\n"
ROLLBACK = "ALTER TABLE parcels DROP COLUMN weight_g;\n"
DUMP = f"""\
--
-- PostgreSQL database dump
--
-- Dumped from database version 15.0
{DATABASE}
--
-- PostgreSQL database dump complete
--
"""


@dataclass
class Team:
    """The people of the story: their repository, and their two databases."""

    project: Project
    urls: dict[str, str]
    execute: Callable[[str, str], None]

    def look(self, *arguments: str) -> str:
        """Runs pytest; returns the verdict, which the exit status agrees with."""
        status = self.project.run(*arguments, environment={name.upper(): url for name, url in self.urls.items()})
        assert status in (0, 1, 10), self.project.output
        verdict: str = self.project.result["verdict"]
        assert status == {"GO": 0, "NO-GO": 1, "INCOMPLETE": 10}[verdict]
        return verdict

    def sleep(self) -> None:
        """Lets a day pass: what the monitor has found so far is a day older."""
        path = self.project.root / "reports/baselines/first.production.history.jsonl"
        runs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
        for run in runs:
            day = date.fromisoformat(run["started"][:10]) - timedelta(days=1)
            run["started"] = f"{day}{run['started'][10:]}"
        path.write_text("".join(json.dumps(run) + "\n" for run in runs), encoding="utf-8")


@pytest.fixture(params=["postgresql", "sqlite"])
def team(request: pytest.FixtureRequest, tmp_path: Path) -> Team:
    """A team with a plan, a staging and a production, all as they were when the backup was taken."""
    project = make_project(tmp_path)
    (tmp_path / "verifications/test_own.py").unlink()
    if request.param == "sqlite":
        project.plan("first", PLAN.format(engine="sqlite", backup="parcels.db"), MIGRATION, ROLLBACK)
        execute(tmp_path / "fixtures/parcels.db", DATABASE)
        files = {name: execute(tmp_path / f"{name} of the team.db", DATABASE) for name in ("staging", "production")}
        urls = {name: f"sqlite:///{file}" for name, file in files.items()}
        return Team(project, urls, lambda name, sql: execute(files[name], sql) and None)
    new_database: Callable[..., Target] = request.getfixturevalue("new_database")
    project.plan("first", PLAN.format(engine="postgresql", backup="backup.sql"), MIGRATION, ROLLBACK)
    project.write("fixtures/backup.sql", DUMP)
    targets = {name: new_database(DATABASE) for name in ("staging", "production")}

    def run_sql(name: str, sql: str) -> None:
        with targets[name].connect() as connection:
            connection.execute(sql.encode())

    return Team(project, {name: target.url for name, target in targets.items()}, run_sql)


def test_from_the_rehearsal_to_the_third_day(team: Team) -> None:
    """GO where it is one; too early, and a row that somebody breaks on the second day, are NO-GO and stay known."""
    assert team.look() == "GO", team.project.output

    assert team.look("--db-url=staging", "--phase=before") == "GO", team.project.output
    team.execute("staging", MIGRATION)
    assert team.look("--db-url=staging") == "GO", team.project.output

    assert team.look("--db-url=production") == "NO-GO"  # nobody has migrated it yet
    assert "column:parcels.weight_g is missing in the live database" in team.project.output
    assert team.look("--db-url=production", "--phase=before") == "GO", team.project.output
    team.execute("production", MIGRATION)
    assert team.look("--db-url=production") == "GO", team.project.output
    assert team.project.outcome("as-many") == team.project.outcome("only_declared_changes") == "passed"

    team.execute("production", "INSERT INTO parcels VALUES (3, 'small', 'third-secret', 60)")
    assert team.look("--db-url=production", "--phase=monitor") == "GO", team.project.output

    team.sleep()
    team.execute("production", "INSERT INTO parcels (id, size) VALUES (4, 'small'); INSERT INTO labels VALUES (3, 9)")
    assert team.look("--db-url=production", "--phase=monitor") == "NO-GO"
    team.execute("production", "UPDATE parcels SET weight_g = 70 WHERE id = 4; DELETE FROM labels WHERE id = 3")
    assert team.look("--db-url=production", "--phase=monitor") == "GO", team.project.output

    team.sleep()
    assert team.look("--db-url=production", "--phase=monitor") == "GO", team.project.output
    days = team.project.result["plans"][0]["history"]
    assert [(day["verdict"], day["runs"], day["failed"]) for day in days] == [
        ("GO", 1, []), ("NO-GO", 2, ["filled", "labels-have-parcels"]), ("GO", 1, []),
    ]  # fmt: skip
    page = (team.project.root / "reports/report.html").read_text(encoding="utf-8")
    assert all(day["day"] in page for day in days)
    assert sorted(path.name for path in (team.project.root / "reports/baselines").iterdir()) == [
        "first.production.history.jsonl", "first.production.json", "first.staging.json",
    ]  # fmt: skip
    written = [path.read_text(encoding="utf-8") for path in (team.project.root / "reports").rglob("*.*")]
    assert not any("-secret" in text for text in [team.project.output, *written])
