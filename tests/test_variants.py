"""Wrong migrations: each variant of each plan comes out NO-GO on the criterion that a person would point at.

All variants of a plan are rehearsed in one run of pytest on a project of the same shape as this repository, where each
variant is a plan of its own. The backup is a small one from the plan's own generator; a variant whose damage shows only
in many rows says `full_size = true` and gets the committed one. `edits` are replacements in the plan's own files.
"""

from __future__ import annotations

import functools
import hashlib
import json
import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.preludes import prelude_path, ready_made
from pytest_cutover.backup.restore import restore
from pytest_cutover.sandbox import Sandboxes
from tests.project import PYTEST
from tests.variants.table import table

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
VARIANTS = ROOT / "tests" / "variants"
SCALE = "0.1"
SCALES = {"vtrack_utc": "1"}
"""Plans whose committed backup is a small one already."""
RIGHT = "right"
ROOM_IN_MEMORY = 4 << 30

Results = Callable[[str], dict[str, dict[str, Any]]]


def _variants() -> list[tuple[str, str]]:
    return sorted((path.parent.parent.name, path.parent.name) for path in VARIANTS.glob("*/*/variant.toml"))


def _settings(plan: str, variant: str) -> dict[str, Any]:
    return tomllib.loads((VARIANTS / plan / variant / "variant.toml").read_text(encoding="utf-8"))


def _edit(folder: Path, edits: list[dict[str, str]]) -> None:
    """Replaces a passage of a file by another; each is there exactly once."""
    for edit in edits:
        path = folder / edit["file"]
        text = path.read_text(encoding="utf-8")
        assert text.count(edit["old"]) == 1, f"{path}: {edit['old']}"
        path.write_text(text.replace(edit["old"], edit["new"]), encoding="utf-8")


def _altered_file(backup: Path, sql: str, target: Path) -> None:
    """The SQLite backup with SQL applied to it."""
    shutil.copyfile(backup, target)
    with closing(sqlite3.connect(target)) as connection:
        connection.executescript(sql)


def _altered_backup(backup: Path, prelude: list[Path], schemas: list[str], sql: str, target: Path) -> None:
    """The backup with SQL applied to what it restores to, taken again with pg_dump; of the schemas only, if any."""
    sandboxes = Sandboxes()
    try:
        facts = inspect_backup(backup)
        server = sandboxes.server(facts.at_least, facts.at_least)
        database, _, _ = restore(facts, server, "altered", prelude, None, lambda text: None)
        with database.connect(pinned=False) as connection:
            connection.execute(sql.encode())
        subprocess.run(
            [server.programs / "pg_dump", "--file", target, *(f"--schema={name}" for name in schemas), database.database],
            env=database.libpq_environment(os.environ), check=True,
        )  # fmt: skip
    finally:
        sandboxes.close()


def _make_project(root: Path, plan: str) -> None:
    """A project whose plans are the right migration and each variant of it."""
    shutil.copyfile(ROOT / "conftest.py", root / "conftest.py")
    shutil.copytree(ROOT / "verifications", root / "verifications", ignore=shutil.ignore_patterns("__pycache__"))
    (root / "pyproject.toml").write_text('[tool.pytest.ini_options]\ntestpaths = ["verifications"]\n')
    fixtures = root / "fixtures" / plan
    shutil.copytree(ROOT / "fixtures" / plan, fixtures, ignore=shutil.ignore_patterns("__pycache__", "backup*"))
    text = (ROOT / "migrations" / plan / "plan.toml").read_text(encoding="utf-8")
    backup = fixtures / Path(tomllib.loads(text)["backup"]["path"]).name
    scale = SCALES.get(plan, SCALE)
    subprocess.run(
        [sys.executable, "-B", ROOT / "fixtures" / plan / "generate.py", "--scale", scale, "--output", backup],
        check=True,
        capture_output=True,
    )
    # The plan expects the size of production, and budgets are for a machine that does one thing at a time.
    text = re.sub(r"^(expect|budget)\s*=.*$", "", text, flags=re.MULTILINE)
    full_size = fixtures / backup.name.replace("backup", "full_size")
    shutil.copyfile(ROOT / "fixtures" / plan / backup.name, full_size)
    entries = tomllib.loads(text)["backup"].get("prelude", [])
    prelude = [
        prelude_path(entry, fixtures) if entry in ready_made() else fixtures / Path(entry).name for entry in entries
    ]
    # What a ready-made prelude brings is not in a team's own dump.
    schemas = ["public"] if set(entries) & set(ready_made()) else []
    for name in [RIGHT, *(variant for of, variant in _variants() if of == plan)]:
        folder = root / "migrations" / name
        shutil.copytree(ROOT / "migrations" / plan, folder)
        own = text
        if name != RIGHT:
            settings = _settings(plan, name)
            shutil.copytree(
                VARIANTS / plan / name, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("variant.toml")
            )
            _edit(folder, settings.get("edits", []))
            # A fresh database from the backup does not depend on the migration.
            own = re.sub(r"^\[\[rollback\]\]\nname\s*= .*\nrestore = true\n(budget.*\n)?", "", own, flags=re.MULTILINE)
            if "steps" in settings:
                own = _with_steps(own, settings["steps"])
            if settings.get("full_size"):
                own = _with_backup(own, f"../../fixtures/{plan}/{full_size.name}")
            if "backup_sql" in settings:
                sql = (folder / settings["backup_sql"]).read_text(encoding="utf-8")
                suffix = ".db" if backup.suffix == ".db" else ".sql"
                altered = fixtures / f"backup_{hashlib.sha256(sql.encode()).hexdigest()[:8]}{suffix}"
                if suffix == ".db":
                    _altered_file(backup, sql, altered)
                elif not altered.exists():
                    _altered_backup(backup, prelude, schemas, sql, altered)
                own = _with_backup(own, f"../../fixtures/{plan}/{altered.name}")
        (folder / "plan.toml").write_text(own, encoding="utf-8")


