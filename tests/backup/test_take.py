"""`cutover backup`: read-only on the live side, proved before it is called a backup."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.project import PLAN, Project

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.metadata import metadata_path, read_metadata
from pytest_cutover.cli import main
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

LIVE = """
CREATE TABLE parcels (id integer PRIMARY KEY, size text NOT NULL, note text);
INSERT INTO parcels SELECT n, 'small', 'secret ' || n FROM generate_series(1, 500) n;
CREATE TABLE sizes (name text PRIMARY KEY);
CREATE SCHEMA audit;
CREATE TABLE audit.log (id integer);
INSERT INTO audit.log VALUES (1), (2), (3);
"""


@pytest.fixture
def live(new_database: Callable[..., Target]) -> Target:
    """A database that people depend on."""
    return new_database(LIVE)


def _take(live: Target, path: Path, *arguments: str) -> int:
    return main(["backup", str(path), "--db-url", live.url, "--sandbox", "embedded", *arguments])


@pytest.mark.parametrize(
    ("name", "form"),
    [("a.sql", "plain"), ("a.sql.gz", "plain, gzip"), ("a.tar", "tar"), ("a.dump", "custom")],
)
def test_the_form_follows_the_name_and_the_counts_are_recorded(
    live: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str], name: str, form: str
) -> None:
    path = tmp_path / name

    assert _take(live, path) == 0

    facts = inspect_backup(path)
    metadata = read_metadata(path)
    assert metadata is not None
    assert facts.format == form
    assert metadata.sha256 == facts.sha256
    assert metadata.tables == {"parcels": 500, "sizes": 0, "audit.log": 3}
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert sorted(each.name for each in tmp_path.iterdir()) == [name, f"{name}.json"]
    output = capsys.readouterr()
    assert "3 tables, 503 rows" in output.out
    assert live.password not in output.out + output.err + metadata_path(path).read_text()


def test_only_the_schemas_asked_for(live: Target, tmp_path: Path) -> None:
    assert _take(live, tmp_path / "a.dump", "--schema", "audit") == 0

    metadata = read_metadata(tmp_path / "a.dump")
    assert metadata is not None
    assert metadata.tables == {"audit.log": 3}


def test_it_reads_and_nothing_else(live: Target, server: Server, tmp_path: Path) -> None:
    """The server's own log of every statement is the witness."""
    with server.maintenance.connect() as connection:
        connection.execute(f"ALTER DATABASE {live.database} SET log_statement = 'all'".encode())
    log = server.directory / "server.log"  # type: ignore[attr-defined]
    before = log.stat().st_size

    assert _take(live, tmp_path / "a.dump") == 0

    said = log.read_text(errors="replace")[before:]
    statements = [line.split("statement: ", 1)[1] for line in said.splitlines() if "statement: " in line]
    first_words = {statement.split()[0].upper().rstrip(";") for statement in statements}
    assert first_words <= {
        "SELECT",
        "BEGIN",
        "SET",
        "LOCK",
        "COPY",
        "COMMIT",
        "ROLLBACK",
        "WITH",
        "PREPARE",
        "EXECUTE",
        "SHOW",
    }
    assert "COPY" in first_words
    locks = {statement.split(" IN ", 1)[1] for statement in statements if statement.startswith("LOCK TABLE")}
    assert locks == {"ACCESS SHARE MODE"}
    assert not [each for each in statements if each.startswith("COPY") and "TO stdout" not in each]


def test_a_rehearsal_checks_what_was_recorded(live: Target, tmp_path: Path, project: Project) -> None:
    """The age comes from the snapshot; a file that was replaced is not taken for the one that was proved."""
    backup = project.root / "fixtures" / "taken.dump"
    assert _take(live, backup) == 0
    project.plan(text=PLAN.replace("backup.sql", "taken.dump"))
    project.write(
        "verifications/test_own.py", (project.root / "verifications/test_own.py").read_text().replace("== 2", "== 500")
    )

    assert project.run("--sandbox=embedded") == 0, project.output
    metadata = read_metadata(backup)
    assert metadata is not None
    assert project.result["plans"][0]["backup"]["taken"] == metadata.taken.isoformat()

    recorded = json.loads(metadata_path(backup).read_text())
    metadata_path(backup).write_text(json.dumps(recorded | {"tables": recorded["tables"] | {"parcels": 501}}))
    assert project.run("--sandbox=embedded") == 10
    assert "parcels: 500 rows, and 501 rows when it was taken" in project.output

    metadata_path(backup).write_text(json.dumps(recorded | {"sha256": "0" * 64}))
    assert project.run("--sandbox=embedded") == 10
    assert "is not the one that taken.dump.json beside it describes" in project.output

    metadata_path(backup).write_text("[]")
    assert project.run("--sandbox=embedded") == 10
    assert "is not metadata that this version reads" in project.output


