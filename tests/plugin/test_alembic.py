"""The example project whose migration is `alembic upgrade head`."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.project import ROOT, Project

EXAMPLE = ROOT / "tests" / "projects" / "alembic"
FOLDER = "migrations/parcel_weight/alembic"


@pytest.fixture
def example(tmp_path: Path) -> Project:
    """A copy of the example with what `cutover init` writes."""
    shutil.copytree(EXAMPLE, tmp_path, dirs_exist_ok=True, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copyfile(ROOT / "conftest.py", tmp_path / "conftest.py")
    shutil.copytree(ROOT / "verifications", tmp_path / "verifications", ignore=shutil.ignore_patterns("__pycache__"))
    return Project(tmp_path)


def _failed(project: Project) -> set[str]:
    return {each["id"] for each in project.result["plans"][0]["criteria"] if each["outcome"] == "failed"}


def test_alembic_is_rehearsed_forth_twice_and_back(example: Project) -> None:
    status = example.run()

    assert (status, example.result["verdict"]) == (0, "GO"), example.output
    (step,) = example.result["plans"][0]["steps"]
    assert (step["name"], step["outcome"]) == ("alembic upgrade head", "ok")
    for criterion in ("applies", "idempotent", "restores_baseline:downgrade", "at-head"):
        assert example.outcome(criterion) == "passed"


def test_an_upgrade_that_nobody_commits_is_a_no_go(example: Project) -> None:
    """Alembic ends with status 0 and says that it upgraded."""
    shutil.copyfile(EXAMPLE / "broken" / "env.py", example.root / FOLDER / "env.py")

    status = example.run()

    assert (status, example.result["verdict"]) == (1, "NO-GO"), example.output
    assert example.outcome("applies") == "passed"
    assert {"weight-column", "at-head", "only_declared_changes"} <= _failed(example)


def test_a_revision_that_fills_in_anything_is_a_no_go(example: Project) -> None:
    """The schema is the right one, to the letter."""
    shutil.copyfile(EXAMPLE / "broken" / "0002_weight.py", example.root / FOLDER / "versions" / "0002_weight.py")

    status = example.run()

    assert (status, example.result["verdict"]) == (1, "NO-GO"), example.output
    assert _failed(example) == {"weight-follows-the-size"}
