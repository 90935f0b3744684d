"""Taking a backup of a live PostgreSQL database, read-only, and proving that it restores to what was there."""

from __future__ import annotations

import os
import subprocess
import time
from collections.abc import Callable, Sequence
from datetime import datetime, timezone
from pathlib import Path

import psycopg

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.metadata import Metadata, check_rows, write_metadata
from pytest_cutover.backup.restore import restore
from pytest_cutover.catalog import read_catalog
from pytest_cutover.errors import BackupError, SandboxError, TargetError, describe_error
from pytest_cutover.names import parse_relation, quote_relation
from pytest_cutover.sandbox import Sandboxes
from pytest_cutover.sandbox.binaries import client_programs
from pytest_cutover.target import Target

Progress = Callable[[str], None]

LOCK_TIMEOUT_S = 5
_CONNECT_TIMEOUT_S = 10
_POLL_S = 0.2
_SETTINGS = {
    "lock_timeout": f"{LOCK_TIMEOUT_S}s",
    # A count reads a whole table, as pg_dump does without a limit.
    "statement_timeout": "1h",
    # What the role may not see must be an error, not a smaller backup.
    "row_security": "off",
}
_FORMATS = {".sql": "plain", ".gz": "plain", ".tar": "tar"}


def take_backup(
    target: Target,
    path: Path,
    sandboxes: Sandboxes,
    schemas: Sequence[str] = (),
    progress: Progress = lambda text: None,
) -> Metadata:
    """Takes a backup of the database into a new file, restores it in a sandbox, and writes its metadata beside it.

    pg_dump and the counts see one snapshot. The form follows the name: `.sql` and `.sql.gz` are plain, `.tar` is a tar
    archive, anything else pg_dump's custom format. Until it is proved the file is called `NAME.unverified`.

    Raises:
        TargetError: the database cannot be reached or read.
        BackupError: the file exists, pg_dump failed, or what was restored is not what was there.
        SandboxError: there is no server to restore it on.
    """
    if path.exists():
        raise BackupError(f"{path} exists: a backup is never overwritten. Give another name, or remove it first.")
    unverified = path.with_name(path.name + ".unverified")
    path.parent.mkdir(parents=True, exist_ok=True)
    taken, version, counts = _dump(target, unverified, path, schemas, progress)
    try:
        facts = inspect_backup(unverified)
        server = sandboxes.server(facts.at_least, int(version.split(".")[0]), None, progress)
        restored, _, _ = restore(facts, server, "verify", [], None, progress)
        try:
            with restored.connect(read_only=True) as connection:
                found = _count(connection, schemas, progress)
        finally:
            server.drop("verify")
        metadata = Metadata(
            facts.sha256, facts.bytes, taken, target.shown, version, counts,
            verified_on=f"the {server.facts.kind} PostgreSQL {server.facts.version}",
        )  # fmt: skip
        check_rows(metadata, unverified, found)
    except (BackupError, SandboxError) as error:
        raise type(error)(f"{error}\nThe backup was taken, but is not proved: it is kept as {unverified}.") from error
    unverified.rename(path)
    write_metadata(path, metadata)
    return metadata


def _dump(
    target: Target, into: Path, path: Path, schemas: Sequence[str], progress: Progress
) -> tuple[datetime, str, dict[str, int]]:
    """Dumps the database; returns when the snapshot was taken, the server's version, and the rows of each table."""
    try:
        with target.connect(read_only=True, timeout_s=_CONNECT_TIMEOUT_S, settings=_SETTINGS) as connection:
            connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
            row = connection.execute("SELECT pg_export_snapshot(), now(), current_setting('server_version')").fetchone()
            assert row is not None
            snapshot, taken, version = row[0], row[1].astimezone(timezone.utc), str(row[2]).split()[0]
            _run_pg_dump(target, into, path, snapshot, connection.info.server_version // 10000, schemas, progress)
            return taken, version, _count(connection, schemas, progress)
    except psycopg.OperationalError as error:
        message = str(error).strip().replace(target.password, "…") if target.password else str(error).strip()
        raise TargetError(f"{target.shown} cannot be read: {message}") from None
    except psycopg.Error as error:
        raise TargetError(f"{target.shown} cannot be read: {describe_error(error)}") from error


def _run_pg_dump(
    target: Target, into: Path, path: Path, snapshot: str, major: int, schemas: Sequence[str], progress: Progress
) -> None:
    argv = [
        client_programs(major).program("pg_dump"), "--no-password", f"--snapshot={snapshot}",
        f"--lock-wait-timeout={LOCK_TIMEOUT_S}s", f"--format={_FORMATS.get(path.suffix, 'custom')}",
        *(f"--schema={_pattern(schema)}" for schema in schemas),
    ]  # fmt: skip
    if path.suffix == ".gz":
        argv.append("--compress=6")
    environment = target.libpq_environment(os.environ) | {
        "PGOPTIONS": "-c default_transaction_read_only=on",
        "PGAPPNAME": "pytest-cutover backup",
    }
    # Nobody else may read it, not even while it grows.
    descriptor = os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    try:
        process = subprocess.Popen(
            argv, env=environment, stdin=subprocess.DEVNULL, stdout=descriptor, stderr=subprocess.PIPE
        )
    finally:
        os.close(descriptor)
    began = time.monotonic()
    try:
        while True:
            try:
                _, complaints = process.communicate(timeout=_POLL_S)
                break
            except subprocess.TimeoutExpired:
                size = into.stat().st_size / 1e6
                progress(f"dumping: {size:.0f} MB, {size / (time.monotonic() - began):.0f} MB/s")
    except BaseException:
        process.kill()
        process.communicate()
        into.unlink(missing_ok=True)
        raise
    if process.returncode != 0:
        into.unlink(missing_ok=True)
        text = "\n    ".join(complaints.decode(errors="replace").strip().splitlines()[-8:])
        raise BackupError(f"pg_dump of {target.shown} failed:\n    {text}")


def _pattern(schema: str) -> str:
    """The schema as pg_dump's pattern language names it exactly."""
    return '"' + schema.replace('"', '""') + '"'


def _count(connection: psycopg.Connection, schemas: Sequence[str], progress: Progress) -> dict[str, int]:
    """The exact rows of every table of the schemas, of all schemas where none is named."""
    tables = [
        name
        for name, table in read_catalog(connection).tables.items()
        if table.kind == "table" and (not schemas or parse_relation(name).schema in schemas)
    ]
    if not tables:
        raise BackupError(
            "There is no table to take a backup of"
            + (f" in the schemas {', '.join(schemas)}." if schemas else ". Is this the right database?")
        )
    counts = {}
    for number, name in enumerate(tables, start=1):
        progress(f"counting rows: table {number} of {len(tables)}")
        row = connection.execute(f"SELECT count(*) FROM ONLY {quote_relation(name)}".encode()).fetchone()
        assert row is not None
        counts[name] = int(row[0])
    return counts