def _with_backup(text: str, path: str) -> str:
    """The plan with another backup."""
    return re.sub(r"^path(\s*)=.*$", rf'path\1= "{path}"', text, count=1, flags=re.MULTILINE)


def _with_steps(text: str, steps: list[dict[str, Any]]) -> str:
    """The plan with other steps."""
    lines = ["steps  = ["]
    for step in steps:
        parts = []
        for key, value in step.items():
            shown = (
                "{ " + ", ".join(f"{k} = {json.dumps(v)}" for k, v in value.items()) + " }"
                if isinstance(value, dict)
                else json.dumps(value)
            )
            parts.append(f"{key} = {shown}")
        lines.append("  { " + ", ".join(parts) + " },")
    lines.append("]")
    start = text.index("[migrate]")
    begin = text.index("steps", start)
    end = text.index("\n]", begin) + 2
    return text[:begin] + "\n".join(lines) + text[end:]


def _in_memory() -> dict[str, str]:
    """Lets the servers of a run have their files in memory, where there is room: most of its time is copying databases."""
    memory = Path("/dev/shm")
    if not os.access(memory, os.W_OK) or shutil.disk_usage(memory).free < ROOM_IN_MEMORY:
        return {}
    return {"TMPDIR": str(memory)}


@pytest.fixture(scope="session")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    """A function that gives the results of a plan and its variants by name; a plan is run when it is first asked for."""

    @functools.cache
    def of(plan: str) -> dict[str, dict[str, Any]]:
        root = tmp_path_factory.mktemp(plan)
        _make_project(root, plan)
        done = subprocess.run(
            [*PYTEST, "-q", "-n", "2", "-p", "no:cacheprovider"],
            cwd=root, env=os.environ | _in_memory(), capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 1, done.stdout[-4000:] + done.stderr[-4000:]
        result = json.loads((root / "reports" / "result.json").read_text(encoding="utf-8"))
        return {each["name"]: each for each in result["plans"]}

    return of


def _failed(result: dict[str, Any]) -> set[str]:
    return {each["id"] for each in result["criteria"] if each["outcome"] == "failed"}


@pytest.mark.parametrize("plan", sorted({plan for plan, _ in _variants()}))
def test_the_right_migration_is_a_go(results: Results, plan: str) -> None:
    """Otherwise nothing that follows says anything."""
    right = results(plan)[RIGHT]

    assert right["verdict"] == "GO", right["reason"]


@pytest.mark.parametrize(("plan", "variant"), _variants(), ids=[f"{plan}-{variant}" for plan, variant in _variants()])
def test_a_wrong_migration_is_a_no_go_where_a_person_would_point(results: Results, plan: str, variant: str) -> None:
    """The criteria that the variant names fail, and where it says so no other one does."""
    settings = _settings(plan, variant)
    result = results(plan)[variant]

    assert result["verdict"] == "NO-GO", result["reason"]
    failed = _failed(result)
    assert set(settings["catches"]) <= failed, f"failed: {sorted(failed)}"
    if settings.get("only"):
        assert failed == set(settings["catches"])


@pytest.mark.parametrize("plan", sorted({plan for plan, _ in _variants()}))
def test_no_criterion_is_without_a_variant_that_it_catches(results: Results, plan: str) -> None:
    """A criterion that never failed may be one that cannot."""
    caught: set[str] = set()
    for name, result in results(plan).items():
        if name != RIGHT:
            caught |= _failed(result)

    every = {each["id"] for each in results(plan)[RIGHT]["criteria"]}
    # A slow migration and a slow way back are shown by the kinds' own examples: a variant would have to sleep.
    assert every - caught - {"duration", "restores_baseline:restore"} == set()


def test_the_page_lists_every_variant() -> None:
    """docs/variants.md is what the variants say of themselves."""
    page = (ROOT / "docs" / "variants.md").read_text(encoding="utf-8")

    assert page == table(), "run `make docs`"
