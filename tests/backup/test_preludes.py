"""The ready-made preludes give a dump what its platform has, and nothing that the dump brings itself."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest
from tests.project import PLAN, Project

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.preludes import prelude_path, ready_made, scripts_of
from pytest_cutover.backup.restore import restore
from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

_ADA = "00000000-0000-4000-8000-00000000000a"
_BOB = "00000000-0000-4000-8000-00000000000b"
# As a Supabase project has it: the platform's schemas beside the team's own.
_PLATFORM = "\n".join(path.read_text() for path in scripts_of(prelude_path("supabase", Path())))
_OURS = f"""
CREATE TABLE notes (
    id uuid PRIMARY KEY DEFAULT gen_random_uuid(),
    owner uuid NOT NULL DEFAULT auth.uid() REFERENCES auth.users,
    text text
);
INSERT INTO auth.users (id, email) VALUES ('{_ADA}', 'a@example.org'), ('{_BOB}', 'b@example.org');
INSERT INTO notes (owner, text) VALUES ('{_ADA}', 'one'), ('{_ADA}', 'two'), ('{_BOB}', 'three');
GRANT SELECT, INSERT ON notes TO authenticated;
GRANT ALL ON notes TO service_role;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes FOR ALL TO authenticated USING (owner = auth.uid());
"""


@pytest.fixture
def production(new_database: Callable[[str], Target]) -> Target:
    """A Supabase database with two users and three notes."""
    return new_database(_PLATFORM + _OURS)


def _dump(production: Target, server: Server, path: Path, *options: str) -> Path:
    argv = [server.programs / "pg_dump", "--file", path, *options]
    subprocess.run(argv, check=True, env=production.libpq_environment(os.environ))
    return path


def _restore(server: Server, path: Path, name: str, *prelude: Path) -> Target:
    target, _, _ = restore(inspect_backup(path), server, name, list(prelude), None, lambda text: None)
    return target


def _as(target: Target, role: str, claims: str, sql: str) -> list[tuple[object, ...]]:
    with target.connect() as connection:
        connection.execute("SELECT set_config('request.jwt.claims', %s, false)", (claims,))
        connection.execute(f"SET ROLE {role}".encode())
        return connection.execute(sql.encode()).fetchall()


def _users(tmp_path: Path) -> Path:
    path = tmp_path / "users.sql"
    path.write_text(f"INSERT INTO auth.users (id) VALUES ('{_ADA}'), ('{_BOB}');")
    return path


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_a_dump_of_public_finds_what_it_expects(form: str, production: Target, server: Server, tmp_path: Path) -> None:
    """Policies act on the claims of the request, for each role as on the platform."""
    path = _dump(production, server, tmp_path / "backup", "--schema=public", f"--format={form}")

    target = _restore(server, path, f"public_{form}", prelude_path("supabase", tmp_path), _users(tmp_path))

    ada = f'{{"sub": "{_ADA}", "role": "authenticated", "email": "a@example.org"}}'
    assert _as(target, "authenticated", ada, "SELECT count(*) FROM public.notes") == [(2,)]
    assert _as(target, "authenticated", "", "SELECT count(*) FROM public.notes") == [(0,)]
    assert _as(target, "service_role", "", "SELECT count(*) FROM public.notes") == [(3,)]
    assert _as(target, "authenticated", ada, "SELECT auth.uid()::text, auth.role(), auth.email()") == [
        (_ADA, "authenticated", "a@example.org")
    ]
    assert _as(target, "authenticated", ada, "SELECT auth.jwt() ->> 'sub'") == [(_ADA,)]
    assert _as(target, "authenticated", "", "SELECT auth.uid(), auth.jwt()") == [(None, None)]
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        _as(target, "anon", "", "SELECT count(*) FROM public.notes")
    server.drop(target.database)


@pytest.mark.parametrize("form", ["plain", "custom"])
def test_a_dump_of_everything_keeps_its_own_schemas(
    form: str, production: Target, server: Server, tmp_path: Path
) -> None:
    """What the backup brings is production's; a stand-in in its place would hide it, or stop the restore."""
    path = _dump(production, server, tmp_path / "backup", f"--format={form}")

    target = _restore(server, path, f"whole_{form}", prelude_path("supabase", tmp_path))

    with target.connect() as connection:
        assert connection.execute("SELECT count(*) FROM auth.users").fetchone() == (2,)
    server.drop(target.database)


def test_rows_whose_users_were_not_dumped_are_said_with_the_way_out(
    production: Target, server: Server, tmp_path: Path
) -> None:
    path = _dump(production, server, tmp_path / "backup.sql", "--schema=public")

    with pytest.raises(BackupError, match="refer to rows that it does not hold") as raised:
        _restore(server, path, "alone", prelude_path("supabase", tmp_path))

    assert "auth.users" in str(raised.value)
    assert _ADA not in str(raised.value)


def test_without_the_prelude_its_name_is_told(production: Target, server: Server, tmp_path: Path) -> None:
    path = _dump(production, server, tmp_path / "backup.sql", "--schema=public")

    with pytest.raises(BackupError, match=r'backup\.prelude = \["supabase"\]'):
        _restore(server, path, "bare")


def test_the_tables_of_a_prelude_are_not_the_backups(
    production: Target, server: Server, tmp_path: Path, project: Project
) -> None:
    """`expect.tables` is of the dump, whatever stands beside it."""
    _users(tmp_path)
    dump = _dump(production, server, tmp_path / "dump.sql", "--schema=public", "--no-owner").read_text()
    project.plan(
        text=PLAN.replace("[migrate]", 'prelude = ["supabase", "users.sql"]\nexpect = { tables = 1 }\n[migrate]', 1),
        migration="ALTER TABLE notes ADD COLUMN seats integer NOT NULL DEFAULT 1;",
    )
    folder = next(project.root.rglob("plan.toml")).parent
    (folder / "users.sql").write_text(_users(tmp_path).read_text())
    (folder / "backup.sql").write_text(dump)

    project.run()

    stages = {stage["name"]: stage for stage in project.result["plans"][0]["stages"]}
    assert stages["restore"]["outcome"] == "ok", project.output


def test_an_unknown_name_lists_the_known_ones(project: Project) -> None:
    project.plan(text=PLAN.replace("[migrate]", 'prelude = ["supabse"]\n[migrate]', 1))

    assert project.run() != 0

    assert 'backup.prelude "supabse": there is no such ready-made prelude. Allowed: supabase' in project.output
    assert 'Did you mean "supabase"?' in project.output
    assert ready_made() == ["supabase"]


def test_a_role_has_the_attributes_that_its_prelude_gives_it(
    new_database: Callable[[str], Target], server: Server, tmp_path: Path
) -> None:
    """The backup names the role, too, but only the prelude knows that no policy binds it."""
    made = "CREATE ROLE prelude_backend NOLOGIN BYPASSRLS"
    source = new_database(f"{made}; CREATE TABLE t AS SELECT 1 AS id; GRANT SELECT ON t TO prelude_backend")
    path = _dump(source, server, tmp_path / "backup.sql")
    server.drop(source.database)
    with server.maintenance.connect() as connection:
        connection.execute("DROP ROLE prelude_backend")
    (tmp_path / "roles.sql").write_text(f"{made};")

    target = _restore(server, path, "attributes", tmp_path / "roles.sql")

    with target.connect() as connection:
        found = connection.execute("SELECT rolbypassrls FROM pg_roles WHERE rolname = 'prelude_backend'").fetchone()
        assert found == (True,)
    server.drop(target.database)
    with server.maintenance.connect() as connection:
        connection.execute("DROP ROLE prelude_backend")
