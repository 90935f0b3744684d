"""SQLite backups: database files and `.dump` texts, gzip-compressed or not, accepted only where all of it is there."""

from __future__ import annotations

import gzip
import shutil
import sqlite3
import zlib
from contextlib import closing
from pathlib import Path
from typing import IO

from pytest_cutover.backup.digest import begin_digest
from pytest_cutover.backup.dot_dump import load_text
from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.backup.meter import Progress
from pytest_cutover.backup.packing import CHUNK_BYTES, GZIP, cut_gzip, open_gzip
from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox.sqlite import SqliteFolder, copy_database
from pytest_cutover.sqlite.connection import SqliteTarget

MAGIC = b"SQLite format 3\0"
_HEADER_BYTES = 100
_SHOWN_PROBLEMS = 5
_MOST_PROBLEMS = 1000
_ROWS_OF_THEIR_OWN = ("CHECK constraint failed in ", "NULL value in ")
"""What integrity_check says of rows, not of pages."""

_BESIDE = {
    "-wal": "the write-ahead log beside it was included",
    "-journal": "the rollback journal beside it was applied: the copy was taken in the middle of a transaction",
}
"""What SQLite leaves beside a database that is in use, and belongs to it."""

_OTHERS = {
    b"PGDMP": "a pg_dump archive of PostgreSQL", b"PK": "a zip file", b"BZh": "compressed with bzip2",
    b"\x28\xb5\x2f\xfd": "compressed with zstd", b"\xfd7zXZ": "compressed with xz",
    b"\xff\xfe": "a UTF-16 text", b"\xfe\xff": "a UTF-16 text",
}  # fmt: skip


def inspect_sqlite_backup(path: Path) -> BackupFacts:
    """What the file is. The SHA-256 is that of the file, followed by what belongs to it and lies beside it.

    Raises:
        BackupError: it is missing, empty, cut, or of a form that cannot be restored, with the cause and the remedy.
    """
    if not path.exists():
        raise BackupError(
            f"The backup {path} does not exist.\nPut it there, correct backup.path in the plan, or give --backup PATH."
        )
    if path.is_dir():
        raise BackupError(f"The backup {path} is a folder. Give the SQLite database file, or a text of `.dump`.")
    try:
        beside = _beside(path)
        size = sum(part.stat().st_size for part in (path, *beside))
        with path.open("rb") as stream:
            start = stream.read(_HEADER_BYTES)
    except OSError as error:
        raise BackupError(f"The backup {path} cannot be read: {error.strerror}.") from error
    if not start:
        raise BackupError(f"The backup {path} is empty (0 bytes): the program that took it failed. Take it again.")
    packed = start.startswith(GZIP)
    with open_gzip(path) as stream:
        start = _first(path, stream)
    form = "file" if start.startswith(MAGIC) else "text"
    if form == "text":
        _refuse_others(path, start)
    elif not packed:
        _check_length(path, start, beside)
    handled = tuple(_BESIDE[part.name.removeprefix(path.name)] for part in beside) if form == "file" else ()
    return BackupFacts(
        path, f"SQLite {form}{', gzip' if packed else ''}", size,
        begin_digest(path, [(b"", part) for part in (path, *beside)]),
        server_version=_writer(start) if form == "file" else None, handled=handled,
    )  # fmt: skip


def restore_sqlite(
    facts: BackupFacts, server: SqliteFolder, database: str, progress: Progress
) -> tuple[SqliteTarget, BackupFacts, tuple[str, ...]]:
    """Copies or loads the backup into a new database and proves it whole.

    Raises:
        BackupError: the file is damaged, or the text did not go through to its end.
    """
    target = server.place(database, database_name(facts.path))
    progress("restoring")
    try:
        if facts.format.startswith("SQLite file"):
            _copy_file(facts.path, server, database, target)
        else:
            load_text(facts.path, target)
        warnings = _check_integrity(facts.path, target)
    except OSError as error:
        server.drop(database)
        raise server.failure(f"could not restore {facts.path}", error) from error
    except BaseException:
        server.drop(database)
        raise
    return target, facts, warnings


def database_name(path: Path) -> str:
    """What the restored database's file is called: as the backup, without what only says how it is packed."""
    name = path.name.removesuffix(".gz")
    return name.removesuffix(".sql") + ".db" if name.endswith(".sql") else name


def _beside(path: Path) -> list[Path]:
    """What SQLite left beside the file and belongs to it."""
    found = [path.with_name(path.name + suffix) for suffix in _BESIDE]
    return [each for each in found if each.is_file() and each.stat().st_size > 0]


