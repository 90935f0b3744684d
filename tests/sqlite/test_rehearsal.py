"""A plan for SQLite from its backup to its verdict."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.project import Project, make_project
from tests.sqlite.conftest import execute

PLAN = """\
title = "Give every parcel a weight"
engine = "sqlite"
[backup]
path = "../../fixtures/parcels.db"
expect = { tables = 1, rows = { parcels = 2 } }
[migrate]
budget = "10s"
rerun = "refuses"
steps = [{ sql = "01.sql" }]
[[rollback]]
name = "manual"
steps = [{ sql = "rollback.sql" }]
[[rollback]]
name = "copy"
steps = [{ command = ["{python}", "copy_back.py", "{backup}"], env = { TO = "{path}", ADDRESS = "{url}" } }]
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
id = "weight"
kind = "query"
sql = "SELECT count(*) FROM parcels WHERE weight_g = 50"
value = 2
"""

BACKUP = """
PRAGMA journal_mode = wal;
CREATE TABLE parcels (id INTEGER PRIMARY KEY, size TEXT NOT NULL, note TEXT);
INSERT INTO parcels VALUES (1, 'letter', 'first-secret'), (2, 'small', 'second-secret');
"""

MIGRATION = """\
BEGIN;
ALTER TABLE parcels ADD COLUMN weight_g INTEGER;
UPDATE parcels SET weight_g = 50;
COMMIT;
"""

COPY_BACK = """\
import os, shutil, sys
assert os.environ["ADDRESS"] == "sqlite:///" + os.environ["TO"]
assert os.path.basename(os.environ["TO"]) == "parcels.db"
assert os.listdir(os.path.dirname(os.environ["TO"])) == ["parcels.db"], "nothing but the database comes along"
shutil.copyfile(sys.argv[1], os.environ["TO"])
"""


@pytest.fixture
def parcels(tmp_path: Path) -> Project:
    """A repository with one plan for SQLite that comes out GO."""
    made = make_project(tmp_path)
    (tmp_path / "verifications" / "test_own.py").unlink()
    execute(tmp_path / "fixtures" / "parcels.db", BACKUP)
    made.plan(text=PLAN, migration=MIGRATION, rollback="ALTER TABLE parcels DROP COLUMN weight_g;\n")
    made.write("migrations/first/copy_back.py", COPY_BACK)
    return made


def test_a_right_migration_is_go(parcels: Project) -> None:
    """The engine proves a migration of a SQLite file as it does one of a server, and shows no value."""
    status = parcels.run()

    assert status == 0, parcels.output
    assert parcels.result["verdict"] == "GO"
    assert f"plan first; rehearsed on files in a private folder (SQLite {sqlite3.sqlite_version})" in parcels.output
    plan = parcels.result["plans"][0]
    assert {each["outcome"] for each in plan["criteria"]} == {"passed"}
    assert {each["name"]: each["outcome"] for each in plan["stages"]}["rollback"] == "ok"
    assert plan["target"]["server"] == f"SQLite {sqlite3.sqlite_version}"
    assert plan["changes"]["parcels"]["before"] == 2
    assert "secret" not in parcels.output + (parcels.root / "reports" / "result.json").read_text()
    assert sorted(each.name for each in (parcels.root / "fixtures").glob("parcels*")) == ["parcels.db"]


WRONG = [
    ("01.sql", MIGRATION.replace("COMMIT;", ""), "applies", "01.sql:3: the file ends inside a transaction"),
    ("01.sql", MIGRATION + "UPDATE parcels SET sise = 1;\n", "applies", "01.sql:5: no such column: sise, SQLSTATE 42703"),
    ("01.sql", MIGRATION.replace("50;", "50, note = 'x';"), "only_declared_changes", "2 values of the column note changed"),
    ("01.sql", MIGRATION + "PRAGMA user_version = 2;", "only_declared_changes", "setting:user_version"),
    ("01.sql", MIGRATION + "PRAGMA journal_mode = delete;", "only_declared_changes", "setting:journal_mode"),
    ("01.sql", MIGRATION.replace("50;", "50 WHERE id = 1;"), "filled", "1 of 2 rows of parcels has NULL in weight_g"),
    ("01.sql", "CREATE TABLE IF NOT EXISTS w (a);\nDROP TABLE w;" + MIGRATION.replace("ALTER", "--").replace("weight_g = 50", "size = size"),
     "idempotent", "goes through, although the plan says that it refuses"),
    ("rollback.sql", "UPDATE parcels SET weight_g = NULL;", "restores_baseline:manual", "column:parcels.weight_g"),
    ("copy_back.py", "", "restores_baseline:copy", "column:parcels.weight_g"),
    ("copy_back.py", "raise SystemExit(3)", "restores_baseline:copy", "the program ended with status 3"),
]  # fmt: skip
"""A file of the plan, what it holds instead, the criterion that a person would point at, and what that is told."""


@pytest.fixture(scope="module")
def wrong(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """The result of each wrong version by its name, all rehearsed in one run."""
    made = make_project(tmp_path_factory.mktemp("wrong"))
    (made.root / "verifications" / "test_own.py").unlink()
    shutil.rmtree(made.root / "migrations" / "first")
    execute(made.root / "fixtures" / "parcels.db", BACKUP)
    for number, (file, text, _, _) in enumerate(WRONG):
        name = f"wrong{number:02}"
        made.plan(name, text=PLAN, migration=MIGRATION, rollback="ALTER TABLE parcels DROP COLUMN weight_g;\n")
        made.write(f"migrations/{name}/copy_back.py", COPY_BACK)
        made.write(f"migrations/{name}/{file}", text)
    assert made.run() == 1, made.output
    return {each["name"]: each for each in made.result["plans"]}


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_a_wrong_one_is_no_go(wrong: dict[str, Any], number: int) -> None:
    """Each mistake is seen by the criterion that a person would point at."""
    _, _, criterion, told = WRONG[number]
    plan = wrong[f"wrong{number:02}"]

    found = next(each for each in plan["criteria"] if each["id"] == criterion)

    assert (plan["verdict"], found["outcome"]) == ("NO-GO", "failed")
    assert told in found["message"]


def test_an_unexpected_database_is_not_rehearsed(parcels: Project) -> None:
    """The backup of another database, or a damaged one, decides nothing."""
    execute(parcels.root / "fixtures" / "parcels.db", "DELETE FROM parcels WHERE id = 2;")

    assert parcels.run() == 10
    assert "rows of parcels: expected 2, found 1" in parcels.output


def test_a_killed_run_is_swept(parcels: Project, tmp_path: Path) -> None:
    """What a run leaves that was killed is removed by the next one."""
    base = tmp_path / "temporary"
    base.mkdir(mode=0o755)
    parcels.write("migrations/first/01.sql", MIGRATION)
    parcels.plan(text=PLAN.replace('{ sql = "01.sql" }', '{ command = ["{python}", "stop.py"] }'), migration=MIGRATION)
    parcels.write("migrations/first/stop.py", "import time\ntime.sleep(60)\n")
    process = subprocess.Popen(
        [sys.executable, "-m", "pytest", "-q"], cwd=parcels.root, env=os.environ | {"TMPDIR": str(base)},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    deadline = time.monotonic() + 60
    while not list(base.glob("pytest-cutover-*/*_after_*/parcels.db")):
        assert time.monotonic() < deadline and process.poll() is None
        time.sleep(0.05)
    time.sleep(0.3)
    process.kill()
    process.wait()
    assert list(base.glob("pytest-cutover-*"))

    parcels.plan(text=PLAN, migration=MIGRATION, rollback="ALTER TABLE parcels DROP COLUMN weight_g;\n")
    status = parcels.run(environment={"TMPDIR": str(base)})

    assert status == 0, parcels.output
    assert list(base.glob("pytest-cutover-*")) == []


def test_what_was_not_declared_is_told_ready_to_be_copied(parcels: Project) -> None:
    """The lines under [changes] make the plan a GO, in place of those that it has."""
    more = """
