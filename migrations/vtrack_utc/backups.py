"""The folder of one migration: two copies of the database, an SQL dump, their checksums, and the way back."""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from itertools import zip_longest
from pathlib import Path
from typing import Any

from problems import Problem
from timestamps import quote

try:
    # CPython's own SHA-256: `hashlib` loads OpenSSL for it, 4 MB of the 20 that this migration may use.
    from _sha256 import sha256  # type: ignore[import-not-found]
except ImportError:
    try:
        from _sha2 import sha256  # type: ignore[import-not-found]
    except ImportError:
        from hashlib import sha256

FOLDER = "migration_backups"
SMALL_CACHE = "PRAGMA cache_size = -256"
"""Kibibytes of pages for what is read or written once, from one end to the other."""

_HERE = Path(__file__).resolve().parent


class Folder:
    """Where one migration keeps what it made. Only its owner may look in: it holds the production data."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.id = path.name
        self.primary = path / "events_backup_primary.db"
        self.secondary = path / "events_backup_secondary.db"
        self.dump = path / "events_backup.sql"
        self.metadata = path / "backup_metadata.json"
        self.plan = path / "migration_plan.json"
        self.report = path / "migration_report.json"
        self.validation = path / "validation_report.json"
        self.log = path / "logs" / f"{path.name}.log"
        self.rollback = path / "rollback" / "execute_rollback.py"
        self.rollback_data = path / "rollback" / "rollback_data.json"

    @classmethod
    def make(cls, parent: Path) -> Folder:
        """A new folder, named by the time in UTC."""
        parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        stamp = time.strftime("timezone_migration_%Y%m%d_%H%M%S", time.gmtime())
        for number in range(1, 1000):
            path = parent / (stamp if number == 1 else f"{stamp}_{number:03d}")
            try:
                path.mkdir(mode=0o700)
            except FileExistsError:
                continue
            for inner in ("logs", "rollback"):
                (path / inner).mkdir(mode=0o700)
            return cls(path)
        raise Problem(f"{parent} already holds a thousand migrations of this second", "try again")


def existing_parent(path: Path) -> Path:
    """The path, or the nearest folder above it that is there."""
    path = path.absolute()
    while not path.exists():
        path = path.parent
    return path


def checksum(path: Path) -> str:
    """The file's SHA-256 in hexadecimal."""
    digest = sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 16):
            digest.update(piece)
    return str(digest.hexdigest())


def write_json(path: Path, content: object) -> None:
    """Writes the file whole or not at all."""
    new = path.with_name(path.name + ".new")
    with new.open("w", encoding="utf-8") as file:
        json.dump(content, file, indent=2, ensure_ascii=False)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    new.replace(path)


def open_unchanging(path: Path) -> sqlite3.Connection:
    """A copy that nobody writes to, opened so that SQLite leaves no file beside it."""
    connection = sqlite3.connect(f"{path.absolute().as_uri()}?immutable=1", uri=True, isolation_level=None)
    connection.execute(SMALL_CACHE)
    return connection


def tables_of(connection: sqlite3.Connection, schema: str = "main") -> list[str]:
    """The names of the tables that hold rows of the application."""
    query = f"SELECT name FROM {schema}.sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
    return [name for (name,) in connection.execute(query + " ORDER BY name")]


def count_rows(connection: sqlite3.Connection) -> dict[str, int]:
    """The number of rows of every table."""
    return {
        name: connection.execute(f"SELECT count(*) FROM {quote(name)}").fetchone()[0] for name in tables_of(connection)
    }


def copy_database(connection: sqlite3.Connection, target: Path) -> None:
    """Copies the database through SQLite, so that what is still in its WAL comes along, and checks the copy."""
    with closing(sqlite3.connect(target)) as copy:
        copy.execute(SMALL_CACHE)
        connection.backup(copy)
    _sync(target)
    with closing(open_unchanging(target)) as copy:
        found = copy.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok" or count_rows(copy) != count_rows(connection):
            raise Problem(f"the copy {target.name} is not the database: {found}", "try again on another disk")


