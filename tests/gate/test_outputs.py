"""What a run in a pull request's job leaves: annotations on the right lines, a file of XML, a summary."""

from __future__ import annotations

import re
from xml.etree import ElementTree

import pytest

from pytest_cutover.cli import main
from tests.project import PLAN, Project

JOB = {"GITHUB_ACTIONS": "true", "GITHUB_WORKSPACE": ""}


def job(project: Project, *arguments: str) -> int:
    return project.run(*arguments, environment=JOB | {"GITHUB_WORKSPACE": str(project.root)})


def test_a_failed_criterion_is_annotated_on_its_line_of_the_plan(branch: Project) -> None:
    branch.write("migrations/second/01.sql", "ALTER TABLE parcels ADD COLUMN IF NOT EXISTS weight_g integer;")

    assert job(branch, "--changed-since=main", "--junitxml=junit.xml") == 1, branch.output

    line = PLAN.splitlines().index('id = "weights"') + 1
    assert f"\n::error file=migrations/second/plan.toml,line={line},title=second%3A weights::" in branch.output
    cases = {
        properties["criterion"]: properties
        for case in ElementTree.parse(branch.root / "junit.xml").iter("testcase")
        if (properties := {each.attrib["name"]: each.attrib["value"] for each in case.iter("property")})
    }
    assert cases["weights"] | {"plan": "second", "kind": "weights", "outcome": "failed"} == cases["weights"]
    assert cases["idempotent"]["outcome"] == "passed"
    assert cases["only_declared_changes"]["actual"]


def test_no_command_to_the_runner_comes_from_a_database(branch: Project) -> None:
    branch.write(
        "migrations/second/01.sql",
        "DO $$ BEGIN RAISE EXCEPTION USING MESSAGE = E'\\n::error::forged\\n\\x1b[31m\\u0001\\u202e<script>|@team' ; END $$;",
    )

    assert job(branch, "--changed-since=main", "--junitxml=junit.xml") == 1, branch.output

    before, token, after = re.split(r"::stop-commands::([0-9a-f]{32})\n", branch.output)
    told, commands = after.split(f"::{token}::\n")
    assert "::error::forged" in told
    for character in ("\x1b", "\x01", "\u202e"):
        assert character not in branch.output
    found = [line for line in commands.splitlines() if line.lstrip().startswith("::")]
    assert [line.split("line=")[0] for line in found] == [
        "::error file=migrations/second/01.sql,", "::warning file=migrations/second/plan.toml,",
    ]  # fmt: skip
    assert "::" not in before
    ElementTree.parse(branch.root / "junit.xml")
    for name in ("summary.md", "deployment.md"):
        text = (branch.root / "reports" / name).read_text(encoding="utf-8")
        assert "<script" not in text
        assert "@team" not in text
        assert text.replace("\n", "").replace("\u200b", "").isprintable()


def test_outside_of_a_job_nothing_is_annotated(branch: Project) -> None:
    branch.write("migrations/second/01.sql", "SELECT 1;")

    assert branch.run("--changed-since=main", environment={"GITHUB_ACTIONS": ""}) == 1

    assert "::error" not in branch.output
    assert "::stop-commands" not in branch.output


def test_a_mistake_in_a_plan_is_annotated_by_pytest_and_by_check(
    branch: Project, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    branch.write("migrations/second/plan.toml", PLAN.replace('kind = "weights"', 'kind = "wieghts"'))
    line = PLAN.splitlines().index('id = "weights"') + 1
    expected = (
        f'\n::error file=migrations/second/plan.toml,line={line},title=cutover::criterion "weights": unknown kind'
    )

    assert job(branch, "--changed-since=main") == 4

    assert expected in branch.output
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_WORKSPACE", str(branch.root))
    assert main(["check", "--plans", str(branch.root / "migrations")]) == 2
    assert expected in capsys.readouterr().out