CREATE INDEX "by.size" ON parcels (size);
CREATE TABLE boxes (id INTEGER PRIMARY KEY);
INSERT INTO boxes VALUES (1), (2), (3);
UPDATE parcels SET note = 'x' WHERE id = 2;
COMMIT;
"""
    plan = PLAN[: PLAN.index("[[rollback]]")] + PLAN[PLAN.index('[[rollback]]\nname = "restore"') :]
    parcels.plan(text=plan, migration=MIGRATION.replace("COMMIT;\n", more))

    assert parcels.run() == 1, parcels.output
    found = next(each for each in parcels.result["plans"][0]["criteria"] if each["id"] == "only_declared_changes")
    assert "; if it is meant: added = [" in found["message"]
    lines = next(each["rows"] for each in found["evidence"] if each["title"].startswith("If it is meant"))
    assert sorted(line for (line,) in lines)[1:] == [
        "rows.boxes = { added = 3 }", 'rows.parcels = { changed = ["note"] }'
    ]  # fmt: skip

    declared = "\n".join(line for (line,) in lines)
    parcels.plan(
        text=plan.replace('added = ["column:parcels.weight_g"]', declared),
        migration=MIGRATION.replace("COMMIT;\n", more),
    )
    assert parcels.run() == 0, parcels.output


@pytest.mark.parametrize(("index", "status"), [("size", 0), ("note", 1)])
def test_a_waiver_accepts_one_difference_and_no_other_of_the_same_object(
    parcels: Project, index: str, status: int
) -> None:
    waiver = """
[[waivers]]
criterion = "only_declared_changes"
accepts = "added index:i: CREATE INDEX i ON parcels(size)"
owner = "a team"
until = 2099-12-31
reason = "known"
"""
    plan = PLAN[: PLAN.index("[[rollback]]")] + PLAN[PLAN.index('[[rollback]]\nname = "restore"') :]
    parcels.plan(
        text=plan + waiver, migration=MIGRATION.replace("COMMIT;", f"CREATE INDEX i ON parcels ({index});\nCOMMIT;")
    )

    assert parcels.run() == status, parcels.output