def _first(path: Path, stream: IO[bytes]) -> bytes:
    try:
        start = stream.read(_HEADER_BYTES)
    except (EOFError, OSError, zlib.error) as error:
        raise cut_gzip(path, error) from error
    if not start:
        raise BackupError(f"The backup {path} holds nothing once it is unpacked. Take it again.")
    return start


def _refuse_others(path: Path, start: bytes) -> None:
    for magic, what in _OTHERS.items():
        if start.startswith(magic):
            raise BackupError(
                f'The backup {path} is {what}, and the plan says engine = "sqlite".\n'
                "Give a SQLite database file or the text of its `.dump`, plain or packed with gzip."
            )
    if b"PostgreSQL database dump" in start:
        raise BackupError(
            f'The backup {path} is a dump of PostgreSQL, and the plan says engine = "sqlite".\n'
            "Give a SQLite database, or correct `engine` in the plan."
        )
    if b"\0" in start:
        raise BackupError(
            f"The backup {path} is neither a SQLite database nor a text: it begins with other bytes.\n"
            "Is it encrypted (SQLCipher), or another program's file? Give the plain database or the text of its `.dump`."
        )


def _check_length(path: Path, header: bytes, beside: list[Path]) -> None:
    """Raises BackupError where the file is shorter than its header says."""
    if len(header) < _HEADER_BYTES:
        raise BackupError(f"The backup {path} is cut: it ends inside its header. Take or copy it again.")
    page = int.from_bytes(header[16:18], "big")
    page = 65536 if page == 1 else page
    pages = int.from_bytes(header[28:32], "big")
    # Only where both counters agree does the header know its length (https://sqlite.org/fileformat.html, 1.3.7).
    known = header[24:28] == header[92:96]
    size = path.stat().st_size
    if known and not beside and size < page * pages:
        raise BackupError(
            f"The backup {path} is cut: it has {size:,} bytes, and its header says {pages:,} pages of {page:,}, which "
            f"are {page * pages:,}.\nTake or copy it again; copy a database in use with `.backup` or VACUUM INTO."
        )


def _writer(header: bytes) -> str | None:
    """The SQLite version that last wrote the file."""
    number = int.from_bytes(header[96:100], "big")
    return f"{number // 1_000_000}.{number // 1000 % 1000}.{number % 1000}" if number else None


def _copy_file(path: Path, server: SqliteFolder, database: str, target: SqliteTarget) -> None:
    """Unpacks the file and what belongs to it into a private folder, where SQLite may write beside it."""
    raw = server.place(f"{database}_raw", target.path.name)
    try:
        try:
            with open_gzip(path) as stream, raw.path.open("wb") as sink:
                shutil.copyfileobj(stream, sink, CHUNK_BYTES)
        except (EOFError, gzip.BadGzipFile, zlib.error) as error:
            raise cut_gzip(path, error) from error
        for part in _beside(path):
            shutil.copyfile(part, raw.path.with_name(raw.path.name + part.name.removeprefix(path.name)))
        try:
            with closing(raw.connect()) as connection:
                # Opened for writing once, so that a rollback journal is applied.
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
            copy_database(raw, target)
        except sqlite3.Error as error:
            raise BackupError(
                f"The backup {path} is no whole SQLite database: {error}.\n"
                "Take it again with `.backup` or VACUUM INTO; a file copied while it is written to is not one."
            ) from error
    finally:
        server.drop(f"{database}_raw")


def _check_integrity(path: Path, target: SqliteTarget) -> tuple[str, ...]:
    """What SQLite says of rows that violate a constraint: those production may have, as it may violated foreign keys.

    Raises:
        BackupError: SQLite finds damage.
    """
    try:
        # Of a file that is opened for reading alone SQLite checks no CHECK; and closing this removes the log of a WAL.
        with closing(target.connect()) as connection:
            found = [str(row[0]) for row in connection.execute(f"PRAGMA integrity_check({_MOST_PROBLEMS})").fetchall()]
    except sqlite3.Error as error:
        found = [str(error)]
    lines = [line for each in found if each != "ok" for line in each.splitlines()]
    damage = [line for line in lines if not line.startswith(_ROWS_OF_THEIR_OWN)]
    if damage:
        raise BackupError(
            f"The backup {path} is damaged; PRAGMA integrity_check says:\n    "
            + "\n    ".join(damage[:_SHOWN_PROBLEMS])
            + "\nTake it again, and look at the database that it was taken from: the damage may be there."
        )
    return tuple(f"PRAGMA integrity_check says of the backup: {line}" for line in sorted(set(lines))[:_SHOWN_PROBLEMS])