def test_a_backup_is_never_overwritten(live: Target, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.dump").write_text("precious")

    assert _take(live, tmp_path / "a.dump") == 2

    assert "a backup is never overwritten" in capsys.readouterr().err
    assert (tmp_path / "a.dump").read_text() == "precious"


def test_what_does_not_restore_is_kept_and_called_unverified(
    new_database: Callable[..., Target], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """A check that looks into another table holds where it is and fails in every restore."""
    live = new_database("""
        CREATE TABLE zones (name text PRIMARY KEY);
        CREATE FUNCTION known(zone text) RETURNS boolean LANGUAGE sql AS
          $$ SELECT EXISTS (SELECT FROM public.zones WHERE name = zone) $$;
        INSERT INTO zones VALUES ('north');
        CREATE TABLE parcels (id integer, zone text CHECK (public.known(zone)));
        INSERT INTO parcels VALUES (1, 'north');
    """)

    assert _take(live, tmp_path / "a.dump") == 2

    said = capsys.readouterr().err
    assert "violates check constraint" in said
    assert f"is kept as {tmp_path / 'a.dump.unverified'}" in said
    assert [each.name for each in tmp_path.iterdir()] == ["a.dump.unverified"]


@pytest.mark.parametrize(
    ("rights", "complaint"),
    [
        ("", "permission denied"),
        (
            "GRANT SELECT ON ALL TABLES IN SCHEMA public, audit TO reader; GRANT USAGE ON SCHEMA audit TO reader;"
            "ALTER TABLE parcels ENABLE ROW LEVEL SECURITY; CREATE POLICY few ON parcels USING (id < 3);",
            "row-level security policy",
        ),
    ],
)
def test_a_role_that_does_not_see_everything_is_refused(
    live: Target, server: Server, tmp_path: Path, capsys: pytest.CaptureFixture[str], rights: str, complaint: str
) -> None:
    """A smaller backup would look like a whole one."""
    with live.connect() as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'hidden-word'")
        connection.execute(rights.encode() or b"SELECT")
    reader = Target(live.host, live.port, live.database, "reader", "hidden-word")
    try:
        assert _take(reader, tmp_path / "a.dump") == 2
    finally:
        with live.connect() as connection:
            connection.execute("DROP OWNED BY reader")
            connection.execute("DROP ROLE reader")

    said = capsys.readouterr().err
    assert complaint in said
    assert "hidden-word" not in said
    assert list(tmp_path.iterdir()) == []


def test_a_wrong_password_and_a_wrong_name_are_clear_errors(
    live: Target, tmp_path: Path, project: Project, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    wrong = Target(live.host, live.port, live.database, "postgres", "hidden-word")
    assert _take(wrong, tmp_path / "a.dump") == 2
    said = capsys.readouterr().err
    assert "password authentication failed" in said and "hidden-word" not in said

    project.plan(text=PLAN + '[targets]\nproduction = "${SHOP_URL}"\n')
    plan = ["--plan", "first", "--plans", str(project.root / "migrations")]
    file = str(tmp_path / "b.dump")
    assert main(["backup", file, "--db-url", "staging", *plan]) == 2
    assert "the targets of first are: production" in capsys.readouterr().err
    assert main(["backup", file, "--db-url", "production", *plan]) == 2
    assert "first reads it from ${SHOP_URL}, which is not set" in capsys.readouterr().err
    monkeypatch.setenv("SHOP_URL", live.url)
    assert main(["backup", file, "--db-url", "production", "--sandbox", "embedded", *plan]) == 0


def test_a_database_without_tables_is_refused(
    new_database: Callable[..., Target], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _take(new_database(), tmp_path / "a.dump") == 2
    assert "Is this the right database?" in capsys.readouterr().err
