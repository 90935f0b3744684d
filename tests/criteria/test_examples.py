"""Every kind's own example is true: its first migration holds, its second does not, and the message is the one told."""

from __future__ import annotations

import inspect
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.copies import Restores
from pytest_cutover.criteria import KINDS, Kind
from pytest_cutover.criteria.implicit import implicit_criteria
from pytest_cutover.finding import Finding
from pytest_cutover.plan.load import load_plans
from pytest_cutover.rehearsal import Rehearsal
from pytest_cutover.sandbox import Sandboxes, Server
from pytest_cutover.target import Target

PLAN = """\
title = "An example"
engine = "postgresql"
{plan}
[backup]
path = "backup.sql"
{backup}
[migrate]
{migrate}
{rollback}
[[criteria]]
id = "example"
{criterion}
"""
STEPS = 'migrate.steps = [{ sql = "migration.sql" }]'
ANY_CRITERION = 'kind = "query"\nsql = "SELECT 1"\nvalue = 1'


@pytest.fixture(scope="session")
def restores() -> Iterator[Restores]:
    """The restored backups of the examples, on a server of their own."""
    sandboxes = Sandboxes()
    try:
        yield Restores(sandboxes)
    finally:
        sandboxes.close()


@pytest.mark.parametrize("name", sorted(name for name, kind in KINDS.items() if "rehearsal" in kind.MEANINGFUL))
def test_the_example_is_true(
    name: str, new_database: Callable[..., Target], restores: Restores, server: Server, tmp_path: Path
) -> None:
    """A reader who copies the example gets what the reference says, and a check that could not fail would not be one."""
    kind = KINDS[name]
    backup = _dump(new_database(kind.EXAMPLE.before), server)

    holds = _rehearse(kind, backup, restores, tmp_path / "holds", passing=True)
    fails = _rehearse(kind, backup, restores, tmp_path / "fails", passing=False)

    assert holds.holds, holds
    assert not fails.holds, fails
    assert kind.EXAMPLE.message in fails.message
    assert all(text for each in (holds, fails) for text in (each.message, each.expected, each.actual))


@pytest.mark.parametrize("name", sorted(KINDS))
def test_every_kind_says_what_it_proves_and_what_not(name: str) -> None:
    """A kind without words or examples cannot be added."""
    kind = KINDS[name]

    assert kind.KIND == name
    assert len(kind.PROVES) > 40 and len(kind.CANNOT) > 40
    assert "\n\n" not in kind.PROVES + kind.CANNOT
    assert (inspect.getdoc(kind) or "").split("\n")[0].endswith(".")
    assert kind.EXAMPLE.message
    for key, field in kind.model_fields.items():
        assert kind.IMPLICIT or field.description, f"{name}.{key} has no description"


def test_a_module_of_its_own_holds_each_kind() -> None:
    """The knowledge on a kind is found by its name."""
    for name, kind in KINDS.items():
        assert kind.__module__ == f"pytest_cutover.criteria.{name}"
        tests = Path(__file__).parent / f"test_{name}.py"
        assert kind.IMPLICIT or tests.is_file(), f"{name} has no tests of its own"


def test_every_kind_is_claimed_by_a_check() -> None:
    """A criterion that no check in verifications/ claims would never be checked."""
    folder = Path(__file__).parents[2] / "verifications"
    text = "".join(path.read_text() for path in folder.glob("test_*.py"))

    assert [name for name in KINDS if f'criterion("{name}")' not in text] == []


def _rehearse(kind: type[Kind], backup: bytes, restores: Restores, folder: Path, *, passing: bool) -> Finding:
    example = kind.EXAMPLE
    folder.mkdir()
    (folder / "backup.sql").write_bytes(backup)
    (folder / "migration.sql").write_text(example.passing if passing else example.failing)
    for name, text in example.files.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(text)
    more = example.plan if passing or example.failing_plan is None else example.failing_plan
    rollback = example.rollback if passing or example.failing_rollback is None else example.failing_rollback
    if rollback:
        (folder / "rollback.sql").write_text(rollback)
    criterion = ANY_CRITERION if kind.IMPLICIT else f'kind = "{kind.KIND}"\n{example.criterion}'
    (folder / "plan.toml").write_text(
        PLAN.format(
            plan="\n".join(line for line in more.splitlines() if line.startswith("changes.")),
            backup="\n".join(_under("backup", more)),
            migrate="\n".join(_under("migrate", more if "migrate.steps" in more else f"{STEPS}\n{more}")),
            rollback='[[rollback]]\nname = "back"\nsteps = [{ sql = "rollback.sql" }]' if rollback else "",
            criterion=criterion,
        )
    )
    plan = load_plans([folder], folder, KINDS)[0]
    found = next(each for each in (*implicit_criteria(plan, interrupt=True), *plan.criteria) if each.kind == kind.KIND)
    rehearsal = Rehearsal(plan, restores)
    try:
        return _ask(found, rehearsal)
    finally:
        rehearsal.close()


def _ask(criterion: Any, rehearsal: Rehearsal) -> Finding:
    """Gives `check` what the names of its parameters ask for, as the plugin's fixtures do."""
    sources: dict[str, Callable[[], Any]] = {
        "before": rehearsal.before,
        "after": rehearsal.after,
        "migration": rehearsal.migrated,
        "recording": rehearsal.recorded,
        "waits": rehearsal.waited,
        "hazards": rehearsal.hazards,
        "ledger": rehearsal.ledger,
        "rerun": rehearsal.rerun,
        "interrupted": rehearsal.interrupted,
        "rolled_back": lambda: rehearsal.rolled_back("back"),
        "backup": rehearsal.restored,
    }
    names = inspect.signature(criterion.check).parameters
    found: Finding = criterion.check(*(sources[name]() for name in names))
    return found


def _under(section: str, text: str) -> list[str]:
    """The lines of the section's keys, written as `section.key = …`."""
    return [line.removeprefix(f"{section}.") for line in text.splitlines() if line.startswith(f"{section}.")]


def _dump(target: Target, server: Server) -> bytes:
    environment = target.libpq_environment(os.environ)
    return subprocess.run([server.programs / "pg_dump"], env=environment, capture_output=True, check=True).stdout
