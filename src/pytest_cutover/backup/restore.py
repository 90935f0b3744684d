"""Restoring a backup into a fresh database, and proving that all of it arrived."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

from psycopg import sql

from pytest_cutover.backup.complaints import MissingRoleError, judge
from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.backup.meter import Meter, Progress
from pytest_cutover.backup.packing import open_plain
from pytest_cutover.backup.plain import count_copies
from pytest_cutover.backup.preludes import scripts_of
from pytest_cutover.backup.programs import major_of, programs_for, psql_for
from pytest_cutover.backup.psql import SETTINGS_SINCE, drain, run_psql
from pytest_cutover.errors import BackupError
from pytest_cutover.names import format_name
from pytest_cutover.sandbox import extensions
from pytest_cutover.sandbox.server import Server
from pytest_cutover.target import Target

_PARALLEL_FROM_BYTES = 32 << 20
_MAX_ROLES = 50
_TABLES = """
    SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
"""

_SCHEMAS = """
    SELECT nspname FROM pg_namespace
    WHERE nspname NOT IN ('public', 'information_schema') AND NOT starts_with(nspname, 'pg_')
"""

# A dump tells the privileges on public as they differ from initdb's, though it creates the schema without them.
_GRANTING_USAGE = """
    CREATE SCHEMA pytest_cutover_restore;
    CREATE FUNCTION pytest_cutover_restore.grant_usage() RETURNS event_trigger LANGUAGE plpgsql AS $$
        BEGIN
            IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity = 'public') THEN
                GRANT USAGE ON SCHEMA public TO PUBLIC;
            END IF;
        END
    $$;
    CREATE EVENT TRIGGER pytest_cutover_restore ON ddl_command_end WHEN TAG IN ('CREATE SCHEMA')
        EXECUTE FUNCTION pytest_cutover_restore.grant_usage();
