"""A copy of V_Track's database and the scripts that migrate it, run as a person runs them."""

from __future__ import annotations

import json
import os
import shutil
import sqlite3
import subprocess
import sys
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
SCRIPTS = ROOT / "migrations" / "vtrack_utc"
BACKUP = ROOT / "fixtures" / "vtrack_utc" / "backup.db"


@dataclass
class Warehouse:
    """A folder with `events.db` in it; what the migration leaves is beside it."""

    folder: Path

    @property
    def database(self) -> Path:
        return self.folder / "events.db"

    @property
    def migrations(self) -> list[Path]:
        """The folders of the migrations so far."""
        return sorted((self.folder / "migration_backups").glob("timezone_migration_*"))

    @property
    def report(self) -> dict[str, Any]:
        """What the latest migration reports."""
        found: dict[str, Any] = json.loads((self.migrations[-1] / "migration_report.json").read_text(encoding="utf-8"))
        return found

    def run(self, script: str, *arguments: object, said: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a script on the database, typing `said`."""
        return subprocess.run(
            [sys.executable, "-B", SCRIPTS / script, "--database", self.database, *map(str, arguments)],
            cwd=self.folder, input=said, text=True, capture_output=True, check=False, timeout=60,
        )  # fmt: skip

    def migrate(self, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Runs the migration without a question."""
        return self.run("migrate_timezone_production.py", "--auto-confirm", *arguments)

    def migrate_patched(self, patch: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Runs the migration as `m` with something replaced in it, in a process of its own."""
        program = (
            f"import os, signal, sys\nimport migrate_timezone_production as m\n{patch}\nsys.exit(m.main(sys.argv[1:]))"
        )
        environment = os.environ | {"PYTHONPATH": str(SCRIPTS), "PYTHONDONTWRITEBYTECODE": "1"}
        return subprocess.run(
            [sys.executable, "-c", program, "--auto-confirm", "--database", self.database, *map(str, arguments)],
            cwd=self.folder, env=environment, text=True, capture_output=True, check=False, timeout=60,
        )  # fmt: skip

    def roll_back(self, said: str = "CONFIRM ROLLBACK\n") -> subprocess.CompletedProcess[str]:
        """Runs the script that the latest migration left."""
        script = self.migrations[-1] / "rollback" / "execute_rollback.py"
        return subprocess.run(
            [sys.executable, script],
            cwd=script.parent,
            input=said,
            text=True,
            capture_output=True,
            check=False,
            timeout=60,
        )

    def execute(self, *statements: str) -> None:
        """Runs SQL on the database; its triggers stay out of it."""
        with closing(sqlite3.connect(self.database, isolation_level=None)) as connection:
            for statement in statements:
                connection.execute(statement)

    def content(self) -> list[str]:
        """Every object and row."""
        return content_of(self.database)


def content_of(database: Path) -> list[str]:
    """Every object and row of a database, as SQL, in an order of its own."""
    with closing(sqlite3.connect(database)) as connection:
        return sorted(connection.iterdump())


def make_warehouse(folder: Path, backup: Path = BACKUP) -> Warehouse:
    """A warehouse with a copy of the backup as its database."""
    folder.mkdir(parents=True, exist_ok=True)
    warehouse = Warehouse(folder)
    shutil.copyfile(backup, warehouse.database)
    return warehouse
