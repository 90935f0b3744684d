"""Taking a backup of a live SQLite database, read-only, and proving that it restores to what was there."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path

from pytest_cutover.backup.metadata import Metadata, check_rows, write_metadata
from pytest_cutover.backup.sqlite import inspect_sqlite_backup, restore_sqlite
from pytest_cutover.errors import BackupError, SandboxError, TargetError
from pytest_cutover.names import quote_identifier
from pytest_cutover.sandbox.sqlite import SqliteFolder
from pytest_cutover.sqlite.connection import SqliteTarget

Progress = Callable[[str], None]

_PAGES = 2_000
_OTHER_FORMS = (".sql", ".gz", ".dump")


def take_sqlite_backup(target: SqliteTarget, path: Path, progress: Progress = lambda text: None) -> Metadata:
    """Copies the database through SQLite's backup into a new file, restores it, and writes its metadata beside it.

    The copy and the counts see one state: both are read in one transaction. What the write-ahead log holds is in the
    copy. Until it is proved the file is called `NAME.unverified`.

    Raises:
        TargetError: the database cannot be read.
        BackupError: the file exists, the database has no table, or what was restored is not what was there.
        SandboxError: there is no place to restore it.
    """
    if path.exists():
        raise BackupError(f"{path} exists: a backup is never overwritten. Give another name, or remove it first.")
    if path.suffix in _OTHER_FORMS:
        raise BackupError(f"{path}: a backup of a SQLite database is a database file. Give a name such as backup.db.")
    path.parent.mkdir(parents=True, exist_ok=True)
    unverified = path.with_name(path.name + ".unverified")
    taken, counts = _copy(target, unverified, progress)
    try:
        facts = inspect_sqlite_backup(unverified)
        folder = SqliteFolder()
        try:
            restored, _, _ = restore_sqlite(facts, folder, "verify", progress)
            with closing(restored.connect(read_only=True)) as connection:
                found = _count(connection)
        finally:
            folder.close()
        metadata = Metadata(
            facts.sha256, facts.bytes, taken, target.shown, sqlite3.sqlite_version, counts,
            verified_on=f"SQLite {sqlite3.sqlite_version}",
        )  # fmt: skip
        check_rows(metadata, unverified, found)
    except (BackupError, SandboxError) as error:
        raise type(error)(f"{error}\nThe backup was taken, but is not proved: it is kept as {unverified}.") from error
    unverified.rename(path)
    write_metadata(path, metadata)
    return metadata


def _copy(target: SqliteTarget, into: Path, progress: Progress) -> tuple[datetime, dict[str, int]]:
    """Copies the database; returns when, and the rows of each table."""
    # Nobody else may read it, not even while it grows.
    os.close(os.open(into, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600))
    try:
        with closing(target.connect(read_only=True)) as source, closing(SqliteTarget(into).connect()) as copy:
            source.execute("BEGIN")
            counts = _count(source)
            taken = datetime.now(timezone.utc)
            source.backup(
                copy, pages=_PAGES,
                progress=lambda status, left, total: progress(f"copying: {total - left:,} of {total:,} pages"),
            )  # fmt: skip
            # A file for itself: a copy in WAL mode would have its log beside it.
            copy.execute("PRAGMA journal_mode = DELETE")
            return taken, counts
    except sqlite3.Error as error:
        into.unlink(missing_ok=True)
        raise TargetError(f"{target.shown} cannot be read: {error}") from error
    except BaseException:
        into.unlink(missing_ok=True)
        raise


def _count(connection: sqlite3.Connection) -> dict[str, int]:
    """The exact rows of every table."""
    names = [
        name
        for (name,) in connection.execute(
            "SELECT name FROM pragma_table_list WHERE schema = 'main' AND type = 'table' AND name NOT LIKE 'sqlite\\_%'"
            " ESCAPE '\\' ORDER BY name"
        ).fetchall()
    ]
    if not names:
        raise BackupError("There is no table to take a backup of. Is this the right database?")
    return {
        name: int(connection.execute(f"SELECT count(*) FROM {quote_identifier(name)}").fetchone()[0]) for name in names
    }
