"""What comes with the migration of vtrack_utc: the check before it, and the tests that run where it will run."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from tests.migrations.vtrack import SCRIPTS, Warehouse

PRE_FLIGHT = "migration_pre_flight_check.py"


def test_the_check_says_that_the_migration_can_run_and_changes_nothing(warehouse: Warehouse) -> None:
    """Every line ok, the numbers of the plan, and not a byte written."""
    before = warehouse.database.read_bytes()

    done = warehouse.run(PRE_FLIGHT)

    assert done.returncode == 0, done.stdout
    lines = done.stdout.splitlines()
    assert [line[:8] for line in lines[:-1]] == ["ok      "] * 7
    assert "foreign keys violated: 5" in lines[5]
    assert "107 rows in 20 tables, 148 values to convert" in lines[6]
    assert lines[-1] == "The migration can run."
    assert warehouse.database.read_bytes() == before
    assert [path.name for path in warehouse.folder.iterdir()] == ["events.db"]


def test_the_check_finds_a_database_in_use(warehouse: Warehouse) -> None:
    with closing(sqlite3.connect(warehouse.database)) as other:
        other.execute("SELECT count(*) FROM events").fetchone()

        done = warehouse.run(PRE_FLIGHT)

    assert done.returncode == 1
    assert "FAILED  not in use: Error: database is locked" in done.stdout
    assert "Solution: stop the application" in done.stdout
    assert done.stdout.endswith("Do not migrate yet.\n")


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "there is no database"),
        (b"PGDMP and so on", "is not an SQLite database"),
        (b"", "is not an SQLite database"),
    ],
)
def test_the_check_finds_a_wrong_file(warehouse: Warehouse, content: bytes | None, message: str) -> None:
    warehouse.database.unlink()
    if content is not None:
        warehouse.database.write_bytes(content)

    done = warehouse.run(PRE_FLIGHT)

    assert done.returncode == 1
    assert f"FAILED  database: Error: {message}" in done.stdout or message in done.stdout


def test_the_check_finds_a_disk_that_is_too_small(warehouse: Warehouse, small_disk: Callable[[int], Path]) -> None:
    done = warehouse.run(PRE_FLIGHT, "--backup-dir", small_disk(300_000))

    assert done.returncode == 1
    assert "FAILED  free space: Error: No space left on device" in done.stdout


def test_the_check_finds_a_backup_folder_that_is_closed(warehouse: Warehouse) -> None:
    if os.geteuid() == 0:
        pytest.skip("root may write everywhere")
    closed = warehouse.folder / "closed"
    closed.mkdir(mode=0o500)

    done = warehouse.run(PRE_FLIGHT, "--backup-dir", closed / "backups")

    assert done.returncode == 1
    assert "FAILED  backup folder: Error: Permission denied" in done.stdout


def test_the_check_finds_a_damaged_database(warehouse: Warehouse) -> None:
    with warehouse.database.open("r+b") as file:
        file.seek(8192)
        file.write(b"\xff" * 2048)

    done = warehouse.run(PRE_FLIGHT)

    assert done.returncode == 1
    assert "FAILED  integrity" in done.stdout


def test_the_check_counts_what_cannot_be_read(warehouse: Warehouse) -> None:
    """That is no reason not to migrate, but one to look first."""
    warehouse.execute("UPDATE notifications SET sent_at = 'N/A' WHERE id = 2")

    done = warehouse.run(PRE_FLIGHT)

    assert done.returncode == 0
    assert "WARNING: 1 cannot be read and will stay as they are" in done.stdout


def _test_script(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-B", SCRIPTS / "test_timezone_migration.py", *arguments],
        cwd=folder, text=True, capture_output=True, check=False, timeout=300,
    )  # fmt: skip


def test_the_unit_tests_of_the_script_pass(tmp_path: Path) -> None:
    """They run on databases of their own and leave nothing."""
    done = _test_script(tmp_path, "--unit-tests")

    assert done.returncode == 0, done.stdout
    assert "Ran 6 tests" in done.stdout
    assert list(tmp_path.iterdir()) == []


def test_the_script_wants_to_know_what_to_run(tmp_path: Path) -> None:
    done = _test_script(tmp_path)

    assert done.returncode == 2
    assert "--all, --unit-tests or --benchmark" in done.stderr


def test_the_benchmark_prints_and_writes_what_it_measured(tmp_path: Path) -> None:
    """Each size in a process of its own, so that one's memory is not another's; 100,000 rows stay within 10 MB over idle."""
    done = _test_script(tmp_path, "--benchmark")

    assert done.returncode == 0, done.stderr
    results = json.loads((tmp_path / "migration_benchmark_results.json").read_text(encoding="utf-8"))
    assert [each["records"] for each in results] == [100, 1_000, 10_000, 100_000]
    assert all(each["convert_s"] > 0 and each["validate_s"] > 0 for each in results)
    assert results[-1]["over_idle_bytes"] < 10_000_000
    assert "100,000" in done.stdout
