"""SQLite backups: every form that is whole is taken, every damaged one refused with the cause and the way out."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from pytest_cutover.backup.sqlite import database_name, inspect_sqlite_backup, restore_sqlite
from pytest_cutover.errors import BackupError
from pytest_cutover.sandbox.sqlite import SqliteFolder
from pytest_cutover.sqlite.connection import SqliteTarget
from tests.sqlite.conftest import execute

TABLES = """
CREATE TABLE teams (id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE);
INSERT INTO teams (name) VALUES ('a'), ('it''s; b'), (char(10) || 'COMMIT;');
CREATE TABLE lots (n INTEGER, text TEXT);
WITH RECURSIVE n(x) AS (VALUES (1) UNION ALL SELECT x + 1 FROM n WHERE x < 2000)
INSERT INTO lots SELECT x, 'row number ' || x FROM n;
CREATE INDEX by_n ON lots (n);
CREATE TRIGGER t AFTER INSERT ON lots BEGIN UPDATE teams SET name = name; DELETE FROM lots WHERE n < 0; END;
"""


@pytest.fixture
def database(tmp_path: Path) -> Path:
    """A database file with rows, an index and a trigger."""
    return execute(tmp_path / "events.db", TABLES)


def _dump(path: Path) -> str:
    with closing(sqlite3.connect(path)) as connection:
        return "PRAGMA foreign_keys=OFF;\n" + "\n".join(connection.iterdump()) + "\n"


def _restore(path: Path, folder: SqliteFolder, name: str = "restored") -> SqliteTarget:
    return restore_sqlite(inspect_sqlite_backup(path), folder, name, lambda text: None)[0]


def _rows(target: SqliteTarget) -> int:
    with closing(target.connect(read_only=True)) as connection:
        found = connection.execute("SELECT (SELECT count(*) FROM lots) + (SELECT count(*) FROM teams)").fetchone()[0]
    return int(found)


def test_a_file_is_taken(database: Path, folder: SqliteFolder) -> None:
    """It keeps its name, lies in a private folder, and the backup stays as it was."""
    before = database.read_bytes()
    facts = inspect_sqlite_backup(database)

    target = _restore(database, folder)

    assert (facts.format, facts.sha256) == ("SQLite file", hashlib.sha256(before).hexdigest())
    assert facts.server_version == sqlite3.sqlite_version
    assert (target.path.name, _rows(target)) == ("events.db", 2003)
    assert target.path.parent.stat().st_mode & 0o077 == 0
    assert database.read_bytes() == before and os.listdir(database.parent) == ["events.db"]


@pytest.mark.parametrize("name", ["events.db.gz", "events.sql", "events.sql.gz"])
def test_texts_and_packed_files_are_taken(database: Path, folder: SqliteFolder, name: str) -> None:
    """A text of `.dump` and gzip of either give the same rows under the database's name."""
    content = _dump(database).encode() if ".sql" in name else database.read_bytes()
    backup = database.with_name(name)
    backup.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)

    target = _restore(backup, folder)

    assert (target.path.name, _rows(target)) == ("events.db", 2003)
    assert database_name(Path("a/events.sqlite3.gz")) == "events.sqlite3"


def test_a_text_with_a_byte_order_mark_and_windows_line_ends_is_taken(database: Path, folder: SqliteFolder) -> None:
    """Another system's editor does no harm to the statements."""
    backup = database.with_name("events.sql")
    backup.write_bytes(b"\xef\xbb\xbf" + _dump(database).replace("\n", "\r\n").encode())

    assert _rows(_restore(backup, folder)) == 2003


