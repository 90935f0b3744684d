"""Disposable SQLite databases: files in a private folder that is gone afterwards, also after a crash."""

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path

from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox.directories import make_directory, sweep
from pytest_cutover.sandbox.server import ServerFacts
from pytest_cutover.sqlite.connection import SqliteTarget

_OLDEST = (3, 33)
"""The first version that calls its catalog sqlite_schema."""


class SqliteFolder:
    """The folder of one run's databases, each in a folder of its own under the name that it has in production."""

    def __init__(self) -> None:
        if sqlite3.sqlite_version_info < _OLDEST:
            raise SandboxError(
                f"This Python is built with SQLite {sqlite3.sqlite_version}; plans for SQLite need "
                f"{'.'.join(map(str, _OLDEST))} or newer.\nUse a newer Python."
            )
        base = Path(tempfile.gettempdir()).resolve()
        sweep(base)
        try:
            self._directory, self._lock = make_directory(base)
            self._directory.chmod(0o700)
        except OSError as error:
            raise SandboxError(
                f"No folder for disposable databases could be made in {base}: {error.strerror}.\n"
                "Free some space, or set TMPDIR to a folder on a larger disk."
            ) from error
        self.facts = ServerFacts("file", sqlite3.sqlite_version, "the SQLite that this Python is built with")

    def place(self, database: str, file: str) -> SqliteTarget:
        """The address of a database that is not there yet, in a new folder of its own."""
        folder = self._directory / database
        folder.mkdir(mode=0o700)
        return SqliteTarget(folder / file)

    def create(self, database: str, template: SqliteTarget, owner: str | None = None) -> SqliteTarget:
        """Copies the template through SQLite's backup, so that what its write-ahead log holds comes along.

        What a step put beside it comes along, too: a way back may be one that the migration left.

        Raises:
            SandboxError: it cannot be read, or the disk is full.
        """
        target = self.place(database, template.path.name)
        try:
            copy_database(template, target)
            _copy_beside(template, target)
        except (OSError, sqlite3.Error) as error:
            raise self.failure(f"could not copy {template.path.parent.name}", error) from error
        return target

    def drop(self, database: str) -> None:
        """Removes a database with all that was put beside it; one that is not there is no error."""
        shutil.rmtree(self._directory / database, ignore_errors=True)

    def failure(self, what: str, error: BaseException) -> SandboxError:
        """The error to raise where files let us down."""
        return SandboxError(f"The disposable SQLite databases: {what}: {str(error).strip()}")

    def close(self) -> None:
        """Removes the folder."""
        if self._directory.exists():
            shutil.rmtree(self._directory, ignore_errors=True)
            os.close(self._lock)


def _copy_beside(source: SqliteTarget, target: SqliteTarget) -> None:
    own = {source.path.name + suffix for suffix in ("", "-wal", "-shm", "-journal")}
    for path in source.path.parent.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, target.path.parent / path.name, symlinks=True)
        elif path.name not in own:
            shutil.copy2(path, target.path.parent / path.name, follow_symlinks=False)


def copy_database(source: SqliteTarget, target: SqliteTarget) -> None:
    """Copies a database page by page, its journal mode included.

    Raises:
        sqlite3.Error: it cannot be read, or not be written.
    """
    target.path.touch(mode=0o600)
    with closing(source.connect(read_only=True)) as reading, closing(target.connect()) as writing:
        reading.backup(writing)
