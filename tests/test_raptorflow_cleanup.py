"""The backup of raptorflow_cleanup is what its generator says, and the migration finds what the generator drew."""

from __future__ import annotations

import gzip
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.preludes import prelude_path
from pytest_cutover.backup.restore import restore
from pytest_cutover.migrate import run_steps
from pytest_cutover.plan.model import Step
from pytest_cutover.sandbox import Server

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "raptorflow_cleanup"
MIGRATION = ROOT / "migrations" / "raptorflow_cleanup"
VARIANTS = sorted((ROOT / "tests" / "variants" / "raptorflow_cleanup").glob("*/variant.toml"))
PAGE = ROOT / "docs" / "plans" / "raptorflow_cleanup.md"

UNCAUGHT = {"duration", "restores_baseline:restore"}
"""A slow migration would make this suite slow, and a fresh database does not depend on the migration."""


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _generate(output: Path, *arguments: str) -> str:
    command = [sys.executable, "-B", str(FIXTURE / "generate.py"), "--output", str(output), *arguments]
    subprocess.run(command, check=True, timeout=120)
    return output.read_text(encoding="utf-8")


def _tables(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("raptorflow_tables", FIXTURE / "tables.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    return module


def test_the_committed_backup_is_what_the_generator_writes(tmp_path: Path) -> None:
    packed = (FIXTURE / "backup.sql.gz").read_bytes()

    assert len(packed) < 1_500_000
    assert _generate(tmp_path / "backup.sql") == gzip.decompress(packed).decode()


def test_seed_and_scale_change_what_is_generated(tmp_path: Path) -> None:
    small = _generate(tmp_path / "a.sql", "--scale", "0.1")

    assert _generate(tmp_path / "b.sql", "--scale", "0.1") == small
    assert _generate(tmp_path / "c.sql", "--scale", "0.1", "--seed", "7") != small
    assert len(_generate(tmp_path / "d.sql", "--scale", "1")) > 5 * len(small) / 2


def test_the_migration_finds_the_workspaces_and_names_that_the_generator_drew(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The criteria derive what is right from the data, as the migration does; this compares with what was drawn."""
    facts = inspect_backup(FIXTURE / "backup.sql.gz")
    prelude = [prelude_path("supabase", FIXTURE), FIXTURE / "auth_users.sql"]
    target, _, _ = restore(facts, server, "raptorflow_truth", prelude, None, lambda text: None)
    steps = [Step.model_validate(step) for step in _toml(MIGRATION / "plan.toml")["migrate"]["steps"]]

    done = run_steps(steps, MIGRATION, target)
    with target.connect() as connection:
        recommendations = connection.execute(
            "SELECT right(id::text, 12)::int, right(workspace_id::text, 12)::int FROM agent_recommendations"
        ).fetchall()
        scores = connection.execute(
            "SELECT right(cohort_id::text, 12)::int, right(workspace_id::text, 12)::int FROM agent_trust_scores"
        ).fetchall()
        competitors = connection.execute("SELECT name, website FROM competitors ORDER BY id").fetchall()
    server.drop(target.database)

    assert done.ok, done.failed_step
    assert [notice for step in done.steps for notice in step.notices] == []
    tables = _tables(monkeypatch)
    assert all((number - 1) % tables.WORKSPACES + 1 == workspace for number, workspace in [*recommendations, *scores])
    schema = (FIXTURE / "schema" / "before_data.sql").read_text(encoding="utf-8")
    company = tables._Company(tables.columns(schema), 11012, 1.0)
    company.rows()
    assert competitors == [(name, site) for _, name, site in company.current.values()]


def test_every_criterion_of_the_plan_has_a_variant_that_it_catches() -> None:
    plan = _toml(MIGRATION / "plan.toml")
    every = {criterion["id"] for criterion in plan["criteria"]}
    every |= {"applies", "duration", "only_declared_changes", "idempotent"}
    every |= {f"restores_baseline:{rollback['name']}" for rollback in plan["rollback"]}

    caught = {identifier for variant in VARIANTS for identifier in _toml(variant)["catches"]}

    assert caught <= every
    assert every - caught == UNCAUGHT


@pytest.mark.parametrize("path", VARIANTS, ids=[path.parent.name for path in VARIANTS])
def test_a_variant_says_what_is_wrong_and_changes_something(path: Path) -> None:
    variant = _toml(path)
    others = {file.name for file in path.parent.iterdir()} - {"variant.toml"}
    used = {step["sql"] for step in variant.get("steps", [])} | {variant.get("backup_sql")}

    assert set(variant) <= {"title", "why", "catches", "only", "steps", "backup_sql", "edits"}
    assert variant["title"]
    assert variant["why"]
    assert variant["catches"]
    assert others <= used
    assert others or variant["edits"]
    for edit in variant.get("edits", []):
        assert edit["old"] != edit["new"]
        assert (MIGRATION / edit["file"]).is_file()


def _readme() -> str:
    return (ROOT / "tests" / "variants" / "raptorflow_cleanup" / "README.md").read_text(encoding="utf-8")


def test_the_readme_of_the_variants_and_the_plan_page_name_everything() -> None:
    page = PAGE.read_text(encoding="utf-8")
    criteria = [criterion["id"] for criterion in _toml(MIGRATION / "plan.toml")["criteria"]]

    assert [path.parent.name for path in VARIANTS if f"| `{path.parent.name}` |" not in _readme()] == []
    assert [name for name in criteria if f"| `{name}` |" not in _readme() or f"`{name}`" not in page] == []
