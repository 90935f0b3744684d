"""`cutover backup` of a SQLite database: read-only, whole with its write-ahead log, proved."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from pytest_cutover.backup.metadata import metadata_path
from pytest_cutover.backup.take_sqlite import take_sqlite_backup
from pytest_cutover.cli import main
from pytest_cutover.errors import BackupError, TargetError
from pytest_cutover.sqlite.connection import SqliteTarget


@pytest.fixture
def live(tmp_path: Path) -> Iterator[Path]:
    """A database in use: 300 rows in the file, 7 more in its write-ahead log alone."""
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("CREATE TABLE parcels (id INTEGER PRIMARY KEY, note TEXT)")
        connection.executemany("INSERT INTO parcels (note) VALUES (?)", [(f"note {n}",) for n in range(300)])
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        connection.executemany("INSERT INTO parcels (note) VALUES (?)", [(f"late {n}",) for n in range(7)])
        yield path


def test_the_copy_is_whole_with_its_log_and_metadata(live: Path, tmp_path: Path) -> None:
    before = {path.name: path.read_bytes() for path in live.parent.glob("app.db*") if path.suffix != ".db-shm"}
    copy = tmp_path / "backups" / "app.db"

    metadata = take_sqlite_backup(SqliteTarget(live), copy)

    with closing(sqlite3.connect(copy)) as connection:
        assert connection.execute("SELECT count(*) FROM parcels WHERE note LIKE 'late %'").fetchone() == (7,)
    assert metadata.tables == {"parcels": 307}
    assert json.loads(metadata_path(copy).read_text())["sha256"] == metadata.sha256
    assert sorted(path.name for path in copy.parent.iterdir()) == ["app.db", "app.db.json"]
    assert copy.stat().st_mode & 0o077 == 0
    after = {path.name: path.read_bytes() for path in live.parent.glob("app.db*") if path.suffix != ".db-shm"}
    assert before == after


def test_the_command_says_what_it_took(live: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["backup", str(tmp_path / "copy.db"), "--db-url", f"sqlite:///{live}"]) == 0

    output = capsys.readouterr().out
    assert "1 tables, 307 rows" in output
    assert f"restored on SQLite {sqlite3.sqlite_version}" in output


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///", "sqlite:///:memory:", "sqlite:///nowhere.db"])
def test_an_address_without_a_database_is_told(url: str) -> None:
    with pytest.raises(TargetError, match="there is no file|a SQLite database is"):
        SqliteTarget.parse(url)


def test_an_existing_file_is_never_overwritten(live: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy.db"
    copy.write_text("keep me")

    with pytest.raises(BackupError, match="never overwritten"):
        take_sqlite_backup(SqliteTarget(live), copy)

    assert copy.read_text() == "keep me"


def test_a_damaged_database_is_kept_apart(tmp_path: Path) -> None:
    """What it copies may be damaged already; then the copy is no backup."""
    path = tmp_path / "app.db"
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.execute("CREATE TABLE parcels (id INTEGER PRIMARY KEY, note TEXT)")
        connection.execute("CREATE INDEX by_note ON parcels (note)")
        connection.executemany("INSERT INTO parcels (note) VALUES (?)", [(f"note {n}" * 20,) for n in range(3000)])
    content = bytearray(path.read_bytes())
    with closing(sqlite3.connect(path)) as connection:
        (root,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'by_note'").fetchone()
    content[(root - 1) * 4096 : root * 4096] = bytes(4096)
    path.write_bytes(content)

    with pytest.raises(BackupError, match="not proved: it is kept as"):
        take_sqlite_backup(SqliteTarget(path), tmp_path / "copy.db")

    assert not (tmp_path / "copy.db").exists()


def test_another_file_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "app.db"
    path.write_text("not a database, but a text that is long enough to be read as a header" * 20)

    with pytest.raises(TargetError, match="cannot be read"):
        take_sqlite_backup(SqliteTarget(path), tmp_path / "copy.db")

    assert list(tmp_path.iterdir()) == [path]
