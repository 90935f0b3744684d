"""The migration of vtrack_utc: what it does, what it leaves, and what it does where something is in its way."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import signal
import sqlite3
import stat
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.migrations.vtrack import BACKUP, SCRIPTS, Warehouse, content_of, make_warehouse

NOBODY = 65534
# What the program still has to import it may not read any more as another user.
AS_NOBODY = f"m._options([]); os.setgroups([]); os.setgid({NOBODY}); os.setuid({NOBODY})"


def test_every_timestamp_is_utc_and_nothing_else_changed(warehouse: Warehouse) -> None:
    """The values that the generator drew, read from the other side: the camera's clock knew them all along."""
    done = warehouse.migrate()

    assert done.returncode == 0, done.stderr
    with closing(sqlite3.connect(warehouse.database)) as connection:
        rows = connection.execute("SELECT packed_ms, packed_at FROM events WHERE packed_ms IS NOT NULL").fetchall()
        kept = connection.execute("SELECT overlay_text FROM cameras WHERE id = 1").fetchone()[0]
        mixed = {value for (value,) in connection.execute("SELECT quiet_until FROM notifications")}
        leap = connection.execute("SELECT issued_at FROM licenses").fetchone()[0]
    assert len(rows) == 16
    for milliseconds, text in rows:
        with closing(sqlite3.connect(":memory:")) as memory:
            seconds = memory.execute("SELECT strftime('%s', ?)", (text[:19],)).fetchone()[0]
            assert int(seconds) == milliseconds // 1000
        assert text.endswith(("Z", "+00:00"))
    assert kept == "2026-01-10 08:00:00"
    assert {"22:00", "06:30", "UTC+7"} <= mixed
    assert leap == "2024-02-28T19:10:00Z"
    assert (warehouse.report["rows"], warehouse.report["values"], warehouse.report["unreadable"]) == (107, 148, 0)


def test_the_folder_is_as_the_plan_draws_it_and_closed_to_others(warehouse: Warehouse) -> None:
    """It holds the production data twice over."""
    previous = os.umask(0o000)
    try:
        warehouse.migrate()
    finally:
        os.umask(previous)

    (folder,) = warehouse.migrations
    assert sorted(str(path.relative_to(folder)) for path in folder.rglob("*")) == [
        "backup_metadata.json", "events_backup.sql", "events_backup_primary.db", "events_backup_secondary.db", "logs",
        f"logs/{folder.name}.log", "migration_plan.json", "migration_report.json", "rollback",
        "rollback/execute_rollback.py", "rollback/rollback_data.json", "validation_report.json",
    ]  # fmt: skip
    for path in [folder, *folder.rglob("*")]:
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_both_copies_and_the_dump_are_the_database_before(warehouse: Warehouse, tmp_path: Path) -> None:
    """Each by itself is enough to go back, and has the checksum that the metadata says."""
    before = warehouse.content()

    warehouse.migrate()

    (folder,) = warehouse.migrations
    metadata = json.loads((folder / "backup_metadata.json").read_text(encoding="utf-8"))
    for each in metadata["backups"]:
        data = (folder / each["file"]).read_bytes()
        assert (len(data), hashlib.sha256(data).hexdigest()) == (each["bytes"], each["sha256"])
    with closing(sqlite3.connect(tmp_path / "from_dump.db")) as connection:
        connection.executescript((folder / "events_backup.sql").read_text(encoding="utf-8"))
    assert content_of(folder / "events_backup_primary.db") == before
    assert content_of(folder / "events_backup_secondary.db") == before
    assert content_of(tmp_path / "from_dump.db") == before
    assert warehouse.content() != before


def test_what_is_only_in_the_wal_is_in_the_backups(warehouse: Warehouse) -> None:
    """An application that was killed leaves its last rows there; copying the file alone would lose them."""
    writer = (
        "import os, signal, sqlite3, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute(\"INSERT INTO events (name) VALUES ('the last one')\"); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", writer, warehouse.database], check=False)
    assert warehouse.database.with_name("events.db-wal").stat().st_size > 0

    assert warehouse.migrate().returncode == 0

    for name in ("events_backup_primary.db", "events_backup_secondary.db"):
        with closing(sqlite3.connect(warehouse.migrations[0] / name)) as connection:
            assert connection.execute("SELECT count(*) FROM events WHERE name = 'the last one'").fetchone() == (1,)


def test_a_second_run_changes_nothing_and_leaves_nothing(warehouse: Warehouse) -> None:
    """A moment at UTC would otherwise move by seven hours with each run."""
    warehouse.migrate()
    after = warehouse.content()

    done = warehouse.migrate()

    assert done.returncode == 0
    assert "nothing to convert" in done.stdout
    assert warehouse.content() == after
    assert len(warehouse.migrations) == 1