"""


def restore(
    facts: BackupFacts, server: Server, database: str, prelude: list[Path], owner: str | None, progress: Progress
) -> tuple[Target, BackupFacts, tuple[str, ...]]:
    """Restores the backup into a new database; returns its target, the facts with what was handled, and warnings.

    Raises:
        BackupError: the restore did not go through without an unexplained error; the database is dropped again.
        SandboxError: the server failed.
    """
    handled = list(facts.handled)
    roles = [*facts.roles, *([owner] if owner else [])]
    schemas = _schemas(facts, programs_for(facts, server))
    lacking: list[str] = []
    for _ in range(_MAX_ROLES):
        made = server.create_roles(lacking)
        target = server.create(database)
        try:
            with server.noting_roles():
                for path in prelude:
                    for script in scripts_of(path, schemas):
                        with script.open("rb") as stream:
                            run_psql(server, server.programs, target, stream, f"the prelude {path.name}")
            # After the prelude, whose roles have attributes that a policy may depend on.
            made += server.create_roles(roles)
            if made:
                handled.append(f"created the roles {', '.join(made)} (NOLOGIN), which the backup or the plan names")
            with target.connect() as connection:
                if owner is not None:
                    connection.execute(
                        sql.SQL("ALTER DATABASE {} OWNER TO {}").format(
                            sql.Identifier(target.database), sql.Identifier(owner)
                        )
                    )
                prepared = frozenset(format_name(*row) for row in connection.execute(_TABLES).fetchall())
                platform = frozenset(name for (name,) in connection.execute(_SCHEMAS).fetchall())
                if "public" in schemas:
                    connection.execute("DROP SCHEMA public")
                    if connection.info.parameter_status("is_superuser") == "on":
                        connection.execute(_GRANTING_USAGE)
            if "public" in schemas:
                handled.append(
                    "made way for the schema public, which the backup creates, and kept the privileges that it has from the start"
                )
            warnings, notes = _load(facts, server, target, progress)
            with target.connect() as connection:
                if "public" in schemas:
                    connection.execute(
                        "SET client_min_messages = warning; DROP SCHEMA IF EXISTS pytest_cutover_restore CASCADE"
                    )
                stand_ins = extensions.used_in(connection)
            handled += [f"{name} is a stand-in in SQL: this server has no extension of that name" for name in stand_ins]
            return target, replace(facts, prepared=prepared, platform=platform, handled=(*handled, *notes)), warnings
        except MissingRoleError as missing:
            server.drop(database)
            lacking = [missing.role]
        except BaseException:
            server.drop(database)
            raise
    raise BackupError(f"The backup {facts.path} names more than {_MAX_ROLES} roles that do not exist.")


def _schemas(facts: BackupFacts, programs: Path) -> frozenset[str]:
    """The schemas that the backup creates. `programs` read it, where it is an archive."""
    if not facts.is_archive:
        return facts.schemas | ({"public"} if facts.creates_public else set())

    def read(*options: str, listed: str = "") -> str:
        argv: list[str | Path] = [programs / "pg_restore", *options, facts.path]
        return subprocess.run(argv, input=listed, capture_output=True, text=True, check=False).stdout

    # An entry alone says nothing: that of public may be there for its privileges, and create nothing.
    entries = re.findall(r"^\d+; \d+ \d+ SCHEMA - .*", read("--list"), re.MULTILINE)
    if not entries:
        return frozenset()
    text = read("--use-list=/dev/stdin", "--file=-", listed="\n".join(entries) + "\n")
    return frozenset(name.strip('"') for name in re.findall(r"^CREATE SCHEMA (.+);$", text, re.MULTILINE))


def _load(facts: BackupFacts, server: Server, target: Target, progress: Progress) -> tuple[tuple[str, ...], list[str]]:
    """Restores what the file holds; returns the warnings, and what was left out on the way."""
    what = f"the backup {facts.path}"
    if not facts.is_archive:
        with open_plain(facts.path) as stream:
            return run_psql(server, psql_for(facts, server), target, stream, what, facts, progress)
    programs = programs_for(facts, server)
    major = major_of(programs)
    if facts.format == "directory":
        _check_members(facts, programs, progress)
    if any(server.facts.major < since <= major for since in SETTINGS_SINCE.values()):
        return _restore_through_psql(facts, server, programs, target, what, progress)
    argv = [str(programs / "pg_restore"), "--exit-on-error", "--no-password", "--dbname", target.database]
    if facts.format != "tar" and facts.bytes >= _PARALLEL_FROM_BYTES:
        argv += ["--jobs", str(min(os.cpu_count() or 1, 4))]
    process = subprocess.Popen(
        [*argv, str(facts.path)], env=target.libpq_environment(os.environ), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
    )  # fmt: skip
    with Meter(progress, facts.bytes) as meter:
        complaints = meter.wait_for(process, facts.path)
    return judge(process.returncode, complaints, what, server), []


def _check_members(facts: BackupFacts, programs: Path, progress: Progress) -> None:
    """Raises BackupError where a member in a compression that only pg_restore reads ends too early.

    pg_restore takes the end of such a member for the end of the table's rows. In its text the rows then go on into the
    next table's, so that fewer tables begin than the contents name.
    """
    if not any(member.suffix in (".lz4", ".zst") for member in facts.path.iterdir()):
        return
    listed = subprocess.run([programs / "pg_restore", "--list", facts.path], capture_output=True, check=False).stdout
    expected = sum(b" TABLE DATA " in line for line in listed.splitlines() if not line.startswith(b";"))
    progress("reading every member")
    reading = subprocess.Popen(
        [programs / "pg_restore", "--data-only", "--file=-", facts.path], stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    assert reading.stdout is not None
    with reading.stdout:
        found, ended = count_copies(facts.path, reading.stdout)
    # What pg_restore itself complains of comes up again in the restore.
    if reading.wait() == 0 and (found != expected or not ended):
        raise BackupError(
            f"The backup {facts.path} is cut: its contents name {expected} tables with rows, and only "
            f"{found if ended else found - 1} of them end as they should.\nTake or copy it again."
        )


def _restore_through_psql(
    facts: BackupFacts, server: Server, programs: Path, target: Target, what: str, progress: Progress
) -> tuple[tuple[str, ...], list[str]]:
    """Restores an archive whose pg_restore sets what the older server does not know: as text, with that left out."""
    reading = subprocess.Popen(
        [programs / "pg_restore", "--file=-", facts.path], env=target.libpq_environment(os.environ),
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
    )  # fmt: skip
    assert reading.stdout is not None and reading.stderr is not None
    complaints: list[bytes] = []
    reader = threading.Thread(target=drain, args=(reading.stderr, complaints), daemon=True)
    reader.start()
    try:
        return run_psql(server, programs, target, reading.stdout, what, facts, progress)
    finally:
        reading.stdout.close()
        status = reading.wait()
        reader.join()
        reading.stderr.close()
        text = b"".join(complaints).decode(errors="replace")
        # Where psql stopped first, it has told why, and pg_restore only met a closed pipe.
        if sys.exc_info()[0] is None:
            judge(status, text, what, server)