def dump_database(connection: sqlite3.Connection, target: Path) -> None:
    """Writes the database as SQL text, and checks that the text makes the same database again."""
    version = connection.execute("PRAGMA user_version").fetchone()[0]
    with target.open("w", encoding="utf-8") as file:
        file.write(f"PRAGMA foreign_keys=OFF;\nPRAGMA user_version={version};\n")
        for statement in connection.iterdump():
            file.write(statement + "\n")
        file.flush()
        os.fsync(file.fileno())
    trial = target.with_name(target.name + ".check")
    trial.unlink(missing_ok=True)
    try:
        load_dump(target, trial)
        _compare(connection, trial)
    finally:
        trial.unlink(missing_ok=True)


def load_dump(dump: Path, target: Path) -> None:
    """Makes a database of the text, statement by statement."""
    with (
        closing(sqlite3.connect(target, isolation_level=None)) as made,
        dump.open(encoding="utf-8", newline="") as file,
    ):
        made.execute(SMALL_CACHE)
        made.execute("PRAGMA synchronous = OFF")
        for statement in _statements(file):
            made.execute(statement)
        if made.in_transaction:
            raise Problem(f"{dump.name} ends before its COMMIT", "take the backup again")


def _statements(lines: Iterator[str]) -> Iterator[str]:
    pending: list[str] = []
    for line in lines:
        pending.append(line)
        if line.rstrip().endswith(";") and sqlite3.complete_statement(text := "".join(pending)):
            yield text
            pending = []


def _compare(connection: sqlite3.Connection, trial: Path) -> None:
    with closing(open_unchanging(trial)) as dumped:
        schema = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
        if connection.execute(schema).fetchall() != dumped.execute(schema).fetchall():
            raise Problem("the SQL dump does not hold the schema as it is", "take the backup again")
        for name in tables_of(connection):
            # NOT INDEXED: both sides are read in the order of their rows, without sorting or keeping them.
            query = f"SELECT * FROM {quote(name)} NOT INDEXED"
            pairs = zip_longest(connection.execute(query), dumped.execute(query))
            if not all(here == there for here, there in pairs):
                raise Problem(f"the SQL dump does not hold table {name} as it is", "take the backup again")


def describe_backups(folder: Folder) -> list[dict[str, Any]]:
    """Name, kind, size and checksum of each backup."""
    kinds = {"primary": folder.primary, "secondary": folder.secondary, "sql": folder.dump}
    return [
        {"kind": kind, "file": path.name, "bytes": path.stat().st_size, "sha256": checksum(path)}
        for kind, path in kinds.items()
    ]


def write_rollback(
    connection: sqlite3.Connection, folder: Folder, database: Path, backups: list[dict[str, Any]],
    columns: dict[str, tuple[str, ...]],
) -> None:  # fmt: skip
    """Puts the rollback script and the original values beside the backups; the values are written as they are read."""
    source = (_HERE / "execute_rollback.py").read_bytes()
    folder.rollback.write_bytes(source)
    facts = {"migration_id": folder.id, "database": str(database), "backups": backups, "rows": count_rows(connection)}
    with folder.rollback_data.open("w", encoding="utf-8") as file:
        file.write(json.dumps(facts, indent=2, ensure_ascii=False)[:-2] + ',\n  "original": {')
        for number, (table, names) in enumerate(sorted(columns.items())):
            keys = key_columns(connection, table)
            selected = ", ".join([*keys, *(quote(name) for name in names)])
            head = json.dumps({"keys": keys, "columns": names})[1:-1]
            file.write(f'{"," if number else ""}\n    {json.dumps(table)}: {{{head}, "values": [')
            for at, row in enumerate(connection.execute(f"SELECT {selected} FROM {quote(table)}")):
                file.write(("," if at else "") + "\n      " + json.dumps(row, ensure_ascii=False, default=repr))
            file.write("]}")
        file.write("\n  }\n}\n")
        file.flush()
        os.fsync(file.fileno())


def key_columns(connection: sqlite3.Connection, table: str, schema: str = "main") -> list[str]:
    """What tells a row from the others, as SQL: the rowid, or the primary key of a table WITHOUT ROWID."""
    try:
        connection.execute(f"SELECT _rowid_ FROM {schema}.{quote(table)} LIMIT 0")
    except sqlite3.OperationalError:
        info = connection.execute(
            "SELECT name, pk FROM pragma_table_info(?, ?) WHERE pk > 0 ORDER BY pk", (table, schema)
        )
        return [quote(name) for name, _ in info]
    return ["_rowid_"]


def _sync(path: Path) -> None:
    with path.open("rb") as file:
        os.fsync(file.fileno())
