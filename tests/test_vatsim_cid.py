"""The backup of vatsim_cid is what its generator says, and the plan's criteria are each caught by a variant."""

from __future__ import annotations

import gzip
import importlib.util
import re
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.restore import restore
from pytest_cutover.migrate import run_steps
from pytest_cutover.plan.model import Step
from pytest_cutover.sandbox import Server

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "vatsim_cid"
MIGRATION = ROOT / "migrations" / "vatsim_cid"
VARIANTS = sorted((ROOT / "tests" / "variants" / "vatsim_cid").glob("*/variant.toml"))

UNCAUGHT = {
    "duration": "a step slower than its budget would make this suite slow; the kind's own test has one",
    "restores_baseline:restore": "a fresh database from the backup does not depend on the migration",
}


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _generate(output: Path, *arguments: str) -> str:
    command = [sys.executable, "-B", str(FIXTURE / "generate.py"), "--output", str(output), *arguments]
    subprocess.run(command, check=True, timeout=120)
    return output.read_text(encoding="utf-8")


def _traffic(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("vatsim_cid_traffic", FIXTURE / "traffic.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their own module up there.
    monkeypatch.setitem(sys.modules, spec.name, module)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    return module


def test_the_committed_backup_is_what_the_generator_writes(tmp_path: Path) -> None:
    committed = gzip.decompress((FIXTURE / "backup.sql.gz").read_bytes()).decode()

    assert _generate(tmp_path / "backup.sql") == committed


def test_the_backup_is_small_and_has_a_hundred_thousand_stays() -> None:
    packed = (FIXTURE / "backup.sql.gz").read_bytes()
    text = gzip.decompress(packed).decode()
    stays = re.search(r"COPY public\.flight_sector_occupancy .*?\n(.*?)\n\\\.\n", text, re.DOTALL)

    assert len(packed) < 5_000_000
    assert stays is not None
    assert stays[1].count("\n") + 1 >= 100_000
    assert text.endswith("-- PostgreSQL database dump complete\n--\n\n")


def test_seed_and_scale_change_what_is_generated(tmp_path: Path) -> None:
    small = _generate(tmp_path / "a.sql", "--scale", "0.1")

    assert _generate(tmp_path / "b.sql", "--scale", "0.1") == small
    assert _generate(tmp_path / "c.sql", "--scale", "0.1", "--seed", "7") != small
    assert len(_generate(tmp_path / "d.sql", "--scale", "0.2")) > 1.5 * len(small)


def test_the_migration_finds_the_pilot_that_the_generator_drew(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """The criteria derive the right CID from the data, as the migration does; this compares with who flew in truth."""
    facts = inspect_backup(FIXTURE / "backup.sql.gz")
    target, _, _ = restore(facts, server, "vatsim_truth", [FIXTURE / "roles.sql"], "vatsim_user", lambda text: None)
    steps = [Step.model_validate(step) for step in _toml(MIGRATION / "plan.toml")["migrate"]["steps"]]

    done = run_steps(steps, MIGRATION, target)
    with target.connect() as connection:
        found = [cid for (cid,) in connection.execute("SELECT cid FROM flight_sector_occupancy ORDER BY id").fetchall()]
    server.drop(target.database)

    assert done.ok, done.failed_step
    flights = _traffic(monkeypatch).traffic(1736, 1.0)
    assert found == [flight.cid or 999999 for flight in flights for _ in flight.stays()]


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
    known = {file.name for file in MIGRATION.iterdir()}
    used = {word for step in variant.get("steps", []) for word in (step.get("sql"), *step.get("command", ()))}
    used |= {variant.get("backup_sql")}

    assert set(variant) <= {"title", "why", "catches", "full_size", "only", "steps", "backup_sql"}
    assert variant["title"]
    assert variant["why"]
    assert variant["catches"]
    assert "plan.toml" not in others
    assert others or "steps" in variant
    # Every file replaces one of the plan's, is a step, or belongs to a command that is one.
    assert all(name in known | used or "run.py" in used for name in others)
    assert all((path.parent / name).read_bytes() != (MIGRATION / name).read_bytes() for name in others & known)


def test_the_readme_of_the_variants_and_the_plan_page_name_everything() -> None:
    readme = (ROOT / "tests" / "variants" / "vatsim_cid" / "README.md").read_text(encoding="utf-8")
    page = (ROOT / "docs" / "plans" / "vatsim_cid.md").read_text(encoding="utf-8")
    criteria = [criterion["id"] for criterion in _toml(MIGRATION / "plan.toml")["criteria"]]

    assert [path.parent.name for path in VARIANTS if f"| `{path.parent.name}` |" not in readme] == []
    assert [name for name in criteria if f"| `{name}` |" not in readme or f"`{name}`" not in page] == []