@pytest.mark.parametrize("said", ["no\n", ""])
def test_without_a_yes_nothing_happens(warehouse: Warehouse, said: str) -> None:
    """Nor where nobody is there to ask."""
    before = warehouse.database.read_bytes()

    done = warehouse.run("migrate_timezone_production.py", said=said)

    assert done.returncode == 2
    assert "Convert 148 timestamps in 107 rows" in done.stdout
    assert "Nothing was changed" in done.stderr
    assert warehouse.database.read_bytes() == before
    assert warehouse.migrations == []


def test_a_yes_goes_on(warehouse: Warehouse) -> None:
    """The interactive way is the one that the plan recommends."""
    assert warehouse.run("migrate_timezone_production.py", said="yes\n").returncode == 0
    assert warehouse.report["status"] == "converted"


def test_the_production_size_takes_under_a_second_and_20_mb(warehouse: Warehouse) -> None:
    """The plan's own expectation, measured in the process itself."""
    peak = "import atexit; atexit.register(lambda: print(open('/proc/self/status').read()))"
    if not Path("/proc/self/status").exists():
        pytest.skip("only Linux tells a process its peak memory")

    done = warehouse.migrate_patched(peak)

    (line,) = [line for line in done.stdout.splitlines() if line.startswith("VmHWM")]
    assert int(line.split()[1]) * 1024 < 20_000_000
    assert warehouse.report["seconds"] < 1


def test_progress_comes_with_an_estimate(warehouse: Warehouse) -> None:
    """On the screen and in the log."""
    said = warehouse.migrate().stdout

    log = next((warehouse.migrations[0] / "logs").iterdir()).read_text(encoding="utf-8")
    for text in (said, log):
        assert "estimated time: 0.01 s" in text
        assert "107 of 107 rows (100%), about 0.0 s left" in text


@pytest.mark.parametrize("lock", ["BEGIN IMMEDIATE", "SELECT count(*) FROM events"])
def test_a_database_in_use_is_left_alone(warehouse: Warehouse, lock: str) -> None:
    """Somebody writes; or an application was forgotten that only has it open."""
    before = warehouse.content()
    with closing(sqlite3.connect(warehouse.database, isolation_level=None)) as other:
        other.execute(lock).fetchall()

        done = warehouse.migrate_patched("m.migrate.__defaults__ = (*m.migrate.__defaults__[:-1], 0.2)")

    assert done.returncode == 1
    assert "database is locked" in done.stderr
    assert "stop the application" in done.stderr
    assert warehouse.content() == before
    assert warehouse.migrations == []


def test_a_disk_too_small_for_the_backups_is_seen_before_anything_is_done(
    warehouse: Warehouse, small_disk: Callable[[int], Path]
) -> None:
    """Half a backup is worse than none."""
    before = warehouse.content()
    disk = small_disk(400_000)

    done = warehouse.migrate("--backup-dir", disk / "backups")

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert "name another backup folder with --backup-dir" in done.stderr
    assert list(disk.iterdir()) == []
    assert warehouse.content() == before


def test_a_disk_that_fills_while_the_backups_are_made_stops_the_migration(
    warehouse: Warehouse, small_disk: Callable[[int], Path]
) -> None:
    """Another program took the space that was free a moment ago."""
    before = warehouse.content()

    done = warehouse.migrate_patched("m.check_space = lambda *a: None", "--backup-dir", small_disk(200_000) / "backups")

    assert done.returncode == 1
    assert "No space left on device while making the backups" in done.stderr
    assert warehouse.content() == before


def test_a_disk_that_fills_while_converting_undoes_the_conversion(
    tmp_path: Path, small_disk: Callable[[int], Path]
) -> None:
    """The transaction needs room beside the database; without it, all of it is undone."""
    warehouse = make_warehouse(small_disk(BACKUP.stat().st_size + 60_000))
    before = content_of(BACKUP)

    done = warehouse.migrate_patched("m.check_space = lambda *a: None", "--backup-dir", tmp_path / "backups")

    assert done.returncode == 1
    assert "No space left on device" in done.stderr
    assert warehouse.content() == before


def test_a_database_that_may_not_be_written_is_refused(open_warehouse: Warehouse) -> None:
    """Before anything is done, and with the way out."""
    before = open_warehouse.database.read_bytes()

    done = open_warehouse.migrate_patched(AS_NOBODY)

    assert done.returncode == 1
    assert "Permission denied while opening the database" in done.stderr
    assert "run as the account that owns the database" in done.stderr
    assert open_warehouse.database.read_bytes() == before