def test_the_write_ahead_log_beside_a_file_is_included(tmp_path: Path, folder: SqliteFolder) -> None:
    """A copy of the file alone would have lost what was committed last."""
    live = execute(tmp_path / "live.db", "PRAGMA journal_mode = wal;" + TABLES)
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("INSERT INTO teams (name) VALUES ('late')")
        connection.commit()
        for suffix in ("", "-wal"):
            shutil.copyfile(f"{live}{suffix}", f"{tmp_path}/copy.db{suffix}")
    alone = inspect_sqlite_backup(live)

    facts = inspect_sqlite_backup(tmp_path / "copy.db")
    target = _restore(tmp_path / "copy.db", folder)

    assert facts.handled == ("the write-ahead log beside it was included",)
    assert facts.sha256 != alone.sha256
    assert sorted(os.listdir(target.path.parent)) == ["copy.db"]
    assert _rows(target) == 2004
    with closing(target.connect(read_only=True)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone()[0] == "wal"


def test_a_rollback_journal_beside_a_file_is_applied(tmp_path: Path, folder: SqliteFolder) -> None:
    """A copy taken in the middle of a transaction is put back to before it."""
    live = execute(tmp_path / "live.db", TABLES)
    with closing(sqlite3.connect(live)) as connection:
        connection.execute("PRAGMA cache_size = 1")
        connection.execute("DELETE FROM lots")
        connection.execute("PRAGMA cache_spill = 1")
        for suffix in ("", "-journal"):
            shutil.copyfile(f"{live}{suffix}", f"{tmp_path}/copy.db{suffix}")
        connection.rollback()

    facts = inspect_sqlite_backup(tmp_path / "copy.db")

    assert facts.handled and "rollback journal" in facts.handled[0]
    assert _rows(_restore(tmp_path / "copy.db", folder)) == 2003


def _damage(content: bytes) -> bytes:
    page = 4096
    return content[: 3 * page] + bytes([0xA5]) * page + content[4 * page :]


def _file(change: Callable[[bytes], bytes], name: str = "events.db") -> Callable[[Path], Path]:
    def make(database: Path) -> Path:
        target = database.with_name(f"bad-{name}")
        target.write_bytes(change(database.read_bytes()))
        return target

    return make


def _text(change: Callable[[str], str | bytes], name: str = "bad.sql") -> Callable[[Path], Path]:
    def make(database: Path) -> Path:
        changed = change(_dump(database))
        target = database.with_name(name)
        target.write_bytes(changed if isinstance(changed, bytes) else changed.encode())
        return target

    return make


BAD: dict[str, tuple[Callable[[Path], Path], str]] = {
    "missing": (lambda database: database.with_name("nowhere.db"), "does not exist.\nPut it there"),
    "folder": (lambda database: database.parent, "is a folder. Give the SQLite database file"),
    "empty": (_file(lambda content: b""), "is empty (0 bytes)"),
    "header only": (_file(lambda content: content[:60]), "ends inside its header"),
    "half": (_file(lambda content: content[: len(content) // 2]), "is cut: it has"),
    "last page": (_file(lambda content: content[:-4096]), "its header says"),
    "a page overwritten": (_file(_damage), "is damaged; PRAGMA integrity_check says"),
    "header overwritten": (_file(lambda content: b"\0" * 100 + content[100:]), "begins with other bytes"),
    "encrypted": (_file(lambda content: os.urandom(16) + b"\0" + content), "Is it encrypted (SQLCipher)"),
    "zip": (_file(lambda content: b"PK\x03\x04" + content), "is a zip file"),
    "pg_dump archive": (_file(lambda content: b"PGDMP\x01\x0e"), 'and the plan says engine = "sqlite"'),
    "pg_dump text": (_text(lambda text: "--\n-- PostgreSQL database dump\n--\n"), "is a dump of PostgreSQL"),
    "utf-16": (_text(lambda text: text.encode("utf-16")), "is a UTF-16 text"),
    "latin-1": (_text(lambda text: text.replace("it''s", "Söder").encode("latin-1")), "is not UTF-8"),
    "gzip cut": (_file(lambda content: gzip.compress(content)[:-2000], "events.db.gz"), "is cut or damaged"),
    "gzip of nothing": (_file(lambda content: gzip.compress(b""), "events.db.gz"), "holds nothing once it is unpacked"),
    "gzip of a cut file": (_file(lambda content: gzip.compress(content[:-9000]), "events.db.gz"), "Take it again"),
    "text without its end": (_text(lambda text: text.rpartition("COMMIT;")[0]), "does not end with COMMIT;"),
    "text cut at a statement": (_text(lambda text: text[: text.index("INSERT INTO \"lots\" VALUES(900")]), "does not end with COMMIT;"),
    "text cut in a string": (_text(lambda text: text[: text.index("row number 900") + 5]), "' is not closed"),
    "text cut in its COMMIT": (_text(lambda text: text.rstrip()[:-1]), "does not end with COMMIT;"),
    "text that met damage": (_text(lambda text: text.replace("COMMIT;\n", "ROLLBACK; -- due to errors\n")), "says itself that `.dump` met damage"),
    "no dump": (_text(lambda text: "CREATE TABLE t (a);\nINSERT INTO t VALUES (1);\n"), "has no BEGIN TRANSACTION"),
    "an unknown table": (_text(lambda text: text.replace('INSERT INTO "lots"', 'INSERT INTO "lost"', 1)), "no such table: lost"),
    "a doubled row": (_text(lambda text: text.replace('"teams" VALUES(2,', '"teams" VALUES(1,')), "UNIQUE constraint failed: teams.id"),
    "another file": (_text(lambda text: "ATTACH 'x.db' AS x;\n" + text), "not authorized"),
    "a command of the shell": (_text(lambda text: ".bail on\n" + text), "holds the shell's command .bail"),
}  # fmt: skip


@pytest.mark.parametrize("name", BAD)
def test_a_bad_backup_is_refused(name: str, database: Path, folder: SqliteFolder) -> None:
    """It says what is wrong, names the file, and leaves nothing behind."""
    make, why = BAD[name]
    bad = make(database)

    with pytest.raises(BackupError) as caught:
        _restore(bad, folder)

    assert why in str(caught.value)
    assert str(bad) in str(caught.value)
    assert not (folder.place("probe", "x").path.parent.parent / "restored").exists()


def test_unistr_of_newer_versions_is_read(database: Path, folder: SqliteFolder) -> None:
    """`.dump` writes control characters so from SQLite 3.50 on."""
    backup = database.with_name("new.sql")
    backup.write_text(
        "BEGIN TRANSACTION;\nCREATE TABLE t (a);\nINSERT INTO t VALUES (unistr('a\\u000ab\\\\c'));\nCOMMIT;\n"
    )

    with closing(_restore(backup, folder).connect(read_only=True)) as connection:
        assert connection.execute("SELECT a FROM t").fetchone()[0] == "a\nb\\c"


def test_violated_foreign_keys_are_no_damage(tmp_path: Path, folder: SqliteFolder) -> None:
    """Production may have them, since SQLite enforces none by itself."""
    backup = execute(
        tmp_path / "loose.db",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, b INTEGER REFERENCES a); INSERT INTO a VALUES (1, 7);",
    )

    assert _restore(backup, folder).path.is_file()


def test_rows_that_violate_a_check_are_told_and_taken(tmp_path: Path, folder: SqliteFolder) -> None:
    """They are production's own, and no damage; a migration must not meet them unannounced."""
    backup = execute(
        tmp_path / "loose.db",
        "CREATE TABLE a (id INTEGER PRIMARY KEY, n INTEGER CHECK (n > 0)); PRAGMA ignore_check_constraints = on;"
        "INSERT INTO a VALUES (1, 0);",
    )

    _, _, warnings = restore_sqlite(inspect_sqlite_backup(backup), folder, "restored", lambda text: None)

    assert warnings == ("PRAGMA integrity_check says of the backup: CHECK constraint failed in a",)


def test_nothing_is_left_of_a_folder(database: Path) -> None:
    """The databases of a run are gone with it."""
    folder = SqliteFolder()
    target = _restore(database, folder)
    assert target.path.parent.parent.stat().st_mode & 0o777 == 0o700

    folder.close()

    assert not target.path.parent.parent.exists()
