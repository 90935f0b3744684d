"""A plan for SQLite from its backup to its verdict."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.project import Project, make_project

PLAN = """\
title = "Give every parcel a weight"
engine = "sqlite"
[backup]
path = "../../fixtures/parcels.db"
[migrate]
steps = [{ sql = "01.sql" }]
[[rollback]]
name = "manual"
steps = [{ sql = "rollback.sql" }]
[[rollback]]
name = "copy"
steps = [{ command = ["{python}", "copy_back.py", "{backup}"], env = { DATABASE = "{path}" } }]
[[rollback]]
name = "restore"
restore = true
[changes]
added = ["column:parcels.weight_g"]
[[criteria]]
id = "rows"
kind = "row_count"
table = "parcels"
baseline = true
[[criteria]]
id = "filled"
kind = "not_null"
table = "parcels"
columns = ["weight_g"]
[[criteria]]
id = "column"
kind = "query"
sql = "SELECT count(*) FROM parcels WHERE weight_g = 50"
value = 2
[[criteria]]
id = "alone"
kind = "unique"
table = "parcels"
columns = ["note"]
"""

COPY_BACK = """\
import os, shutil, sys
shutil.copyfile(sys.argv[1], os.environ["DATABASE"])
"""


def make_database(path: Path, sql: str) -> Path:
    """A database file that the SQL made."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(sql)
    return path


@pytest.fixture
def parcels(tmp_path: Path) -> Project:
    """A repository with one plan for SQLite that comes out GO."""
    made = make_project(tmp_path)
    (tmp_path / "verifications" / "test_own.py").unlink()
    make_database(
        tmp_path / "fixtures" / "parcels.db",
        "CREATE TABLE parcels (id INTEGER PRIMARY KEY, size TEXT NOT NULL, note TEXT);"
        "INSERT INTO parcels VALUES (1, 'letter', 'first-secret'), (2, 'small', 'second-secret');",
    )
    made.plan(
        text=PLAN,
        migration="BEGIN;\nALTER TABLE parcels ADD COLUMN weight_g INTEGER;\nUPDATE parcels SET weight_g = 50;\nCOMMIT;\n",
        rollback="ALTER TABLE parcels DROP COLUMN weight_g;\n",
    )
    text = PLAN.replace("[migrate]\n", '[migrate]\nrerun = "refuses"\n')
    made.write("migrations/first/plan.toml", text)
    made.write("migrations/first/copy_back.py", COPY_BACK)
    return made


def test_a_right_migration_is_go(parcels: Project) -> None:
    """The engine proves a migration of a SQLite file as it does one of a server."""
    status = parcels.run()

    assert status == 0, parcels.output
    assert parcels.result["verdict"] == "GO"
