"""A repository with a rehearsed plan, and the database that people use, before and after the migration."""

from __future__ import annotations

import itertools
import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.sandbox import EmbeddedServer, Server
from pytest_cutover.target import Target
from tests.live.servers import majors, started
from tests.project import MIGRATION, PLAN, Project, make_project

_numbers = itertools.count(1)
SCHEMA = """
CREATE TABLE public.parcels (id integer PRIMARY KEY, size text NOT NULL, note text);
CREATE TABLE public.labels (id integer PRIMARY KEY, parcel integer NOT NULL REFERENCES public.parcels, printed boolean);
CREATE INDEX labels_by_parcel ON public.labels (parcel);
ALTER TABLE public.labels ENABLE ROW LEVEL SECURITY;
CREATE POLICY printed_only ON public.labels USING (printed);
CREATE FUNCTION public.stamp() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$;
CREATE TRIGGER stamped BEFORE UPDATE ON public.labels FOR EACH ROW EXECUTE FUNCTION public.stamp();
"""
ROWS = "INSERT INTO parcels VALUES (1, 'letter', 'first-secret'), (2, 'small', 'second-secret');"
DUMP = f"""\
--
-- PostgreSQL database dump
--
-- Dumped from database version 15.0

{SCHEMA}{ROWS}
--
-- PostgreSQL database dump complete
--
"""
PASSWORD = "open-sesame-7"
CRITERIA = """
[targets]
production = "${PROD_URL}"
staging = "${STAGING_URL}"
[[criteria]]
id = "filled"
kind = "not_null"
table = "parcels"
columns = ["weight_g"]
[[criteria]]
id = "as-many"
kind = "row_count"
table = "parcels"
baseline = true
[[criteria]]
id = "takes-a-parcel"
kind = "accepts"
sql = "INSERT INTO parcels (id, size) VALUES (9, 'x')"
"""
LIVE_PLAN = PLAN.replace("[changes]", '[changes]\nrows.parcels.changed = ["weight_g"]') + CRITERIA


@dataclass
class Live:
    """The repository, and its production. `secrets` may stand in nothing that a run prints or writes."""

    project: Project
    target: Target
    url: str
    secrets: list[str] = field(default_factory=lambda: [PASSWORD, "first-secret", "second-secret"])
    printed: list[str] = field(default_factory=list)

    def run(self, *arguments: str, url: str | None = None) -> int:
        """Runs pytest with production known."""
        status = self.project.run("--junitxml=reports/junit.xml", *arguments, environment={"PROD_URL": url or self.url})
        self.printed.append(self.project.output)
        return status

    def leaks(self) -> list[str]:
        """Where a secret, or the password of production, stands in anything that was printed or written."""
        given = ("migrations", "verifications", "fixtures")
        files = [
            path for path in self.project.root.rglob("*")
            if path.is_file() and path.relative_to(self.project.root).parts[0] not in given
        ]  # fmt: skip
        texts = [(path.name, path.read_text(encoding="utf-8", errors="replace")) for path in files]
        texts += [("printed", text) for text in self.printed]
        return sorted(
            f"{secret} in {name}"
            for secret in {*self.secrets, self.target.password}
            for name, text in texts
            if secret in text
        )

    def execute(self, sql: str) -> None:
        """Changes production, as its own application would."""
        with self.target.connect() as connection:
            connection.execute(sql.encode())

    @property
    def outcomes(self) -> dict[str, str]:
        """The outcome of each criterion of the first plan."""
        return {each["id"]: each["outcome"] for each in self.project.result["plans"][0]["criteria"]}

    def found(self, name: str) -> dict[str, Any]:
        """What the result says of one criterion."""
        criterion: dict[str, Any] = next(
            each for each in self.project.result["plans"][0]["criteria"] if each["id"] == name
        )
        return criterion


@pytest.fixture(scope="session")
def rehearsed_reports(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What one rehearsal of the plan wrote to reports/, for all tests."""
    made = make_project(tmp_path_factory.mktemp("rehearsed"))
    made.write("fixtures/backup.sql", DUMP)
    made.plan(text=LIVE_PLAN)
    assert made.run() == 0, made.output
    return made.root / "reports"


@pytest.fixture(scope="session")
def reports_of_before(tmp_path_factory: pytest.TempPathFactory, rehearsed_reports: Path, server: Server) -> Path:
    """The same after a run with `--phase=before`: all databases that `live` makes are alike, and so are their baselines."""
    made = make_project(tmp_path_factory.mktemp("before"))
    made.plan(text=LIVE_PLAN)
    shutil.copytree(rehearsed_reports, made.root / "reports")
    target = server.create("before_of_all")
    try:
        database = Live(made, target, target.url)
        database.execute(SCHEMA + ROWS)
        assert database.run("--db-url=production", "--phase=before") == 0, made.output
    finally:
        server.drop(target.database)
    return made.root / "reports"


@pytest.fixture
def live(project: Project, new_database: Callable[..., Target], rehearsed_reports: Path) -> Iterator[Live]:
    """A plan that was rehearsed with GO, and a production that is not migrated yet; afterwards nothing has leaked."""
    project.plan(text=LIVE_PLAN)
    shutil.copytree(rehearsed_reports, project.root / "reports")
    target = new_database(SCHEMA + ROWS)
    made = Live(project, target, target.url)
    yield made
    assert made.leaks() == []


@pytest.fixture
def migrated(live: Live, reports_of_before: Path) -> Live:
    """The same, migrated as rehearsed, with a baseline of before."""
    shutil.copytree(reports_of_before, live.project.root / "reports", dirs_exist_ok=True)
    for path in (live.project.root / "reports/baselines").glob("*.json"):
        # It was taken of a database like this one: as by a server that does not tell which it is.
        path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | {"identity": ""}), encoding="utf-8")
    live.execute(MIGRATION)
    return live


@pytest.fixture(scope="module", params=sorted(majors()))
def busy_server(request: pytest.FixtureRequest) -> Iterator[EmbeddedServer]:
    """A server of each major version here, with statistics of statements."""
    with started(majors()[request.param]) as server:
        yield server


@pytest.fixture
def production(request: pytest.FixtureRequest, busy_server: EmbeddedServer) -> Iterator[Target]:
    """A database that people use, with what the test's module calls its SCHEMA."""
    name = f"prod_{next(_numbers)}"
    target = busy_server.create(name)
    with target.connect() as connection:
        connection.execute(request.module.SCHEMA.encode())
    yield target
    busy_server.drop(name)