def test_a_backup_folder_that_may_not_be_written_is_refused(open_warehouse: Warehouse) -> None:
    """The database itself would be writable; without a backup it is not touched."""
    for path in (open_warehouse.folder, open_warehouse.database):
        os.chown(path, NOBODY, NOBODY)
    closed = open_warehouse.folder.parent / "closed"
    closed.mkdir(mode=0o755)
    before = open_warehouse.content()

    done = open_warehouse.migrate_patched(AS_NOBODY, "--backup-dir", closed / "backups")

    assert done.returncode == 1
    assert "Permission denied while making the backups" in done.stderr
    assert open_warehouse.content() == before


def test_an_unreadable_timestamp_stays_and_is_reported(warehouse: Warehouse) -> None:
    """Handled gracefully, as the plan says: the others are converted, and the log names the row, not the value."""
    warehouse.execute("DROP TRIGGER events_updated_at", "UPDATE events SET packed_at = '30/02/2026 noon' WHERE id = 7")

    done = warehouse.migrate()

    assert done.returncode == 0
    assert "WARNING Could not parse timestamp: events.packed_at, row 7; left as it is" in done.stdout
    log = next((warehouse.migrations[0] / "logs").iterdir()).read_text(encoding="utf-8")
    assert "events.packed_at, row 7" in log
    assert "noon" not in log
    assert warehouse.report["unreadable"] == 1
    with closing(sqlite3.connect(warehouse.database)) as connection:
        assert connection.execute("SELECT packed_at FROM events WHERE id = 7").fetchone() == ("30/02/2026 noon",)


def test_a_damaged_database_is_refused(warehouse: Warehouse) -> None:
    """Its copies would be damaged, too."""
    with warehouse.database.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 2048)

    done = warehouse.migrate()

    assert done.returncode == 1
    assert "damaged" in done.stderr
    assert warehouse.migrations == []


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            "ALTER TABLE events ADD COLUMN seen_at TEXT DEFAULT '2026-01-01 00:00:00'",
            "there are timestamps in events.seen_at",
        ),
        ("ALTER TABLE events RENAME COLUMN packed_at TO packed", "the database has no events.packed_at"),
        ("ALTER TABLE downloads RENAME TO fetched", "the database has no downloads"),
    ],
)
def test_a_schema_that_the_migration_does_not_know_is_refused(warehouse: Warehouse, change: str, message: str) -> None:
    """Converting what it knows would leave the rest in the old form without a word."""
    warehouse.execute(change)
    before = warehouse.content()

    done = warehouse.migrate()

    assert done.returncode == 1
    assert message in done.stderr
    assert warehouse.content() == before


def test_a_wrong_conversion_is_not_committed(warehouse: Warehouse) -> None:
    """Validation counts the seconds by itself, and what it finds undoes everything."""
    before = warehouse.content()

    done = warehouse.migrate_patched(
        "import conversion; right = conversion.converted\n"
        "conversion.converted = lambda value: right(value).replace(\"'-07:00'\", \"'+07:00'\")"
    )

    assert done.returncode == 1
    assert "validation failed" in done.stderr
    assert "events, packed_at" in done.stderr
    assert warehouse.content() == before
    assert warehouse.report["status"] == "failed"


MOMENTS = {
    "before the copies": "before('copy_database')",
    "after the copies": "before('dump_database')",
    "before the way back is written": "before('write_rollback')",
    "before the conversion": "before('convert')",
    "after the conversion": "before('validate')",
    "after the commit": "signal.signal(signal.SIGTERM, signal.SIG_DFL); inner = m._report;"
    " m._report = lambda *a: os.kill(os.getpid(), signal.SIGKILL)",
}


@pytest.mark.parametrize("moment", MOMENTS)
def test_a_migration_that_was_killed_is_simply_run_again(warehouse: Warehouse, tmp_path: Path, moment: str) -> None:
    """Whenever it was killed, all or nothing was changed, and the second run ends where a single one does."""
    single = make_warehouse(tmp_path / "single")
    single.migrate()
    before = warehouse.content()
    helper = "def before(name):\n    setattr(m, name, lambda *a, **k: os.kill(os.getpid(), signal.SIGKILL))\n"

    killed = warehouse.migrate_patched(helper + MOMENTS[moment])
    between = warehouse.content()
    again = warehouse.migrate()

    assert killed.returncode == -signal.SIGKILL
    assert between == (single.content() if moment == "after the commit" else before)
    assert again.returncode == 0, again.stderr
    assert warehouse.content() == single.content()


def test_a_migration_that_is_told_to_end_changes_nothing(warehouse: Warehouse) -> None:
    """A service manager sends SIGTERM; the report says what happened."""
    before = warehouse.content()

    done = warehouse.migrate_patched("m.validate = lambda *a: os.kill(os.getpid(), signal.SIGTERM)")

    assert done.returncode == 128 + signal.SIGTERM
    assert warehouse.content() == before
    assert warehouse.report["error"] == "interrupted"


