"""A small repository in our shape, to run pytest in."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]

PYTEST = [
    sys.executable, "-m", "pytest",
    *(part for name in ("randomly", "hypothesispytest", "anyio", "pytest_postgresql", "platformdirs") for part in ("-p", f"no:{name}")),
]  # fmt: skip
"""pytest without the plugins that no team's run needs: loading them takes longer than a live run does."""

PLAN = """\
title = "Give every parcel a weight"
engine = "postgresql"
[backup]
path = "../../fixtures/backup.sql"
[migrate]
steps = [{ sql = "01.sql" }]
[[rollback]]
name = "manual"
steps = [{ sql = "rollback.sql" }]
[changes]
added = ["column:parcels.weight_g"]
[[criteria]]
id = "weights"
kind = "weights"
params = { table = "parcels" }
"""

BACKUP = """\
--
-- PostgreSQL database dump
--
-- Dumped from database version 15.0

CREATE TABLE public.parcels (id integer PRIMARY KEY, size text NOT NULL, note text);

COPY public.parcels (id, size, note) FROM stdin;
1	letter	first-secret
2	small	second-secret
\\.

--
-- PostgreSQL database dump complete
--
"""

MIGRATION = """\
BEGIN;
ALTER TABLE parcels ADD COLUMN IF NOT EXISTS weight_g integer;
UPDATE parcels SET weight_g = 50 WHERE weight_g IS NULL;
COMMIT;
"""

ROLLBACK = "ALTER TABLE parcels DROP COLUMN weight_g;\n"

OWN_CHECK = '''\
import pytest


@pytest.mark.criterion("weights")
def test_weights(criterion, after):
    """Every row of the table has a weight."""
    assert after.count(criterion.params["table"]) == 2
    assert after.scalar("SELECT count(*) FROM parcels WHERE weight_g IS NULL") == 0
'''


@dataclass
class Project:
    """The repository; `run` runs pytest in it."""

    root: Path
    output: str = field(default="")

    def write(self, relative: str, text: str) -> None:
        """Writes a file."""
        path = self.root / relative
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")

    def plan(self, name: str = "first", text: str = PLAN, migration: str = MIGRATION, rollback: str = ROLLBACK) -> None:
        """Writes a plan."""
        self.write(f"migrations/{name}/plan.toml", text)
        self.write(f"migrations/{name}/01.sql", migration)
        self.write(f"migrations/{name}/rollback.sql", rollback)

    def run(self, *arguments: str, environment: dict[str, str] | None = None) -> int:
        """Runs pytest; returns its exit status and keeps what it printed."""
        done = subprocess.run(
            [*PYTEST, *arguments],
            cwd=self.root, env=os.environ | (environment or {}), capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.output = done.stdout + done.stderr
        return done.returncode

    @property
    def result(self) -> dict[str, Any]:
        """What result.json says."""
        found: dict[str, Any] = json.loads((self.root / "reports" / "result.json").read_text(encoding="utf-8"))
        return found

    def outcome(self, criterion: str, plan: int = 0) -> str:
        """The outcome of one criterion."""
        return next(str(each["outcome"]) for each in self.result["plans"][plan]["criteria"] if each["id"] == criterion)


def make_project(folder: Path) -> Project:
    """A repository with one plan that comes out GO."""
    made = Project(folder)
    shutil.copyfile(ROOT / "conftest.py", folder / "conftest.py")
    made.write("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["verifications"]\n')
    shutil.copytree(ROOT / "verifications", folder / "verifications", ignore=shutil.ignore_patterns("__pycache__"))
    made.write("verifications/test_own.py", OWN_CHECK)
    made.write("fixtures/backup.sql", BACKUP)
    made.plan()
    return made
