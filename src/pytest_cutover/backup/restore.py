"""Restoring a backup into a fresh database, and proving that all of it arrived."""

from __future__ import annotations

import os
import re
import subprocess
import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import IO

from pytest_cutover.backup.inspect import BackupFacts, open_plain
from pytest_cutover.errors import BackupError
from pytest_cutover.plan.model import Expect
from pytest_cutover.sandbox import extensions
from pytest_cutover.sandbox.server import Server
from pytest_cutover.target import Target

Progress = Callable[[str], None]
"""Called with a short text while work goes on."""

_CHUNK_BYTES = 1 << 20
_HEADER_BYTES = 1 << 16
_PARALLEL_FROM_BYTES = 32 << 20
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


@dataclass(frozen=True)
class Restored:
    """A restored backup: the file's facts, the number of tables and rows, what was handled on the way."""

    facts: BackupFacts
    tables: int
    rows: int
    warnings: tuple[str, ...] = field(default=())


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
    for _ in range(_MAX_ROLES):
        made = server.create_roles(roles)
        if made:
            handled.append(f"created the roles {', '.join(made)} (NOLOGIN), which the backup or the plan names")
        target = server.create(database, owner=owner)
        try:
            with server.noting_roles():
                for path in prelude:
                    _run_psql(server, target, path, f"the prelude {path.name}")
            if facts.creates_public:
                with target.connect() as connection:
                    connection.execute("DROP SCHEMA public")
                handled.append("dropped the empty schema public first, since the backup creates it")
            warnings, notes = _load(facts, server, target, progress)
            with target.connect() as connection:
                stand_ins = extensions.used_in(connection)
            handled += [f"{name} is a stand-in in SQL: this server has no extension of that name" for name in stand_ins]
            return target, replace(facts, handled=(*handled, *notes)), warnings
        except _MissingRoleError as missing:
            server.drop(database)
            roles = [missing.role]
        except BaseException:
            server.drop(database)
            raise
    raise BackupError(f"The backup {facts.path} names more than {_MAX_ROLES} roles that do not exist.")


class _MissingRoleError(Exception):
    def __init__(self, role: str) -> None:
        self.role = role


def _load(facts: BackupFacts, server: Server, target: Target, progress: Progress) -> tuple[tuple[str, ...], list[str]]:
    if not facts.is_archive:
        return _run_psql(server, target, facts.path, f"the backup {facts.path}", facts=facts, progress=progress)
    argv = [str(server.programs / "pg_restore"), "--exit-on-error", "--no-password", "--dbname", target.database]
    if facts.format != "tar" and facts.bytes >= _PARALLEL_FROM_BYTES:
        argv += ["--jobs", str(min(os.cpu_count() or 1, 4))]
    progress(f"restoring {_size(facts.bytes)}")
    done = subprocess.run(
        [*argv, str(facts.path)], env=target.libpq_environment(os.environ), stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, check=False,
    )  # fmt: skip
    return _judge(done.returncode, done.stderr.decode(errors="replace"), f"the backup {facts.path}", server), []


def _run_psql(
    server: Server,
    target: Target,
    path: Path,
    what: str,
    facts: BackupFacts | None = None,
    progress: Progress | None = None,
) -> tuple[tuple[str, ...], list[str]]:
    """Feeds the file to psql; returns the server's warnings and what was left out on the way."""
    argv = [
        str(server.programs / "psql"), "--no-psqlrc", "--quiet", "--no-password", "--set=ON_ERROR_STOP=1", "--file=-",
    ]  # fmt: skip
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
        _feed(process.stdin, path, server.facts.major, facts, progress, notes)
    except BrokenPipeError:
        pass  # psql stopped at an error, which it has told
    finally:
        try:
            process.stdin.close()
        except BrokenPipeError:
            pass
        process.wait()
        reader.join()
        process.stderr.close()
    text = b"".join(complaints).decode(errors="replace")
    return _judge(process.returncode, text, what, server), notes


def _drain(stream: IO[bytes], into: list[bytes]) -> None:
    while chunk := stream.read(65536):
        into.append(chunk)


def _feed(
    sink: IO[bytes], path: Path, major: int, facts: BackupFacts | None, progress: Progress | None, notes: list[str]
) -> None:
    fed = 0
    with open_plain(path) as stream:
        chunk = stream.read(_HEADER_BYTES)
        if chunk.startswith(b"\xef\xbb\xbf"):
            chunk = chunk[3:]
        if facts is not None:
            for name, since in _SETTINGS_SINCE.items():
                if major < since:
                    chunk, times = re.subn(rb"^SET %s = [^\n]*;$" % name, b"", chunk, count=1, flags=re.MULTILINE)
                    if times:
                        notes.append(f"left out SET {name.decode()}, which PostgreSQL {major} does not know")
        while chunk:
            sink.write(chunk)
            fed += len(chunk)
            if progress is not None:
                progress(f"restoring {_size(fed)}")
            chunk = stream.read(_CHUNK_BYTES)


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
    if extension:
        image = _IMAGES.get(extension[1])
        where = f"the image {image} has it" if image else "install it on the server that the rehearsal uses"
        remedy = f"The extension {extension[1]} is not available on this server; {where}."
    raise BackupError(f"Restoring {what} failed:\n    " + text.replace("\n", "\n    ") + f"\n{remedy}")


def _without_values(lines: list[str]) -> list[str]:
    return [re.sub(r'((?:invalid input|out of range|violates)[^:]*): ".*', r"\1: …", line) for line in lines]


def check_expectations(expect: Expect, tables: int, count: Callable[[str], int], path: Path) -> None:
    """Raises BackupError where the restored database is not the one that the plan was written for."""
    wrong = []
    if expect.tables is not None and tables not in expect.tables:
        wrong.append(f"tables: expected {expect.tables}, found {tables}")
    for table, allowed in expect.rows.items():
        rows = count(table)
        if rows not in allowed:
            wrong.append(f"rows of {table}: expected {allowed}, found {rows:,}")
    if tables == 0:
        wrong.append("it has no table at all")
    if wrong:
        raise BackupError(
            f"The backup {path} restored, but is not the database that the plan expects:\n    "
            + "\n    ".join(wrong)
            + "\nGive the right backup, or correct backup.expect in the plan."
        )


def _size(number: int) -> str:
    value = float(number)
    for unit in ("bytes", "kB", "MB", "GB"):
        if value < 1000 or unit == "GB":
            return f"{value:.0f} {unit}" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError
