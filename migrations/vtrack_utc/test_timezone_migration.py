"""Tests and measures the migration on databases of its own, where it will run: nothing of production is touched.

--unit-tests runs the tests, --benchmark measures 100 to 100,000 records and writes migration_benchmark_results.json,
--all does both. 0: all went well; 1: something did not.
"""

from __future__ import annotations

import argparse
import json
import os
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from contextlib import closing
from pathlib import Path
from typing import Any

from backups import FOLDER, Folder, checksum
from conversion import Columns
from migrate_timezone_production import migrate
from problems import Problem
from progress import Log
from timestamps import converted, form, same_instant

HERE = Path(__file__).resolve().parent
SIZES = (100, 1_000, 10_000, 100_000)
RESULTS = "migration_benchmark_results.json"
COLUMNS: Columns = {"events": ("created_at", "updated_at")}

CASES = (
    # value, its form, what becomes of it
    ("2026-01-14 09:00:00", "database", "2026-01-14T09:00:00Z"),
    ("2026-01-14T09:00:00", "application", "2026-01-14T02:00:00Z"),
    ("2026-01-01T06:59:59.999999", "application", "2025-12-31T23:59:59.999999Z"),
    ("2026-01-14T09:00:00.500", "application", "2026-01-14T02:00:00.500Z"),
    ("2026-01-14T09:00:00.000001+07:00", "offset", "2026-01-14T02:00:00.000001Z"),
    ("2024-02-29T02:10:00+07:00", "offset", "2024-02-28T19:10:00Z"),
    ("1999-12-31T20:00:00-03:30", "offset", "1999-12-31T23:30:00Z"),
    ("2026-01-14T09:00:00Z", "utc", None),
    ("2026-01-14T09:00:00.25+00:00", "utc", None),
    ("22:00", "other", None),
    ("UTC+7", "other", None),
    ("", "unreadable", None),
    ("N/A", "unreadable", None),
    ("2026-02-30 09:00:00", "unreadable", None),
    ("2026-01-14 24:00:00", "unreadable", None),
    ("2026-01-14  09:00  ", "unreadable", None),
    ("2026-01-14T09:00:00.5 Z", "unreadable", None),
    ("2026-01-14T09:00:00 +07:00", "unreadable", None),
    ("2026-01-14T09:00:00.1.2", "unreadable", None),
    ("2026-02-30T09:00:00Z", "unreadable", None),
    ("fooZ", "unreadable", None),
    (1768381200, "unreadable", None),
    (None, None, None),
)


def make_database(path: Path, records: int) -> None:
    """Events of the forms in use, in WAL mode, with the trigger that keeps updated_at."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        connection.executescript(
            "PRAGMA journal_mode = WAL;"
            "CREATE TABLE events (id INTEGER PRIMARY KEY, name TEXT NOT NULL,"
            " created_at TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP);"
            "CREATE TRIGGER events_updated_at AFTER UPDATE ON events FOR EACH ROW BEGIN"
            " UPDATE events SET updated_at = CURRENT_TIMESTAMP WHERE id = NEW.id; END;"
        )
        forms = ("{0} {1}", "{0}T{1}.{2:06d}", "{0}T{1}.{2:06d}+07:00", "{0}T{1}")
        connection.execute("BEGIN")
        for n in range(1, records + 1):
            day, time = f"2026-01-{1 + n % 28:02d}", f"{n % 24:02d}:{n % 60:02d}:{n // 60 % 60:02d}"
            created, updated = (forms[(n + shift) % 4].format(day, time, n % 1_000_000) for shift in (0, 1))
            connection.execute("INSERT INTO events VALUES (?, ?, ?, ?)", (n, f"event {n}", created, updated))
        connection.execute("COMMIT")


class TestForms(unittest.TestCase):
    """Each form is told from the others, and converted as it should be."""

    def test_every_case(self) -> None:
        """The form, the new value, and that the two are the same instant."""
        with closing(sqlite3.connect(":memory:")) as connection:
            for value, expected, becomes in CASES:
                query = f"SELECT {form('v')}, {converted('v')} FROM (SELECT ? AS v)"
                found, new = connection.execute(query, (value,)).fetchone()
                with self.subTest(value=value):
                    self.assertEqual((found, new), (expected, value if becomes is None else becomes))
                    query = f"SELECT {same_instant('b', 'a')} FROM (SELECT ? AS b, ? AS a)"
                    self.assertTrue(connection.execute(query, (value, new)).fetchone()[0])

    def test_a_wrong_value_is_noticed(self) -> None:
        """Validation does not believe the conversion: an hour, a second, a lost fraction, a lost zone, an invented day."""
        before = "2026-01-14T09:00:00.500"
        wrong = [
            (before, "2026-01-14" + after)
            for after in (
                "T03:00:00.500Z",
                "T02:00:01.500Z",
                "T02:00:00Z",
                "T02:00:00.5Z",
                "T02:00:00.500",
                "T02:00:00.500 Z",
            )
        ]
        wrong += [(before, before), (before, None), (None, "2026-01-14T02:00:00Z"), ("N/A", None), ("22:00", "22:00Z")]
        wrong += [("2026-02-30T09:00:00", "2026-03-02T02:00:00Z"), ("2026-03-02T09:00:00", "2026-02-30T02:00:00Z")]
        wrong += [("2026-01-14 09:00:00", "2026-01-14T02:00:00Z"), ("2026-02-30 09:00:00", "2026-02-30T09:00:00Z")]
        wrong += [("2026-01-14T09:00:00+03:00", "2026-01-14T02:00:00Z"), (20260114, "2026-01-14T02:00:00Z")]
        with closing(sqlite3.connect(":memory:")) as connection:
            for old, new in wrong:
                query = f"SELECT {same_instant('b', 'a')} FROM (SELECT ? AS b, ? AS a)"
                with self.subTest(before=old, after=new):
                    self.assertFalse(connection.execute(query, (old, new)).fetchone()[0])


class TestMigration(unittest.TestCase):
    """The whole migration, on a database of its own."""

    def setUp(self) -> None:
        """A database of a hundred events."""
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.root = Path(self.temporary.name)
        self.database = self.root / "events.db"
        make_database(self.database, 100)

    def run_migration(self) -> dict[str, Any]:
        """The report of a run."""
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            log = Log(nowhere)
            try:
                return migrate(self.database, self.root / FOLDER, log, columns=COLUMNS, timeout_s=0.2)
            finally:
                log.close()

    def rows(self) -> list[tuple[Any, ...]]:
        """All rows as they are."""
        with closing(sqlite3.connect(self.database)) as connection:
            return connection.execute("SELECT * FROM events ORDER BY id").fetchall()

    def test_all_is_converted_and_can_be_rolled_back(self) -> None:
        """Every value ends in Z, and the generated script brings every row back."""
        before = self.rows()
        report = self.run_migration()
        self.assertTrue(all(row[2].endswith("Z") and row[3].endswith("Z") for row in self.rows()))
        folder = Folder(self.root / FOLDER / report["migration_id"])
        for each in report["backups"]:
            self.assertEqual(checksum(folder.path / each["file"]), each["sha256"])
        done = subprocess.run(
            [sys.executable, folder.rollback], input="CONFIRM ROLLBACK\n", text=True, check=False, capture_output=True
        )
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(self.rows(), before)

    def test_a_second_run_changes_nothing(self) -> None:
        """Nor does it make another folder."""
        self.run_migration()
        after = self.rows()
        self.assertEqual(self.run_migration()["status"], "nothing to do")
        self.assertEqual(self.rows(), after)
        self.assertEqual(len(list((self.root / FOLDER).iterdir())), 1)

    def test_an_unreadable_value_stays_and_is_counted(self) -> None:
        """The other values are converted all the same."""
        with closing(sqlite3.connect(self.database)) as connection:
            connection.executescript(
                "DROP TRIGGER events_updated_at; UPDATE events SET created_at = 'N/A' WHERE id = 7;"
            )
        self.assertEqual(self.run_migration()["unreadable"], 1)
        self.assertEqual(self.rows()[6][2], "N/A")

    def test_a_database_in_use_is_left_alone(self) -> None:
        """An open session of the application is enough."""
        before = self.rows()
        with closing(sqlite3.connect(self.database)) as other:
            other.execute("SELECT count(*) FROM events").fetchone()
            with self.assertRaisesRegex(Problem, "database is locked"):
                self.run_migration()
        self.assertEqual(self.rows(), before)


def benchmark() -> list[dict[str, Any]]:
    """Time and memory at each size, each run in a process of its own; printed as a table, and written to a file."""
    idle = _measure("", ())["peak_memory_bytes"]
    results = []
    print(
        f"{'records':>9}  {'convert':>9}  {'records/s':>10}  {'validate':>9}  {'records/s':>10}  {'memory':>8}  over idle"
    )
    for size in SIZES:
        with tempfile.TemporaryDirectory() as temporary:
            database = Path(temporary) / "events.db"
            make_database(database, size)
            found = _measure(_MIGRATE, (str(database), str(Path(temporary) / FOLDER)))
        found |= {"records": size, "over_idle_bytes": found["peak_memory_bytes"] - idle}
        results.append(found)
        print(
            f"{size:>9,}  {found['convert_s']:>7.3f} s  {size / found['convert_s']:>10,.0f}  {found['validate_s']:>7.3f} s"
            f"  {size / found['validate_s']:>10,.0f}  {found['peak_memory_bytes'] / 1e6:>5.1f} MB"
            f"  {found['over_idle_bytes'] / 1e6:>5.1f} MB"
        )
    Path(RESULTS).write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"written to {RESULTS}")
    return results


_MIGRATE = """
from pathlib import Path
from conversion import Columns
from migrate_timezone_production import migrate
from progress import Log
import os
with open(os.devnull, "w") as nowhere:
    log = Log(nowhere)
    report = migrate(Path(sys.argv[1]), Path(sys.argv[2]), log, columns={"events": ("created_at", "updated_at")})
    log.close()
