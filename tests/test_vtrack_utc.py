"""The backup of vtrack_utc is what its generator says, and the plan's criteria are each caught by a variant."""

from __future__ import annotations

import re
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "vtrack_utc"
MIGRATION = ROOT / "migrations" / "vtrack_utc"
VARIANTS = sorted((ROOT / "tests" / "variants" / "vtrack_utc").glob("*/variant.toml"))

UNCAUGHT = {
    "duration": "a step slower than its budget would make this suite slow; the kind's own test has one",
    "restores_baseline:restore": "a fresh database from the backup does not depend on the migration",
}


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _generate(output: Path, *arguments: str) -> list[str]:
    """The database that the generator writes, as SQL."""
    subprocess.run(
        [sys.executable, "-B", FIXTURE / "generate.py", "--output", output, *arguments], check=True, timeout=60
    )
    return _dump(output)


def _dump(database: Path) -> list[str]:
    with closing(sqlite3.connect(f"{database.as_uri()}?immutable=1", uri=True)) as connection:
        return list(connection.iterdump())


def _timestamps() -> dict[str, list[str]]:
    plan = _toml(MIGRATION / "plan.toml")
    return {each["table"]: each["columns"] for each in plan["criteria"] if each["kind"] == "utc"}


def test_the_committed_backup_is_what_the_generator_writes(tmp_path: Path) -> None:
    assert _generate(tmp_path / "backup.db") == _dump(FIXTURE / "backup.db")


def test_seed_and_scale_change_what_is_generated(tmp_path: Path) -> None:
    once = _generate(tmp_path / "a.db", "--scale", "3")

    assert _generate(tmp_path / "b.db", "--scale", "3") == once
    assert _generate(tmp_path / "c.db", "--scale", "3", "--seed", "7") != once
    assert len(_generate(tmp_path / "d.db", "--scale", "6")) > 1.5 * len(once)


def test_the_backup_has_the_size_of_production_and_every_form() -> None:
    """107 rows with 176 timestamps in 20 tables, in WAL mode, with five foreign keys that lead nowhere."""
    columns = _timestamps()
    with closing(sqlite3.connect(f"{(FIXTURE / 'backup.db').as_uri()}?immutable=1", uri=True)) as connection:
        rows = sum(connection.execute(f'SELECT count(*) FROM "{table}"').fetchone()[0] for table in columns)
        values = [
            value
            for table, names in columns.items()
            for name in names
            for (value,) in connection.execute(f'SELECT "{name}" FROM "{table}" WHERE length("{name}") > 5')
        ]
        violated = connection.execute("PRAGMA foreign_key_check").fetchall()
        sound = connection.execute("PRAGMA integrity_check").fetchone()[0]

    assert (len(columns), rows, len(values)) == (20, 107, 176)
    assert (len(violated), sound) == (5, "ok")
    assert (FIXTURE / "backup.db").read_bytes()[18:20] == b"\x02\x02"
    for ends in ("+07:00", "Z", "+00:00"):
        assert any(value.endswith(ends) for value in values)
    assert any(value[10] == " " for value in values)
    assert any("." in value and value[-6] not in "+-Z" and not value.endswith("Z") for value in values)


def test_every_timestamp_of_the_migration_has_a_criterion() -> None:
    """What a criterion leaves out may be converted wrongly or not at all."""
    program = "import json, timestamps; print(json.dumps(timestamps.COLUMNS))"
    done = subprocess.run(
        [sys.executable, "-B", "-c", program], cwd=MIGRATION, check=True, capture_output=True, text=True
    )
    plan = _toml(MIGRATION / "plan.toml")

    converted = tomllib.loads("columns = " + done.stdout.replace(": [", " = ["))["columns"]

    assert _timestamps() == converted
    assert {table: rows["changed"] for table, rows in plan["changes"]["rows"].items()} == converted


def test_every_criterion_of_the_plan_has_a_variant_that_it_catches() -> None:
    plan = _toml(MIGRATION / "plan.toml")
    explicit = {criterion["id"] for criterion in plan["criteria"]}
    implicit = {"applies", "duration", "only_declared_changes", "idempotent"}
    implicit |= {f"restores_baseline:{rollback['name']}" for rollback in plan["rollback"]}

    caught = {identifier for variant in VARIANTS for identifier in _toml(variant)["catches"]}

    assert caught <= explicit | implicit
    assert (explicit | implicit) - caught == set(UNCAUGHT)


@pytest.mark.parametrize("path", VARIANTS, ids=[path.parent.name for path in VARIANTS])
def test_a_variant_says_what_is_wrong_and_changes_something(path: Path) -> None:
    variant = _toml(path)
    others = {file.name for file in path.parent.iterdir()} - {"variant.toml"}

    assert set(variant) <= {"title", "why", "catches", "only", "edits", "backup_sql"}
    assert variant["title"]
    assert variant["why"]
    assert variant["catches"]
    assert variant.get("edits") or "backup_sql" in variant
    assert others == {variant["backup_sql"]} if "backup_sql" in variant else not others
    for edit in variant.get("edits", []):
        text = (MIGRATION / edit["file"]).read_text(encoding="utf-8")
        assert text.count(edit["old"]) == 1
        assert edit["old"] != edit["new"]


def test_the_readme_of_the_variants_and_the_plan_page_name_everything() -> None:
    readme = (ROOT / "tests" / "variants" / "vtrack_utc" / "README.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "plans" / "vtrack_utc.md").read_text(encoding="utf-8")
    criteria = [criterion["id"] for criterion in _toml(MIGRATION / "plan.toml")["criteria"]]

    assert [path.parent.name for path in VARIANTS if f"| `{path.parent.name}` |" not in readme] == []
    assert [name for name in criteria if f"| `{name}` |" not in readme] == []
    assert [name for name in criteria if not name.startswith("utc-") and f"`{name}`" not in page] == []


def test_every_test_that_the_plan_page_names_is_there() -> None:
    """A proof that was renamed is none."""
    page = (ROOT / "docs" / "plans" / "vtrack_utc.md").read_text(encoding="utf-8")
    files = sorted((ROOT / "tests" / "migrations").glob("test_vtrack_*.py"))
    tests = set(
        re.findall(r"^def (test_\w+)", "".join(path.read_text(encoding="utf-8") for path in files), re.MULTILINE)
    )

    named = set(re.findall(r"`(test_[a-z0-9_]+)`", page))

    assert len(named) > 15
    assert named - tests == set()
