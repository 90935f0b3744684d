"""The backup of parking_flyway is what its generator says, and the written plan's ways back do what its page says."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from pytest_cutover.backup.inspect import inspect_backup
from pytest_cutover.backup.restore import restore
from pytest_cutover.flyway.files import checksum
from pytest_cutover.migrate import StepsRun, run_steps
from pytest_cutover.plan.model import Step
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import Server
from pytest_cutover.state import compare_states
from pytest_cutover.target import Target

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

ROOT = Path(__file__).parents[1]
FIXTURE = ROOT / "fixtures" / "parking_flyway"
MIGRATION = ROOT / "migrations" / "parking_flyway"
VARIANTS = sorted((ROOT / "tests" / "variants" / "parking_flyway").glob("*/variant.toml"))

UNCAUGHT = {"duration", "restores_baseline:restore"}
"""A slow migration would make this suite slow, and a fresh database does not depend on the migration."""


def _toml(path: Path) -> dict[str, Any]:
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _step() -> dict[str, Any]:
    (step,) = _toml(MIGRATION / "plan.toml")["migrate"]["steps"]
    found: dict[str, Any] = step
    return found


def _generate(output: Path, *arguments: str) -> Path:
    command = [sys.executable, "-B", str(FIXTURE / "generate.py"), "--output", str(output), *arguments]
    subprocess.run(command, check=True, timeout=300)
    return output


def _content(server: Server, archive: Path) -> list[str]:
    """The rows and sequences that an archive holds, without what tells versions apart."""
    done = subprocess.run(
        [server.programs / "pg_restore", "--data-only", "--file=-", archive], capture_output=True, text=True, check=True
    )
    return [
        line
        for line in done.stdout.splitlines()
        if line and not line.startswith(("--", "SET ", "SELECT pg_catalog.set_config", "\\"))
    ]


def _rows(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    spec = importlib.util.spec_from_file_location("parking_flyway_rows", FIXTURE / "rows.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    # Dataclasses look their own module up there.
    monkeypatch.setitem(sys.modules, spec.name, module)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def restored(server: Server) -> Iterator[Target]:
    """The committed backup, restored; it is only ever copied."""
    facts = inspect_backup(FIXTURE / "backup.dump")
    target, _, _ = restore(facts, server, "parking_restored", [FIXTURE / "roles.sql"], "parking_app", lambda text: None)
    yield target
    server.drop(target.database)


@pytest.fixture
def at_v4(restored: Target, server: Server) -> Iterator[Callable[[], Target]]:
    """A function that gives a database as the backup has it, of the application's role."""
    made: list[Target] = []
    logged: list[Target] = []

    def make() -> Target:
        made.append(server.create(f"parking_{len(made)}", template=restored, owner="parking_app"))
        # A second login would give the role another password.
        logged.append(server.login(made[-1], "parking_app") if not logged else logged[0].named(made[-1].database))
        return logged[-1]

    yield make
    for target in made:
        server.drop(target.database)


def _migrate(target: Target, folder: Path = MIGRATION, **settings: Any) -> StepsRun:
    step = _step()
    return run_steps([Step.model_validate(step | {"settings": step["settings"] | settings})], folder, target)


def _differences(before: Target, after: Target) -> list[str]:
    databases = PostgresDatabase(before, "before"), PostgresDatabase(after, "after")
    try:
        return compare_states(*databases).listed
    finally:
        for each in databases:
            each.close()


def _ask(target: Target, query: str) -> Any:
    with target.connect() as connection:
        return connection.execute(query.encode()).fetchall()


def test_the_committed_backup_holds_what_the_generator_writes(server: Server, tmp_path: Path) -> None:
    """The file itself differs: an archive holds the moment of its making."""
    made = _generate(tmp_path / "backup.dump")

    assert _content(server, made) == _content(server, FIXTURE / "backup.dump")


def test_the_archive_is_small_and_old_enough_for_production() -> None:
    """pg_restore 16 refuses archives of a version above 1.15."""
    content = (FIXTURE / "backup.dump").read_bytes()

    assert len(content) < 1_500_000
    assert content[:5] == b"PGDMP"
    assert tuple(content[5:7]) <= (1, 15)


