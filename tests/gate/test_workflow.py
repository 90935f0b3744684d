"""The steps of the action and of the workflow, run as a runner would, on a clone with the branch of a pull request."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from pytest_cutover.gate.__main__ import base_of
from tests.project import PLAN, ROOT, Project

from .conftest import commit, git

ACTION = "action.yml"
WORKFLOWS = [ACTION, ".github/workflows/rehearse.yml", ".github/workflows/pull-request.yml"]
CRITERION = '[[criteria]]\nid = "there"\nkind = "present"\nnames = ["table:parcels"]\n'


def steps(file: str) -> list[dict[str, Any]]:
    content = yaml.safe_load((ROOT / file).read_text(encoding="utf-8"))
    jobs = [content["runs"]] if file == ACTION else content["jobs"].values()
    return [step for job in jobs for step in job.get("steps", [])]


def script(file: str, name: str) -> str:
    return next(str(step["run"]) for step in steps(file) if step.get("name") == name)


class Job:
    """A job on a clone of `origin`, at the merge of a pull request's branch."""

    def __init__(self, origin: Project, folder: Path, base: str = "main") -> None:
        git(origin.root, "checkout", "--quiet", "--detach")
        git(origin.root, "clone", "--quiet", str(origin.root), str(folder / "clone"))
        self.project = Project(folder / "clone")
        git(self.project.root, "checkout", "--quiet", "--detach", "origin/feature")
        self.environment = os.environ | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "GITHUB_ACTIONS": "true", "GITHUB_EVENT_NAME": "pull_request", "GITHUB_BASE_REF": base,
            "GITHUB_WORKSPACE": str(self.project.root), "GITHUB_STEP_SUMMARY": str(folder / "summary"),
            "GITHUB_OUTPUT": str(folder / "outputs"), "ARGUMENTS": "", "CUTOVER_CHANGED_SINCE": "",
        }  # fmt: skip
        self.folder = folder

    def run(self, file: str = ACTION, **environment: str) -> int:
        """Runs the step that rehearses, as the runner runs a step in bash."""
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", script(file, "Rehearse")],
            cwd=self.project.root, env=self.environment | environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        self.output = done.stdout + done.stderr
        return done.returncode

    def written(self, name: str) -> str:
        path = self.folder / name
        return path.read_text(encoding="utf-8") if path.exists() else ""


@pytest.fixture
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("job")


def test_a_changed_plan_is_rehearsed(branch: Project, folder: Path) -> None:
    branch.write("migrations/second/notes.txt", "")
    commit(branch)
    job = Job(branch, folder)

    assert job.run() == 0, job.output

    assert job.written("outputs") == "verdict=GO\nstatus=0\n"
    assert "| <code>second</code> | **GO** |" in job.written("summary")
    assert "first" not in job.written("summary").split("### Plans")[1]
    assert (job.project.root / "reports/junit.xml").is_file()


def test_a_broken_migration_stops_the_merge_with_an_annotation_on_its_line(branch: Project, folder: Path) -> None:
    branch.write("migrations/second/01.sql", "SELECT 1;\n\nALTER TABLE nowhere ADD COLUMN weight_g int;\n")
    commit(branch)
    job = Job(branch, folder)

    assert job.run(".github/workflows/rehearse.yml") == 1, job.output

    assert "\n::error file=migrations/second/01.sql,line=3,title=second%3A applies::" in job.output
    assert job.written("summary").startswith("## NO-GO\n")
    assert job.written("outputs") == "verdict=NO-GO\nstatus=1\n"


def test_a_deleted_criterion_heads_the_summary(branch: Project, folder: Path) -> None:
    branch.write("migrations/second/plan.toml", PLAN + CRITERION)
    commit(branch)
    git(branch.root, "branch", "--force", "main", "HEAD")
    branch.plan("second")
    commit(branch)
    job = Job(branch, folder)

    assert job.run() == 0, job.output

    headline = job.written("summary").split("###")[1]
    assert headline.startswith(
        " Weakened: 1 change to what is checked\n\n* second: criterion removed: there, was: kind"
    )


