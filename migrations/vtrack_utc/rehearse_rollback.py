"""Rolls a copy of the migrated database back as a person would, in the worst case: the application was killed meanwhile.

This is for rehearsals. What it rolls back to is the folder of the latest migration in --backup-dir; it is inspected first
and works on a copy of it, so that each way back finds the folder as the migration left it.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from backups import Folder, checksum, load_dump, open_unchanging
from migrate_timezone_production import add_places, with_places
from problems import Problem

CONFIRMATION = "CONFIRM ROLLBACK\n"
BESIDE = ("-wal", "-shm", "-journal")


def main(arguments: list[str] | None = None) -> int:
    """0: rolled back; 1: the folder is not what the plan draws, or the rollback failed."""
    parser = argparse.ArgumentParser(description="Rehearse a way back from the timezone migration.")
    parser.add_argument("way", choices=sorted(WAYS))
    add_places(parser)
    options = with_places(parser.parse_args(arguments))
    try:
        folder = latest(options.backup_dir)
        problems = inspect(folder)
        if problems:
            raise Problem("; ".join(problems), f"the migration did not leave {folder.path} as it should")
        copy = Folder(options.database.with_name(f"{options.database.name}-{options.way}") / folder.id)
        shutil.copytree(folder.path, copy.path)
        leave_wal(options.database)
        WAYS[options.way](options.database, copy)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    return 0


def latest(backup_dir: Path) -> Folder:
    """The folder of the latest migration that could be rolled back.

    Raises:
        Problem: there is none.
    """
    found = sorted(
        backup_dir.glob("timezone_migration_*/rollback/rollback_data.json"), key=lambda path: path.stat().st_mtime_ns
    )
    if not found:
        raise Problem(f"no migration has left a way back in {backup_dir}", "run the migration first")
    return Folder(found[-1].parents[1])


def inspect(folder: Folder) -> list[str]:
    """What is missing, open to others, or not what its checksum says."""
    files = [
        folder.primary, folder.secondary, folder.dump, folder.metadata, folder.plan, folder.report, folder.validation,
        folder.log, folder.rollback, folder.rollback_data,
    ]  # fmt: skip
    problems = [f"{path.name} is missing" for path in files if not path.is_file()]
    for path in [folder.path, *folder.path.rglob("*")]:
        if path.stat().st_mode & (stat.S_IRWXG | stat.S_IRWXO):
            problems.append(f"others may read {path.name}")
    if problems:
        return problems
    metadata = json.loads(folder.metadata.read_text(encoding="utf-8"))
    recorded = {each["file"]: each["sha256"] for each in metadata["backups"]}
    for path in (folder.primary, folder.secondary, folder.dump):
        if recorded.get(path.name) != checksum(path):
            problems.append(f"{path.name} has not the checksum in {folder.metadata.name}")
    for path in (folder.primary, folder.secondary):
        with closing(open_unchanging(path)) as connection:
            rows = {
                table: connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in metadata["rows"]
            }
            if rows != metadata["rows"]:
                problems.append(f"{path.name} has not the rows in {folder.metadata.name}")
    return problems


def leave_wal(database: Path) -> None:
    """An application that wrote after the migration and was killed: its pages are in the WAL, and nobody has closed it."""
    child = os.fork()
    if child == 0:
        try:
            connection = sqlite3.connect(database, isolation_level=None)
            connection.execute("PRAGMA wal_autocheckpoint = 0")
            connection.execute("UPDATE events SET name = name")
            connection.execute("INSERT INTO events (name) VALUES ('written after the migration')")
            os.kill(os.getpid(), signal.SIGKILL)
        finally:
            os._exit(1)
    _, status = os.waitpid(child, 0)
    wal = Path(f"{database}-wal")
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL or not wal.exists() or not wal.stat().st_size:
        raise Problem(
            "the killed application left no WAL, so this would rehearse nothing", "is the database in WAL mode?"
        )


def by_script(database: Path, folder: Folder) -> None:
    """The emergency rollback, with its confirmation typed."""
    done = subprocess.run(
        [sys.executable, folder.rollback, "--database", database], input=CONFIRMATION, text=True, check=False
    )
    if done.returncode:
        raise Problem(f"execute_rollback.py ended with status {done.returncode}", "read its message above")


def by_second_copy(database: Path, folder: Folder) -> None:
    """The emergency rollback where the first copy was damaged since."""
    with folder.primary.open("r+b") as file:
        file.seek(4096)
        file.write(b"\0" * 512)
    by_script(database, folder)


def by_hand(database: Path, folder: Folder) -> None:
    """The plan's manual rollback: copy the primary backup over the database, once its WAL is out of the way."""
    for suffix in BESIDE:
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    shutil.copyfile(folder.primary, database)
    with closing(sqlite3.connect(database)) as connection:
        found = connection.execute("PRAGMA integrity_check").fetchone()[0]
        if found != "ok":
            raise Problem(f"the restored database is damaged: {found}", "restore the secondary backup")


def by_dump(database: Path, folder: Folder) -> None:
    """The last resort: the database made anew from the SQL dump, under the old name."""
    made = database.with_name(database.name + ".from_dump")
    load_dump(folder.dump, made)
    with closing(sqlite3.connect(made)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
    for suffix in BESIDE:
        Path(f"{database}{suffix}").unlink(missing_ok=True)
    os.chmod(made, database.stat().st_mode & 0o777)
    made.replace(database)


WAYS = {"script": by_script, "second-copy": by_second_copy, "manual": by_hand, "dump": by_dump}


if __name__ == "__main__":
    sys.exit(main())
