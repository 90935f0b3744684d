"""Which plans a change touches: asked of real repositories."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from pytest_cutover.errors import GateError
from pytest_cutover.gate.selection import Selection, select
from pytest_cutover.plan.load import find_plan_folders
from tests.project import PLAN, Project

from .conftest import commit, git


def selected(project: Project, revision: str = "main", plans: str = "migrations") -> Selection:
    folder = project.root / plans
    return select(project.root, folder, find_plan_folders(folder), revision)


def test_nothing_changed_selects_nothing(branch: Project) -> None:
    found = selected(branch)

    assert (found.plans, found.untouched, found.deleted, found.weakened) == ({}, ("first", "second"), (), ())


def test_what_belongs_to_no_plan_selects_nothing(branch: Project) -> None:
    branch.write("README.md", "read me")
    branch.write("tests/variants/first/wrong/01.sql", "SELECT 1;")
    branch.write("fixtures/other.sql", "SELECT 1;")
    commit(branch)

    assert selected(branch).plans == {}


@pytest.mark.parametrize("state", ["untracked", "staged", "committed"])
def test_a_file_of_a_plan_selects_it_in_every_state(branch: Project, state: str) -> None:
    branch.write("migrations/first/notes of ours.sql", "SELECT 1;")
    if state != "untracked":
        git(branch.root, "add", "--all")
    if state == "committed":
        commit(branch)

    assert selected(branch).plans == {"first": "migrations/first changed"}


def test_uncommitted_changes_count(branch: Project) -> None:
    branch.write("migrations/second/01.sql", "SELECT 2;")

    assert list(selected(branch).plans) == ["second"]


def test_only_what_the_branch_changed_counts_and_not_what_main_did_since(branch: Project) -> None:
    branch.write("migrations/first/01.sql", "SELECT 1;")
    commit(branch)
    git(branch.root, "switch", "--quiet", "main")
    branch.write("migrations/second/01.sql", "SELECT 2;")
    commit(branch)
    git(branch.root, "switch", "--quiet", "feature")

    assert list(selected(branch).plans) == ["first"]


@pytest.mark.parametrize("name", ["backup.sql", "two words.sql", "ümläut.sql", "-n.sql", "line\nbreak.sql"])
def test_a_backup_elsewhere_selects_the_plans_that_name_it(branch: Project, name: str) -> None:
    branch.plan("third", PLAN.replace("../../fixtures/backup.sql", f"../../data/{name}".replace("\n", "\\n")))
    branch.write(f"data/{name}", "one")
    commit(branch)
    git(branch.root, "branch", "--force", "main", "HEAD")
    branch.write(f"data/{name}", "two")

    assert list(selected(branch).plans) == ["third"]


@pytest.mark.parametrize(
    "changed", ["fixtures/backup.sql", "fixtures/backup.sql.json"], ids=["the backup", "what was proved of it"]
)
def test_a_shared_backup_selects_all_its_plans(branch: Project, changed: str) -> None:
    branch.write(changed, "{}")

    assert list(selected(branch).plans) == ["first", "second"]


@pytest.mark.parametrize(
    ("text", "changed"),
    [
        (PLAN.replace("[migrate]", 'prelude = ["../../common/roles.sql"]\n[migrate]'), "common/roles.sql"),
        (PLAN.replace('"01.sql"', '"../../common/01.sql"'), "common/01.sql"),
        (PLAN.replace('{ sql = "01.sql" }', '{ flyway = "../../common" }'), "common/V1__a.sql"),
        (PLAN.replace('{ sql = "01.sql" }', '{ command = ["{python}", "../../common/run.py"] }'), "common/run.py"),
        (PLAN.replace('{ sql = "01.sql" }', '{ command = ["x", "--ini=../../common/a.ini"] }'), "common/a.ini"),
        (PLAN.replace('"rollback.sql"', '"../../common/back.sql"'), "common/back.sql"),
        (PLAN.replace('"parcels" }', '"parcels", list = "../../common/list.csv" }'), "common/list.csv"),
    ],
    ids=["prelude", "sql", "flyway", "command", "argument", "rollback", "own kind"],
)
def test_whatever_the_plan_names_selects_it(branch: Project, text: str, changed: str) -> None:
    branch.write("migrations/first/plan.toml", text)
    branch.write(changed, "one")
    commit(branch)
    git(branch.root, "branch", "--force", "main", "HEAD")
    branch.write(changed, "two")

    assert list(selected(branch).plans) == ["first"]


def test_the_folder_of_fixtures_with_the_name_of_the_plan_selects_it(branch: Project) -> None:
    branch.write("fixtures/second/generate.py", "")

    assert list(selected(branch).plans) == ["second"]


@pytest.mark.parametrize(
    "changed",
    ["conftest.py", "verifications/test_new.py", "verifications/helpers/rows.json", "pyproject.toml", "pytest.ini",
     "uv.lock", "requirements-ci.txt"],
)  # fmt: skip
def test_what_every_plan_depends_on_selects_all(branch: Project, changed: str) -> None:
    branch.write(changed, "# changed\n")

    found = selected(branch)

    assert list(found.plans) == ["first", "second"]
    assert "changed" in found.plans["first"]


def test_a_deleted_lock_file_and_a_deleted_check_select_all(branch: Project) -> None:
    branch.write("uv.lock", "1")
    commit(branch)
    git(branch.root, "branch", "--force", "main", "HEAD")
    (branch.root / "uv.lock").unlink()

    assert len(selected(branch).plans) == 2
    git(branch.root, "checkout", "--quiet", "uv.lock")
    assert selected(branch).plans == {}
    (branch.root / "verifications/test_own.py").unlink()
    assert len(selected(branch).plans) == 2


def test_the_engine_selects_all_where_it_is_in_the_repository(branch: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    branch.write("src/engine/__init__.py", "")
    monkeypatch.setattr("pytest_cutover.__file__", str(branch.root / "src/engine/__init__.py"))

    assert len(selected(branch).plans) == 2


def test_a_deleted_plan_is_said(branch: Project) -> None:
    shutil.rmtree(branch.root / "migrations/second")
    commit(branch)

    found = selected(branch)

    assert (found.plans, found.deleted) == ({}, ("second",))
    assert [(each.plan, each.what, each.before) for each in found.weakened] == [
        ("second", "plan removed", "1 criteria")
    ]


def test_a_renamed_plan_is_compared_with_its_old_self(branch: Project) -> None:
    git(branch.root, "mv", "migrations/second", "migrations/third")
    branch.write("migrations/third/plan.toml", PLAN.replace('"parcels" }', '"other" }'))
    commit(branch)

    found = selected(branch)

    assert (list(found.plans), found.deleted) == (["third"], ())
    assert [each.subject for each in found.weakened] == ["weights: params"]


def test_a_plan_that_is_no_toml_any_more_is_selected(branch: Project) -> None:
    branch.write("migrations/second/plan.toml", "= broken")

    assert list(selected(branch).plans) == ["second"]


def test_another_folder_of_plans(branch: Project) -> None:
    shutil.copytree(branch.root / "migrations", branch.root / "db changes")
    commit(branch)
    git(branch.root, "branch", "--force", "main", "HEAD")
    branch.write("migrations/first/01.sql", "SELECT 1;")
    branch.write("db changes/second/01.sql", "SELECT 2;")

    assert list(selected(branch, plans="db changes").plans) == ["second"]


def test_a_rehearsal_in_a_folder_of_a_larger_repository(tmp_path: Path, branch: Project) -> None:
    git(branch.root, "mv", "-k", "migrations", "verifications", "fixtures", "conftest.py", "pyproject.toml", ".")
    inner = branch.root / "inner"
    inner.mkdir()
    for name in ("migrations", "verifications", "fixtures", "conftest.py", "pyproject.toml"):
        git(branch.root, "mv", name, f"inner/{name}")
    commit(branch)
    git(branch.root, "branch", "--force", "main", "HEAD")
    branch.write("pyproject.toml", "# of the larger one\n")
    branch.write("inner/migrations/first/01.sql", "SELECT 1;")
    git(branch.root, "config", "diff.relative", "true")

    found = selected(Project(inner))

    assert found.plans == {"first": "inner/migrations/first changed"}


def test_a_plan_behind_a_symbolic_link(branch: Project) -> None:
    shutil.move(branch.root / "migrations/second", branch.root / "kept")
    (branch.root / "migrations/second").symlink_to("../kept")
    commit(branch)
    git(branch.root, "branch", "--force", "main", "HEAD")
    branch.write("kept/01.sql", "SELECT 2;")

    assert list(selected(branch).plans) == ["second"]
    branch.write("kept/plan.toml", PLAN.replace('kind = "weights"', 'kind = "other"'))
    assert [(each.what, each.subject) for each in selected(branch).weakened] == [("criterion changed", "weights: kind")]


@pytest.mark.parametrize(
    ("file", "text", "subject"),
    [
        ("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["verifications"]\naddopts = "-k x"\n', "pyproject.toml [tool.pytest.ini_options] addopts"),
        ("pyproject.toml", '[tool.cutover]\nplans = "a"\n[tool.pytest.ini_options]\ntestpaths = ["verifications"]\n', "pyproject.toml [tool.cutover] plans"),
        ("pyproject.toml", "", "pyproject.toml [tool.pytest.ini_options] testpaths"),
        ("pytest.ini", "[pytest]\naddopts = -p swallow\n", "pytest.ini [pytest] addopts"),
        ("pytest.toml", '[pytest]\naddopts = ["-x"]\n', "pytest.toml [pytest] addopts"),
        ("setup.cfg", "[metadata]\nname = a\n[tool:pytest]\npython_files = a.py\n", "setup.cfg [tool:pytest] python_files"),
    ],
)  # fmt: skip
def test_a_setting_that_decides_what_runs_is_named(branch: Project, file: str, text: str, subject: str) -> None:
    branch.write(file, text)

    assert [(each.what, each.subject) for each in selected(branch).weakened] == [("setting changed", subject)]


@pytest.mark.parametrize("revision", ["mian", "", "--output=x", "main:conftest.py", "origin/main"])
def test_an_unknown_revision_is_refused_with_the_way_out(branch: Project, revision: str) -> None:
    with pytest.raises(GateError) as refused:
        selected(branch, revision)

    assert "--changed-since" in str(refused.value)
    assert ("Did you mean" in str(refused.value)) == (revision == "mian")


def test_a_shallow_clone_is_told_to_fetch_the_history(
    branch: Project, tmp_path_factory: pytest.TempPathFactory
) -> None:
    branch.write("migrations/first/01.sql", "SELECT 1;")
    commit(branch)
    clone = tmp_path_factory.mktemp("clone") / "shallow"
    git(branch.root, "clone", "--quiet", "--depth=1", "--no-single-branch", f"file://{branch.root}", str(clone))

    with pytest.raises(GateError, match=r"no commit in common.*fetch-depth: 0"):
        selected(Project(clone), "origin/main")
    with pytest.raises(GateError, match=r"no such revision.*fetch-depth: 0"):
        selected(Project(clone), "main~1")


def test_outside_of_git_is_refused(project: Project) -> None:
    with pytest.raises(GateError, match="not in a work tree of git"):
        selected(project)
