"""`pytest --interrupt` and `cutover interrupt`: cutting off is asked for, and then it counts."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tests.project import Project

TWICE = "UPDATE parcels SET note = note || '!';\nALTER TABLE parcels ADD COLUMN IF NOT EXISTS weight_g integer;\n"


def _cutover(project: Project, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "pytest_cutover.cli", *arguments],
        cwd=project.root, capture_output=True, text=True, check=False, timeout=120,
    )  # fmt: skip


def test_with_the_option_it_is_a_criterion_like_any_other(project: Project) -> None:
    project.plan(migration="ALTER TABLE parcels ADD COLUMN weight_g integer NOT NULL DEFAULT 50;")

    assert project.run("--interrupt", "-k", "applies or interrupted") == 10, project.output

    plan = project.result["plans"][0]
    found = next(each for each in plan["criteria"] if each["id"] == "interrupted")
    assert found["outcome"] == "passed"
    assert found["message"].startswith("cut off at 1 statement in 3 ways, on PostgreSQL ")
    assert next(each for each in plan["stages"] if each["name"] == "interrupt")["outcome"] == "ok"
    assert "interrupt " in project.output


def test_without_the_option_nobody_asks(project: Project) -> None:
    assert project.run() == 0, project.output
    assert "interrupted" not in {each["id"] for each in project.result["plans"][0]["criteria"]}


def test_a_live_database_is_not_cut_off(project: Project) -> None:
    assert project.run("--interrupt", "--db-url=postgresql://nowhere/x") == 4
    assert "--interrupt is for a rehearsal" in project.output


def test_the_command_names_the_statement_and_exits_as_the_verdict(project: Project) -> None:
    project.plan(migration=TWICE)

    done = _cutover(project, "interrupt", "first")

    assert done.returncode == 1, done.stderr
    assert done.stdout.startswith("interrupted: failed  first: cut off before 01.sql:2 (ALTER TABLE parcels ADD COLUMN")
    assert "secret" not in done.stdout


@pytest.mark.parametrize(("arguments", "told"), [(("frist",), 'Did you mean "first"?'), ((), "required: PLAN")])
def test_the_command_knows_its_plans(project: Project, arguments: tuple[str, ...], told: str) -> None:
    done = _cutover(project, "interrupt", *arguments)

    assert done.returncode == 2
    assert told in done.stderr