found = {name: max(report[name], 1e-4) for name in ("seconds", "convert_s", "validate_s")}
"""

_PEAK = """
import json
try:
    with open("/proc/self/status") as status:
        peak = 1024 * next(int(line.split()[1]) for line in status if line.startswith("VmHWM"))
except OSError:
    import resource
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
print(json.dumps(found | {"peak_memory_bytes": peak}))
"""


def _measure(program: str, arguments: tuple[str, ...]) -> dict[str, Any]:
    """What the program found, and the most memory that its process held."""
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\nfound = {{}}\n{program}{_PEAK}", *arguments],
        cwd=HERE, text=True, check=True, capture_output=True,
    )  # fmt: skip
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def main() -> int:
    """Reads the command line and runs what it asks for."""
    parser = argparse.ArgumentParser(description="Test and measure the timezone migration.")
    parser.add_argument("--all", action="store_true", help="the tests and the benchmark")
    parser.add_argument("--unit-tests", action="store_true", help="the tests")
    parser.add_argument("--benchmark", action="store_true", help="time and memory for 100 to 100,000 records")
    options = parser.parse_args()
    if not (options.all or options.unit_tests or options.benchmark):
        parser.error("say what to run: --all, --unit-tests or --benchmark")
    ok = True
    if options.all or options.unit_tests:
        suite = unittest.defaultTestLoader.loadTestsFromModule(sys.modules[__name__])
        result = unittest.TextTestRunner(stream=sys.stdout).run(suite)
        ok = result.wasSuccessful() and result.testsRun > 0
    if options.all or options.benchmark:
        benchmark()
    return 0 if ok else 1


if __name__ == "__main__":
    sys.exit(main())