def test_seed_and_scale_change_what_is_generated(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = _rows(monkeypatch)

    assert rows.parking(15, 0.1) == rows.parking(15, 0.1)
    assert rows.parking(15, 0.1) != rows.parking(7, 0.1)
    assert len(rows.parking(15, 1.0).bookings) > 5 * len(rows.parking(15, 0.1).bookings)


def test_the_history_of_the_backup_is_true(restored: Target) -> None:
    """V1 to V4 have the checksums of their files; the views ran as an older file."""
    history = _ask(
        restored, "SELECT version, script, checksum, success FROM flyway_schema_history ORDER BY installed_rank"
    )

    assert [version for version, *_ in history] == ["1", "2", "3", "4", None]
    for version, script, found, success in history:
        true = checksum((MIGRATION / "sql" / script).read_text(encoding="utf-8"))
        assert success
        assert (found == true) == (version is not None)


def test_the_migration_finds_the_vehicle_that_the_generator_drew(
    at_v4: Callable[[], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The criterion derives the vehicle from the data, as the migration does; this compares with who parked in truth."""
    target = at_v4()

    done = _migrate(target)

    assert done.ok, done.failed_step
    found = [vehicle for (vehicle,) in _ask(target, "SELECT vehicle_id FROM bookings ORDER BY id")]
    assert found == _rows(monkeypatch).parking(15, 1.0).parked


def test_restoring_over_the_migrated_database_is_no_way_back(
    restored: Target, at_v4: Callable[[], Target], server: Server
) -> None:
    """Option C as written. Every booking is there twice and without a key, beside what V5 and V6 made, and the history
    says V4: Flyway would run V5 again and fail on the column."""
    target = at_v4()
    assert _migrate(target).ok

    done = subprocess.run(
        [server.programs / "pg_restore", "--clean", "--if-exists", "--dbname", target.database, FIXTURE / "backup.dump"],
        env=target.libpq_environment(os.environ), capture_output=True, text=True, check=False,
    )  # fmt: skip

    differences = _differences(restored, target)
    assert "errors ignored on restore" in done.stderr
    assert any(each.startswith("table:tariffs") for each in differences)
    assert any(each.startswith("constraint:bookings.bookings_pkey") for each in differences)
    assert _ask(target, "SELECT count(*) / count(DISTINCT id) FROM bookings") == [(2,)]
    assert _ask(target, "SELECT max(version) FROM flyway_schema_history") == [("4",)]
    again = _migrate(target).failed_step
    assert again is not None and again.error is not None
    assert again.error.sqlstate == "42701"


def test_a_fresh_database_from_the_backup_is_a_way_back(restored: Target, server: Server) -> None:
    """Option C as it should be."""
    facts = inspect_backup(FIXTURE / "backup.dump")

    fresh, _, _ = restore(facts, server, "parking_fresh", [FIXTURE / "roles.sql"], "parking_app", lambda text: None)

    assert _differences(restored, fresh) == []
    server.drop(fresh.database)


def _broken(root: Path, name: str, old: str, new: str) -> Path:
    """The migrations with a passage of one replaced."""
    shutil.copytree(MIGRATION, root, dirs_exist_ok=True)
    (path,) = (root / "sql").glob(f"{name}__*.sql")
    text = path.read_text(encoding="utf-8")
    assert text.count(old) == 1
    path.write_text(text.replace(old, new), encoding="utf-8")
    return root


def test_a_failed_migration_is_put_right_and_tried_again(
    restored: Target, at_v4: Callable[[], Target], tmp_path: Path
) -> None:
    """Option A where it failed in its transaction: there is no failed row to take away, and nothing to undo."""
    target, right = at_v4(), at_v4()
    broken = _broken(tmp_path, "V5", "REFERENCES vehicles (id);", "REFERENCES vehicels (id);")

    failed = _migrate(target, broken)
    left = _differences(restored, target)
    retried = _migrate(target)

    assert failed.failed_step is not None
    assert left == []
    assert _ask(target, "SELECT count(*) FROM flyway_schema_history WHERE NOT success") == [(0,)]
    assert retried.ok, retried.failed_step
    assert _migrate(right).ok
    ran = "SELECT installed_rank, version, script, checksum, success FROM flyway_schema_history ORDER BY 1"
    assert _ask(target, ran) == _ask(right, ran)


def test_a_migration_that_failed_outside_of_a_transaction_is_repaired_first(
    at_v4: Callable[[], Target], tmp_path: Path
) -> None:
    """Option A where there is a failed row. Taking it away is not enough: what the migration left must go as well."""
    target = at_v4()
    shutil.copytree(MIGRATION, tmp_path, dirs_exist_ok=True)
    late = tmp_path / "sql" / "V7__one_booking_for_each_plate.sql"
    late.write_text(
        "CREATE UNIQUE INDEX CONCURRENTLY idx_bookings_plate ON bookings (license_plate);\n", encoding="utf-8"
    )
    lock = {"postgresql.transactional.lock": False}

    failed = _migrate(target, tmp_path, **lock)
    rows = _ask(target, "SELECT version FROM flyway_schema_history WHERE NOT success")
    late.write_text("CREATE INDEX CONCURRENTLY idx_bookings_plate ON bookings (license_plate);\n", encoding="utf-8")
    stopped = _migrate(target, tmp_path, **lock)
    with target.connect() as connection:
        connection.execute("DELETE FROM flyway_schema_history WHERE version = '7' AND success = false")
    half = _migrate(target, tmp_path, **lock)
    with target.connect() as connection:
        connection.execute("DELETE FROM flyway_schema_history WHERE version = '7' AND success = false")
        connection.execute("DROP INDEX idx_bookings_plate")
    whole = _migrate(target, tmp_path, **lock)

    assert failed.failed_step is not None and rows == [("7",)]
    assert stopped.failed_step is not None and "run repair" in str(stopped.failed_step.error)
    assert half.failed_step is not None and "already exists" in str(half.failed_step.error)
    assert whole.ok, whole.failed_step
    assert _ask(target, "SELECT indisvalid FROM pg_index WHERE indexrelid = 'idx_bookings_plate'::regclass") == [
        (True,)
    ]


def test_every_criterion_of_the_plan_has_a_variant_that_it_catches() -> None:
    plan = _toml(MIGRATION / "plan.toml")
    every = {criterion["id"] for criterion in plan["criteria"]}
    every |= {"applies", "duration", "only_declared_changes", "idempotent"}
    every |= {f"restores_baseline:{rollback['name']}" for rollback in plan["rollback"]}
    readme = _readme()

    caught = {identifier for variant in VARIANTS for identifier in _toml(variant)["catches"]}

    assert caught <= every
    assert [name for name in every - UNCAUGHT if f"| `{name}` | `" not in readme] == []


@pytest.mark.parametrize("path", VARIANTS, ids=[path.parent.name for path in VARIANTS])
def test_a_variant_says_what_is_wrong_and_changes_something(path: Path) -> None:
    variant = _toml(path)
    others = [file for file in path.parent.rglob("*") if file.is_file() and file.name != "variant.toml"]

    assert set(variant) <= {"title", "why", "catches", "only", "steps", "backup_sql", "edits"}
    assert variant["title"] and variant["why"] and variant["catches"]
    assert others or variant.get("edits") or variant["steps"]
    for edit in variant.get("edits", []):
        assert edit["old"] != edit["new"]
        assert (MIGRATION / edit["file"]).is_file()


def test_the_rows_that_are_written_by_hand_have_true_checksums() -> None:
    """Flyway takes a faked row for its own only then."""
    (path,) = (MIGRATION / "sql").glob("V6__*.sql")
    computed = str(checksum(path.read_text(encoding="utf-8")))

    for name in ("v6-faked", "v6-run-by-hand"):
        assert computed in (ROOT / "tests" / "variants" / "parking_flyway" / name / "fake.sql").read_text(
            encoding="utf-8"
        )


def _readme() -> str:
    return (ROOT / "tests" / "variants" / "parking_flyway" / "README.md").read_text(encoding="utf-8")


def test_the_readme_of_the_variants_and_the_plan_page_name_everything() -> None:
    page = (ROOT / "docs" / "plans" / "parking_flyway.md").read_text(encoding="utf-8")
    criteria = [criterion["id"] for criterion in _toml(MIGRATION / "plan.toml")["criteria"]]

    assert [path.parent.name for path in VARIANTS if f"| `{path.parent.name}` |" not in _readme()] == []
    assert [name for name in criteria if f"| `{name}` |" not in _readme() or f"`{name}`" not in page] == []
