"""Says whether the migration can run: what it finds is printed, and written nowhere. 0: it can; 1: it cannot.

The database is opened read-only, but for the question whether anybody else has it open, which takes the lock the migration
will take and gives it back.
"""

from __future__ import annotations

import argparse
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from backups import existing_parent
from conversion import plan_conversion, unreadable_values, values_to_convert
from migrate_timezone_production import add_places, check_space, open_locked, with_places
from problems import DAMAGED, DENIED, Problem, explain
from timestamps import COLUMNS, TEXTS

OLDEST_SQLITE = (3, 31, 0)


def _versions(database: Path, backup_dir: Path) -> str:
    if sys.version_info < (3, 10) or sqlite3.sqlite_version_info < OLDEST_SQLITE:
        raise Problem("Python 3.10 and SQLite 3.31 are needed", "use a newer Python")
    return f"Python {sys.version.split()[0]}, SQLite {sqlite3.sqlite_version}"


def _database(database: Path, backup_dir: Path) -> str:
    if not database.is_file():
        raise Problem(f"there is no database {database}", "name it with --database")
    with database.open("r+b") as file:
        if file.read(16) != b"SQLite format 3\0":
            raise Problem(f"{database} is not an SQLite database", "name the right file with --database")
    if not os.access(database.parent, os.W_OK):
        raise Problem(f"Permission denied: {database.parent} must be writable for SQLite's own files", DENIED)
    return f"{database}, {database.stat().st_size:,} bytes, writable"


def _backup_folder(database: Path, backup_dir: Path) -> str:
    place = existing_parent(backup_dir)
    if not os.access(place, os.W_OK | os.X_OK):
        raise Problem(f"Permission denied: no folder can be made in {place}", DENIED)
    if backup_dir.exists() and backup_dir.stat().st_mode & 0o077:
        return f"{backup_dir}: others may look in; each migration's own folder will be closed to them"
    return f"{backup_dir}, writable"


def _space(database: Path, backup_dir: Path) -> str:
    check_space(database, backup_dir)
    return "enough for the copies, the dump and the transaction"


def _unused(database: Path, backup_dir: Path) -> str:
    open_locked(database, 1.0).close()
    return "no other program has the database open"


def _integrity(database: Path, backup_dir: Path) -> str:
    with closing(_read_only(database)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise Problem(f"the database is damaged: {found}", DAMAGED)
        violated = len(connection.execute("PRAGMA foreign_key_check").fetchall())
    return f"integrity_check: ok; foreign keys violated: {violated} (stays so)"


def _timestamps(database: Path, backup_dir: Path) -> str:
    with closing(_read_only(database)) as connection:
        plan = plan_conversion(connection, COLUMNS, TEXTS)
    left = unreadable_values(plan)
    text = f"{plan['rows']:,} rows in {len(plan['tables'])} tables, {values_to_convert(plan):,} values to convert"
    return text + (f"; WARNING: {left:,} cannot be read and will stay as they are" if left else "")


CHECKS: tuple[tuple[str, Callable[[Path, Path], str]], ...] = (
    ("versions", _versions),
    ("database", _database),
    ("backup folder", _backup_folder),
    ("free space", _space),
    ("not in use", _unused),
    ("integrity", _integrity),
    ("timestamps", _timestamps),
)


def check(database: Path, backup_dir: Path) -> list[tuple[str, Problem | str]]:
    """What each check found, in order; a check that needs the database is left out once it cannot be opened."""
    found: list[tuple[str, Problem | str]] = []
    for name, look in CHECKS:
        try:
            found.append((name, look(database, backup_dir)))
        except (OSError, sqlite3.Error, Problem) as error:
            found.append((name, explain(error, f"checking {name}")))
            if name == "database":
                break
    return found


def _read_only(database: Path) -> sqlite3.Connection:
    # Not mode=ro: such a connection leaves a WAL and its index behind when it is the last one to close.
    connection = sqlite3.connect(f"{database.absolute().as_uri()}?mode=rw", uri=True, isolation_level=None)
    connection.execute("PRAGMA query_only = ON")
    return connection


def main(arguments: list[str] | None = None) -> int:
    """Prints one line for each check."""
    parser = argparse.ArgumentParser(description="Check that the timezone migration can run.")
    add_places(parser)
    options = with_places(parser.parse_args(arguments))
    found = check(options.database, options.backup_dir)
    for name, result in found:
        failed = isinstance(result, Problem)
        print(f"{'FAILED' if failed else 'ok':6}  {name}: {str(result).replace(chr(10), chr(10) + ' ' * 8)}")
    if any(isinstance(result, Problem) for _, result in found):
        print("Do not migrate yet.")
        return 1
    print("The migration can run.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
