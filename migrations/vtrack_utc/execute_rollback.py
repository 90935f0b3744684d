"""Puts the database back as it was before the migration that made this folder. Needs nothing but Python.

Everything written since the migration is lost; the database as it is now is kept beside this script. The files are
replaced, not written into: nothing of the migrated database, its WAL included, can come back.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import sqlite3
import sys
import tempfile
import time
from contextlib import closing
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
CONFIRMATION = "CONFIRM ROLLBACK"
BESIDE = ("-wal", "-shm", "-journal")


class Stopped(Exception):
    """The rollback did not happen, or did not prove itself; the message says what to do."""


def main() -> int:
    """Asks for the confirmation and rolls back. 0: proved to be as before; 1: stopped; 2: not confirmed."""
    os.umask(0o077)
    data = json.loads((HERE / "rollback_data.json").read_text(encoding="utf-8"))
    parser = argparse.ArgumentParser(description="Undo the timezone migration.")
    parser.add_argument("--database", type=Path, default=Path(data["database"]), help="the database to put back")
    database = parser.parse_args().database
    print(f"This puts {database} back as it was before {data['migration_id']}.")
    print("What was written since is lost. The application must be stopped.")
    print(f"Type '{CONFIRMATION}' to go on: ", end="", flush=True)
    if sys.stdin.readline().strip() != CONFIRMATION:
        print("\nNot confirmed. Nothing was changed.", file=sys.stderr)
        return 2
    began = time.perf_counter()
    try:
        backup = choose(data)
        kept = replace(database, backup)
        prove(database, data)
    except Stopped as stopped:
        print(f"\nError: {stopped}", file=sys.stderr)
        return 1
    except (OSError, sqlite3.Error) as error:
        print(
            f"\nError: {error}\nSolution: see 'Manual rollback' in the plan; the backups are in {HERE.parent}",
            file=sys.stderr,
        )
        return 1
    print(f"\nRolled back from {backup.name} in {time.perf_counter() - began:.2f} s. The replaced database: {kept}")
    return 0


def choose(data: dict[str, Any]) -> Path:
    """The first copy whose checksum is the one that was recorded.

    Raises:
        Stopped: neither copy is what the migration wrote.
    """
    for each in data["backups"]:
        path: Path = HERE.parent / each["file"]
        if each["kind"] in ("primary", "secondary"):
            if path.is_file() and _checksum(path) == each["sha256"]:
                return path
            print(f"{path.name} is missing or is not what the migration wrote", file=sys.stderr)
    raise Stopped(
        f"neither copy has its checksum\nSolution: load events_backup.sql with sqlite3; it is in {HERE.parent}"
    )


def replace(database: Path, backup: Path) -> Path:
    """Puts the backup in the database's place; returns the folder where the replaced files are kept.

    Raises:
        Stopped: another program has the database open.
    """
    new = database.with_name(database.name + ".rollback")
    kept = Path(tempfile.mkdtemp(prefix=time.strftime("replaced_%Y%m%d_%H%M%S_", time.gmtime()), dir=HERE))
    try:
        # First what may fail for want of space. Until the last line the migrated database is untouched.
        shutil.copyfile(backup, new)
        if database.exists():
            before = database.stat()
            os.chmod(new, before.st_mode & 0o777)
            if os.geteuid() == 0:
                os.chown(new, before.st_uid, before.st_gid)
            for path in (database, *(Path(f"{database}{suffix}") for suffix in BESIDE)):
                if path.exists():
                    shutil.copyfile(path, kept / path.name)
        _sync(new)
        _empty_wal(database)
        for suffix in BESIDE:
            Path(f"{database}{suffix}").unlink(missing_ok=True)
        new.replace(database)
        _sync(database.parent)
    finally:
        new.unlink(missing_ok=True)
    return kept


def _empty_wal(database: Path) -> None:
    """Ends the WAL through SQLite, which also refuses while another program has the database open."""
    if not database.exists():
        return
    try:
        with closing(sqlite3.connect(database, isolation_level=None, timeout=5)) as connection:
            connection.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise Stopped(
                "database is locked\nSolution: stop the application and every other program that has it open"
            ) from error
        raise
    except sqlite3.DatabaseError:
        # A damaged database is a good reason to roll back; its WAL goes with it.
        pass


def prove(database: Path, data: dict[str, Any]) -> None:
    """Checks the database in place: whole, and every timestamp as it was recorded.

    Raises:
        Stopped: it is not.
    """
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise Stopped(
                f"the restored database is damaged: {found}\nSolution: restore events_backup_secondary.db by hand"
            )
        for table, rows in data["rows"].items():
            if connection.execute(f"SELECT count(*) FROM {_quote(table)}").fetchone()[0] != rows:
                raise Stopped(
                    f"{table} has not the {rows} rows it had\nSolution: restore events_backup_secondary.db by hand"
                )
        for table, original in data["original"].items():
            names = ", ".join([*original["keys"], *map(_quote, original["columns"])])
            now = connection.execute(f"SELECT {names} FROM {_quote(table)}")
            if {tuple(row) for row in original["values"]} != set(now):
                raise Stopped(f"{table} has other timestamps\nSolution: restore events_backup_secondary.db by hand")


def _quote(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _checksum(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            digest.update(piece)
    return digest.hexdigest()


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


if __name__ == "__main__":
    sys.exit(main())
