"""Restoring a backup into a fresh database, and proving that all of it arrived."""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import IO

from psycopg import sql

from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.backup.meter import Meter, Progress
from pytest_cutover.backup.plain import CHUNK_BYTES, count_copies, open_plain
from pytest_cutover.backup.preludes import scripts_of
from pytest_cutover.errors import BackupError
from pytest_cutover.names import format_name
from pytest_cutover.sandbox import extensions
from pytest_cutover.sandbox.binaries import client_programs, find_binaries
from pytest_cutover.sandbox.server import Server
from pytest_cutover.target import Target

_HEADER_BYTES = 1 << 16
_PARALLEL_FROM_BYTES = 32 << 20
# The first minor versions of psql that know \\restrict.
_RESTRICT_SINCE = {13: 22, 14: 19, 15: 14, 16: 10, 17: 6}
_MAX_ROLES = 50
# Settings that pg_dump writes at the top of a dump, and the first major version that knows them.
_SETTINGS_SINCE = {b"transaction_timeout": 17}
_MISSING_ROLE = re.compile(r'role "((?:[^"]|"")+)" does not exist')
_MISSING_EXTENSION = re.compile(r'extension "([^"]+)" is not available')
_IMAGES = {
    "postgis": "postgis/postgis", "timescaledb": "timescale/timescaledb", "vector": "pgvector/pgvector",
    "supabase_vault": "supabase/postgres", "pg_graphql": "supabase/postgres", "pgsodium": "supabase/postgres",
    "pg_cron": "supabase/postgres", "pg_net": "supabase/postgres",
}  # fmt: skip