def test_nothing_to_rehearse_passes_and_says_so(branch: Project, folder: Path) -> None:
    branch.write("README.md", "")
    commit(branch)
    job = Job(branch, folder)

    assert job.run() == 0, job.output

    assert job.written("summary").startswith("## NO VERDICT\n\nnothing to rehearse: ")
    assert job.written("outputs") == "verdict=none\nstatus=0\n"


def test_a_mistake_in_a_plan_stops_the_merge(branch: Project, folder: Path) -> None:
    branch.write("migrations/second/plan.toml", PLAN.replace("title", "titel"))
    commit(branch)
    job = Job(branch, folder)

    assert job.run() == 4
    assert "\n::error file=migrations/second/plan.toml,line=" in job.output
    assert "nothing was rehearsed" in job.written("summary")


@pytest.mark.parametrize(
    ("event", "environment", "expected"),
    [
        ("pull_request", {"GITHUB_BASE_REF": "main"}, "origin/main"),
        ("pull_request", {"GITHUB_BASE_REF": "main", "CUTOVER_CHANGED_SINCE": "v1"}, "v1"),
        ("merge_group", {"CUTOVER_CHANGED_SINCE": "0a1b"}, "0a1b"),
        ("push", {"CUTOVER_CHANGED_SINCE": ""}, ""),
        ("", {}, ""),
    ],
)
def test_what_the_plans_are_compared_with(event: str, environment: dict[str, str], expected: str) -> None:
    assert base_of(event, environment) == expected


def test_the_name_of_a_branch_is_never_a_command(branch: Project, folder: Path) -> None:
    name = "$(touch${IFS}pwned);touch${IFS}pwned;`touch${IFS}pwned`'\"--version"
    git(branch.root, "update-ref", f"refs/heads/{name}", "main")
    job = Job(branch, folder, base=name)

    assert job.run() == 0, job.output

    assert job.project.result["changed_since"]["revision"] == f"origin/{name}"
    assert not list(job.project.root.rglob("pwned"))


def test_a_run_that_was_led_past_the_checks_is_no_success(branch: Project, folder: Path) -> None:
    branch.write("tests/test_nothing.py", "def test_nothing():\n    pass\n")
    branch.write("reports/README.md", "")
    commit(branch)
    job = Job(branch, folder)
    job.project.write("reports/result.json", '{"verdict": "GO"}')

    assert job.run(ARGUMENTS="tests") == 2, job.output

    assert "nothing was rehearsed" in job.written("summary")
    assert job.written("outputs") == "verdict=none\nstatus=2\n"


def test_pull_request_target_is_refused(branch: Project, folder: Path) -> None:
    job = Job(branch, folder)

    assert job.run(GITHUB_EVENT_NAME="pull_request_target") == 2
    assert "Use the event pull_request." in job.output


@pytest.mark.parametrize("file", WORKFLOWS)
def test_no_expression_stands_in_a_script_and_every_action_is_pinned(file: str) -> None:
    for step in steps(file):
        assert "${{" not in step.get("run", ""), "what is put into a script can be a command: give it in env"
        if "uses" in step:
            assert re.fullmatch(r"actions/[a-z-]+@[0-9a-f]{40}", step["uses"])


def test_the_action_and_the_workflow_run_the_same_and_use_what_they_declare() -> None:
    assert script(WORKFLOWS[0], "Rehearse") == script(WORKFLOWS[1], "Rehearse")
    for file in WORKFLOWS[:2]:
        text = (ROOT / file).read_text(encoding="utf-8")
        content = yaml.safe_load(text)
        declared = content["inputs"] if file == ACTION else content[True]["workflow_call"]["inputs"]
        assert set(re.findall(r"inputs\.([a-z-]+)", text)) == set(declared)
    checkout = next(step for step in steps(WORKFLOWS[1]) if "checkout" in step.get("uses", ""))
    assert checkout["with"] == {"fetch-depth": 0, "persist-credentials": False}


def test_the_hook_of_pre_commit_runs_a_command_that_there_is() -> None:
    hook = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))[0]

    done = subprocess.run(
        [Path(sys.executable).parent / hook["entry"].split()[0], *hook["entry"].split()[1:]],
        cwd=ROOT, capture_output=True, text=True, check=False,
    )  # fmt: skip

    assert done.returncode == 0, done.stderr
    assert re.match(hook["files"], "migrations/vatsim_cid/plan.toml")
    assert hook["pass_filenames"] is False