def test_the_emergency_rollback_brings_every_row_back(warehouse: Warehouse) -> None:
    """Also where the application wrote since and was killed, so that its WAL still holds migrated pages."""
    before = warehouse.content()
    warehouse.database.chmod(0o640)
    warehouse.migrate()
    leave = (
        "import sys; sys.path.insert(0, sys.argv[1]); sys.dont_write_bytecode = True\n"
        "from pathlib import Path; from rehearse_rollback import leave_wal; leave_wal(Path(sys.argv[2]))"
    )
    subprocess.run([sys.executable, "-c", leave, SCRIPTS, warehouse.database], check=True)

    done = warehouse.roll_back()

    assert done.returncode == 0, done.stderr
    assert "Rolled back from events_backup_primary.db" in done.stdout
    assert sorted(path.name for path in warehouse.folder.iterdir()) == ["events.db", "migration_backups"]
    assert stat.S_IMODE(warehouse.database.stat().st_mode) == 0o640
    assert warehouse.content() == before
    (kept,) = (warehouse.migrations[0] / "rollback").glob("replaced_*")
    assert "written after the migration" in "".join(content_of(kept / "events.db"))


@pytest.mark.parametrize("said", ["", "yes\n", "confirm rollback\n"])
def test_the_emergency_rollback_wants_its_words(warehouse: Warehouse, said: str) -> None:
    """It destroys what was written since."""
    warehouse.migrate()
    after = warehouse.content()

    done = warehouse.roll_back(said)

    assert done.returncode == 2
    assert "Nothing was changed" in done.stderr
    assert warehouse.content() == after


def test_the_emergency_rollback_takes_the_second_copy_where_the_first_is_damaged(warehouse: Warehouse) -> None:
    """A checksum is there to be compared."""
    before = warehouse.content()
    warehouse.migrate()
    (warehouse.migrations[0] / "events_backup_primary.db").write_bytes(b"SQLite format 3\0 and nothing")

    done = warehouse.roll_back()

    assert done.returncode == 0
    assert "Rolled back from events_backup_secondary.db" in done.stdout
    assert warehouse.content() == before


def test_the_emergency_rollback_without_a_good_copy_changes_nothing(warehouse: Warehouse) -> None:
    """It says where the dump is."""
    warehouse.migrate()
    after = warehouse.content()
    for name in ("primary", "secondary"):
        shutil.copyfile(warehouse.database, warehouse.migrations[0] / f"events_backup_{name}.db")

    done = warehouse.roll_back()

    assert done.returncode == 1
    assert "load events_backup.sql" in done.stderr
    assert warehouse.content() == after


def test_the_emergency_rollback_waits_for_nobody(warehouse: Warehouse) -> None:
    """Replacing the file under an open application would leave it writing into a file without a name."""
    warehouse.migrate()
    after = warehouse.content()
    with closing(sqlite3.connect(warehouse.database)) as other:
        other.execute("SELECT count(*) FROM events").fetchone()

        done = warehouse.roll_back()

    assert done.returncode == 1
    assert "database is locked" in done.stderr
    assert warehouse.content() == after


KILLED_ROLLBACK = """
import os, runpy, signal, sys
from pathlib import Path
def kill(*arguments, **named):
    os.kill(os.getpid(), signal.SIGKILL)
{patch}
sys.argv = [sys.argv[1]]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


@pytest.mark.parametrize("patch", ["Path.replace = kill", "Path.unlink = kill", "os.fsync = kill"])
def test_a_rollback_that_was_killed_is_simply_run_again(warehouse: Warehouse, patch: str) -> None:
    """Until the file is replaced the migrated database is whole; afterwards the old one is."""
    before = warehouse.content()
    warehouse.migrate()
    after = warehouse.content()
    script = warehouse.migrations[0] / "rollback" / "execute_rollback.py"

    killed = subprocess.run(
        [sys.executable, "-c", KILLED_ROLLBACK.format(patch=patch), script],
        input="CONFIRM ROLLBACK\n", text=True, capture_output=True, check=False, timeout=60,
    )  # fmt: skip
    between = warehouse.content()
    again = warehouse.roll_back()
    once_more = warehouse.roll_back()

    assert killed.returncode == -signal.SIGKILL, killed.stderr
    assert between == after
    assert (again.returncode, once_more.returncode) == (0, 0), again.stderr + once_more.stderr
    assert warehouse.content() == before
    assert sorted(path.name for path in warehouse.folder.iterdir()) == ["events.db", "migration_backups"]