_TABLES = """
    SELECT nspname, relname FROM pg_class JOIN pg_namespace n ON n.oid = relnamespace
    WHERE relkind IN ('r', 'p') AND nspname <> 'information_schema' AND NOT starts_with(nspname, 'pg_')
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
    schemas = _schemas(facts, _programs_for(facts, server))
    lacking: list[str] = []
    for _ in range(_MAX_ROLES):
        made = server.create_roles(lacking)
        target = server.create(database)
        try:
            with server.noting_roles():
                for path in prelude:
                    for script in scripts_of(path, schemas):
                        with script.open("rb") as stream:
                            _run_psql(server, server.programs, target, stream, f"the prelude {path.name}")
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
            return target, replace(facts, prepared=prepared, handled=(*handled, *notes)), warnings
        except _MissingRoleError as missing:
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


class _MissingRoleError(Exception):
    def __init__(self, role: str) -> None:
        self.role = role


def _load(facts: BackupFacts, server: Server, target: Target, progress: Progress) -> tuple[tuple[str, ...], list[str]]:
    """Restores what the file holds; returns the warnings, and what was left out on the way."""
    what = f"the backup {facts.path}"
    if not facts.is_archive:
        with open_plain(facts.path) as stream:
            return _run_psql(server, _psql_for(facts, server), target, stream, what, facts, progress)
    programs = _programs_for(facts, server)
    major = _major(programs)
    if facts.format == "directory":
        _check_members(facts, programs, progress)
    if any(server.facts.major < since <= major for since in _SETTINGS_SINCE.values()):
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
    return _judge(process.returncode, complaints, what, server), []


def _programs_for(facts: BackupFacts, server: Server) -> Path:
    """The folder of the client programs that fit the server and read the archive."""
    if (facts.reader or 0) > _major(server.programs):
        return client_programs(server.facts.major, facts.reader or 0).folder
    return server.programs


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
    reader = threading.Thread(target=_drain, args=(reading.stderr, complaints), daemon=True)
    reader.start()
    try:
        return _run_psql(server, programs, target, reading.stdout, what, facts, progress)
    finally:
        reading.stdout.close()
        status = reading.wait()
        reader.join()
        reading.stderr.close()
        text = b"".join(complaints).decode(errors="replace")
        # Where psql stopped first, it has told why, and pg_restore only met a closed pipe.
        if sys.exc_info()[0] is None:
            _judge(status, text, what, server)


@lru_cache
def _major(programs: Path) -> int:
    """The major version of the client programs in the folder."""
    return _psql_version(programs)[0]


@lru_cache
def _psql_version(programs: Path) -> tuple[int, int]:
    answer = subprocess.run([programs / "psql", "--version"], capture_output=True, text=True, check=True).stdout
    match = re.search(r"(\d+)(?:\.(\d+))?", answer)
    return (int(match[1]), int(match[2] or 0)) if match else (0, 0)


def _psql_for(facts: BackupFacts, server: Server) -> Path:
    """The folder of a psql that can read the dump."""
    if not facts.restricted or _can_restrict(server.programs):
        return server.programs
    for binaries in find_binaries():
        if binaries.major >= server.facts.major and _can_restrict(binaries.folder):
            return binaries.folder
    raise BackupError(
        f"The backup {facts.path} holds \\\\restrict, which the psql in {server.programs} is too old for.\n"
        "Update the PostgreSQL programs of this machine to their latest minor version."
    )


def _can_restrict(programs: Path) -> bool:
    """True where psql knows \\restrict, after which it refuses every command of its own (CVE-2025-8714)."""
    major, minor = _psql_version(programs)
    return major > 17 or minor >= _RESTRICT_SINCE.get(major, 1000)


def _run_psql(
    server: Server,
    programs: Path,
    target: Target,
    source: IO[bytes],
    what: str,
    facts: BackupFacts | None = None,
    progress: Progress | None = None,
) -> tuple[tuple[str, ...], list[str]]:
    """Feeds the text to psql; returns the server's warnings and what was left out on the way."""
    argv = [str(programs / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-"]
    process = subprocess.Popen(
        argv, env=target.libpq_environment(os.environ), stdin=subprocess.PIPE, stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
    )  # fmt: skip
    assert process.stdin is not None and process.stderr is not None
    complaints: list[bytes] = []
    reader = threading.Thread(target=_drain, args=(process.stderr, complaints), daemon=True)
    reader.start()
    notes: list[str] = []
    try:
        if facts is not None and not facts.is_archive and not facts.restricted and _can_restrict(programs):
            process.stdin.write(b"\\restrict %s\n" % secrets.token_hex(16).encode())
        _feed(process.stdin, source, server.facts.major, facts, progress, notes)
    except BrokenPipeError:
        pass  # psql stopped at an error, which it has told
    finally:
        with suppress(BrokenPipeError):
            process.stdin.close()
        process.wait()
        reader.join()
        process.stderr.close()
    text = b"".join(complaints).decode(errors="replace")
    return _judge(process.returncode, text, what, server), notes


def _drain(stream: IO[bytes], into: list[bytes]) -> None:
    while chunk := stream.read(65536):
        into.append(chunk)


def _feed(
    sink: IO[bytes],
    source: IO[bytes],
    major: int,
    facts: BackupFacts | None,
    progress: Progress | None,
    notes: list[str],
) -> None:
    """Passes the text on, without a byte order mark and the settings that the server does not know."""
    chunk = source.read(_HEADER_BYTES)
    if chunk.startswith(b"\xef\xbb\xbf"):
        chunk = chunk[3:]
    if facts is not None:
        for name, since in _SETTINGS_SINCE.items():
            if major < since:
                chunk, times = re.subn(rb"^SET %s = [^\n]*;$" % name, b"", chunk, count=1, flags=re.MULTILINE)
                if times:
                    notes.append(f"left out SET {name.decode()}, which PostgreSQL {major} does not know")
    # Of a compressed file the unpacked size is not known before its end.
    total = facts.bytes if facts is not None and facts.format == "plain" else None
    with Meter(progress or (lambda text: None), total) as meter:
        while chunk:
            sink.write(chunk)
            meter.add(len(chunk))
            chunk = source.read(CHUNK_BYTES)


def _judge(status: int, complaints: str, what: str, server: Server) -> tuple[str, ...]:
    """The warnings among the messages.

    Raises:
        BackupError: there is an error among them, or the program failed without one.
    """
    lines = [line for line in complaints.splitlines() if line.strip()]
    errors = [line for line in lines if re.search(r"\b(ERROR|FATAL|PANIC|error)\b: ", line)]
    if status == 0 and not errors:
        return tuple(line for line in lines if "WARNING" in line or "warning:" in line)
    text = "\n".join(_without_values(errors or lines[-5:])[:8]) or f"the program ended with status {status}"
    missing = _MISSING_ROLE.search(complaints)
    if missing:
        raise _MissingRoleError(missing[1].replace('""', '"'))
    if "No space left on device" in complaints or "the database system is in recovery" in complaints:
        raise server.failure(f"could not restore {what}", BackupError(text))
    if "server closed the connection" in complaints or "terminating connection" in complaints:
        raise server.failure(f"ended while restoring {what}", BackupError(text))
    extension = _MISSING_EXTENSION.search(complaints)
    remedy = "Look at the first error; a backup is only accepted if all of it arrives."
    if re.search(r'relation "[^"]+" does not exist', complaints):
        remedy = "Was it taken with --data-only, or of some tables alone? Take it of the whole database."
    if re.search(r'schema "auth" does not exist|function auth\.', complaints):
        remedy = 'Does it come from Supabase? Give it what it expects to exist: backup.prelude = ["supabase"].'
    if "is not present in table" in complaints:
        remedy = (
            "Its rows refer to rows that it does not hold. Take it again of the whole database; or, where they are in a"
            " schema left out on purpose (auth.users, say), fill that table with a prelude file behind the ready-made one."
        )
    if "encoding" in complaints:
        remedy = "Was the file recoded on its way? Take it again with `pg_dump --file=NAME`, and copy it as binary."
    if extension:
        image = _IMAGES.get(extension[1])
        where = f"the image {image} has it" if image else "install it on the server that the rehearsal uses"
        remedy = f"The extension {extension[1]} is not available on this server; {where}."
    raise BackupError(f"Restoring {what} failed:\n    " + text.replace("\n", "\n    ") + f"\n{remedy}")


def _without_values(lines: list[str]) -> list[str]:
    return [re.sub(r'((?:invalid input|out of range|violates)[^:]*): ".*', r"\1: …", line) for line in lines]
