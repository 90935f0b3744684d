"""Converts V_Track's timestamps to ISO 8601 at UTC, in one transaction, with two backups, a dump and a way back.

Nothing is committed before every row was compared with the backup. A run that is stopped at any moment has changed
nothing or everything; it can simply be started again.
"""

from __future__ import annotations

import argparse
import os
import signal
import sqlite3
import sys
import time
from contextlib import closing
from pathlib import Path
from typing import Any

from backups import (
    FOLDER,
    Folder,
    copy_database,
    count_rows,
    describe_backups,
    dump_database,
    existing_parent,
    write_json,
    write_rollback,
)  # fmt: skip
from conversion import Columns, convert, plan_conversion, unreadable, unreadable_values, values_to_convert
from problems import DAMAGED, FULL, Problem, explain
from progress import Log, Progress
from timestamps import COLUMNS, FORMS, LOCAL_OFFSET, TEXTS
from validation import validate

PLANS_OWN_RATE = 8_333
"""Rows per second in the written plan: what the first estimate assumes."""


def main(arguments: list[str] | None = None) -> int:
    """Runs the migration. 0: converted, or nothing to do; 1: stopped, and nothing was changed; 2: not confirmed."""
    options = _options(arguments)
    os.umask(0o077)
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(128 + number))
    log = Log()
    try:
        migrate(options.database, options.backup_dir, log, confirm=None if options.auto_confirm else _ask)
    except Problem as problem:
        print(problem, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("Interrupted. Nothing was changed.", file=sys.stderr)
        return 130
    except Refused:
        print("Not confirmed. Nothing was changed.", file=sys.stderr)
        return 2
    finally:
        log.close()
    return 0


class Refused(Exception):
    """The person at the keyboard did not say yes."""


def migrate(
    database: Path, backup_dir: Path, log: Log, confirm: Any = None, columns: Columns = COLUMNS,
    texts: frozenset[str] = TEXTS, timeout_s: float = 5.0,
) -> dict[str, Any]:  # fmt: skip
    """Runs the whole migration and returns its report.

    Raises:
        Problem: it stopped; the database is as it was.
    """
    began = time.perf_counter()
    database, backup_dir = database.absolute(), backup_dir.absolute()
    doing = "opening the database"
    folder: Folder | None = None
    report: dict[str, Any] = {"database": str(database), "status": "failed", "started": _now()}
    try:
        with closing(open_locked(database, timeout_s)) as connection:
            doing = "reading the database"
            _refuse_damaged(connection)
            plan = plan_conversion(connection, columns, texts)
            values = values_to_convert(plan)
            left = unreadable_values(plan)
            log.info(f"{plan['rows']:,} rows in {len(plan['tables'])} tables, {values:,} values to convert")
            _warn(log, connection, columns, left)
            if not values:
                log.info("nothing to convert: the database is as it was, and no backup was needed")
                return report | {"status": "nothing to do", "values": 0, "unreadable": left}
            log.info(f"estimated time: {_seconds(plan['rows'] / PLANS_OWN_RATE)}")
            if confirm is not None and not confirm(database, plan["rows"], values):
                raise Refused
            doing = "making the backups"
            check_space(database, backup_dir)
            folder = Folder.make(backup_dir)
            log.keep(folder.log)
            report |= {"migration_id": folder.id}
            plan |= {"migration_id": folder.id, "database": str(database), "local_offset": LOCAL_OFFSET, "forms": FORMS}
            write_json(folder.plan, plan | {"values": values, "unreadable": left})
            backups = _back_up(connection, folder, database, columns, log)
            doing = "converting"
            connection.execute("ATTACH ? AS before", (f"{folder.primary.absolute().as_uri()}?immutable=1",))
            connection.execute("BEGIN IMMEDIATE")
            started = time.perf_counter()
            convert(connection, columns, Progress(log, plan["rows"]))
            converting = time.perf_counter() - started
            doing = "validating"
            started = time.perf_counter()
            found = validate(connection, columns)
            validating = time.perf_counter() - started
            write_json(folder.validation, found)
            if not found["ok"]:
                raise Problem(
                    f"validation failed: {'; '.join(found['errors'])}", f"read {folder.validation}; nothing was changed"
                )
            log.info(f"validated {plan['rows']:,} rows against {folder.primary.name} in {_seconds(validating)}")
            report |= {
                "rows": plan["rows"], "values": values, "unreadable": left, "backups": backups,
                "convert_s": round(converting, 3), "validate_s": round(validating, 3),
                "rows_per_s": round(plan["rows"] / max(converting, 1e-9)),
            }  # fmt: skip
            doing = "committing"
            connection.execute("COMMIT")
            report |= {"status": "converted"}
            # The database file alone now holds everything: nobody can copy it without its WAL by mistake.
            connection.execute("PRAGMA main.wal_checkpoint(TRUNCATE)")
    except (OSError, sqlite3.Error, Problem) as error:
        if report["status"] == "converted":
            log.warning(f"converted and committed, but: {error}")
        else:
            problem = explain(error, doing)
            log.error(problem.cause)
            _report(folder, report | {"error": problem.cause, "solution": problem.remedy})
            raise problem from error
    except BaseException:
        if report["status"] != "converted":
            _report(folder, report | {"error": "interrupted"})
        raise
    report |= {"finished": _now(), "seconds": round(time.perf_counter() - began, 3)}
    _report(folder, report)
    assert folder is not None
    log.info(f"converted {values:,} values of {plan['rows']:,} rows in {_seconds(report['seconds'])}")
    log.info(f"the way back: {sys.executable} {folder.rollback}")
    return report


def check_space(database: Path, backup_dir: Path) -> None:
    """Refuses to begin where the backups or the transaction would not fit.

    Raises:
        Problem: too little space is free.
    """
    size = sum(path.stat().st_size for path in (database, Path(f"{database}-wal")) if path.exists())
    needed: dict[int, tuple[Path, int]] = {}
    # Two copies, the dump, its trial and the original values; and the transaction, beside the database.
    for place, bytes_ in ((existing_parent(backup_dir), 6 * size), (database.parent, 2 * size)):
        device = place.stat().st_dev
        needed[device] = (place, needed.get(device, (place, 0))[1] + bytes_ + (1 << 20))
    for place, bytes_ in needed.values():
        facts = os.statvfs(place)
        free = facts.f_bavail * facts.f_frsize
        if free < bytes_:
            raise Problem(f"No space left on device: {place} has {free:,} bytes free, {bytes_:,} are needed", FULL)


def open_locked(database: Path, timeout_s: float) -> sqlite3.Connection:
    """The database, locked against everybody else until it is closed."""
    if not database.is_file():
        raise Problem(f"there is no database {database}", "name it with --database")
    # Opened for writing, so that a missing permission shows now and not half-way.
    with database.open("r+b"):
        pass
    connection = sqlite3.connect(
        f"{database.absolute().as_uri()}?mode=rw",
        uri=True,
        isolation_level=None,
        timeout=timeout_s,
        cached_statements=0,
    )
    try:
        connection.execute("PRAGMA main.cache_size = -1000")
        connection.execute("PRAGMA main.locking_mode = EXCLUSIVE")
        connection.execute("PRAGMA main.synchronous = FULL")
        # The lock stays after COMMIT. In WAL mode an idle session of the application is enough to refuse it.
        connection.execute("BEGIN EXCLUSIVE")
        connection.execute("COMMIT")
    except BaseException:
        connection.close()
        raise
    return connection


def _refuse_damaged(connection: sqlite3.Connection) -> None:
    found = connection.execute("PRAGMA integrity_check(1)").fetchone()[0]
    if found != "ok":
        raise Problem(f"the database is damaged: {found}", DAMAGED)


def _back_up(
    connection: sqlite3.Connection, folder: Folder, database: Path, columns: Columns, log: Log
) -> list[dict[str, Any]]:
    """Makes both copies, the dump, the metadata and the way back, and says so."""
    copy_database(connection, folder.primary)
    copy_database(connection, folder.secondary)
    dump_database(connection, folder.dump)
    backups = describe_backups(folder)
    facts = {
        name: connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("user_version", "journal_mode", "page_size")
    }
    write_json(
        folder.metadata,
        {"migration_id": folder.id, "database": str(database), "taken": _now(), "sqlite_version": sqlite3.sqlite_version,
         **facts, "rows": count_rows(connection), "backups": backups},
    )  # fmt: skip
    write_rollback(connection, folder, database, backups, columns)
    for each in backups:
        log.info(f"backup {each['file']}: {each['bytes']:,} bytes, sha256 {each['sha256']}")
    return backups


def _warn(log: Log, connection: sqlite3.Connection, columns: Columns, left: int) -> None:
    if left:
        for place in unreadable(connection, columns):
            log.warning(f"Could not parse timestamp: {place}; left as it is")
        log.warning(f"{left:,} values are no timestamps in a known form and stay as they are")


def _report(folder: Folder | None, report: dict[str, Any]) -> None:
    if folder is not None:
        try:
            write_json(folder.report, report)
        except OSError as error:
            print(f"could not write {folder.report}: {error.strerror}", file=sys.stderr)


def _ask(database: Path, rows: int, values: int) -> bool:
    print(f"Convert {values:,} timestamps in {rows:,} rows of {database}?")
    print("The application must be stopped. Type 'yes' to go on: ", end="", flush=True)
    return sys.stdin.readline().strip().lower() == "yes"


def _now() -> str:
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())


def _seconds(seconds: float) -> str:
    return f"{seconds:.2f} s" if seconds >= 0.01 else "less than 0.01 s"


def _options(arguments: list[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Convert V_Track's timestamps to ISO 8601 at UTC.")
    parser.add_argument("--auto-confirm", action="store_true", help="do not ask before converting")
    add_places(parser)
    return with_places(parser.parse_args(arguments))


def add_places(parser: argparse.ArgumentParser) -> None:
    """Adds --database and --backup-dir."""
    parser.add_argument(
        "--database", type=Path, help="the database (default: $VTRACK_EVENTS_FILE, else database/events.db)"
    )
    parser.add_argument(
        "--backup-dir", type=Path,
        help=f"where the backups go (default: {FOLDER}/, beside a database that is named, else in this folder)",
    )  # fmt: skip


def with_places(options: argparse.Namespace) -> argparse.Namespace:
    """The options, with what the environment or the plan says where the command line says nothing."""
    named = options.database or os.environ.get("VTRACK_EVENTS_FILE")
    options.database = Path(named or "database/events.db").absolute()
    beside = options.database.parent if named else Path()
    options.backup_dir = (options.backup_dir or beside / FOLDER).absolute()
    return options


if __name__ == "__main__":
    sys.exit(main())
