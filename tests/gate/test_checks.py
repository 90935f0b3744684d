"""Which checks of a team are gone or changed."""

from __future__ import annotations

import pytest

from pytest_cutover.gate.checks import weakened_checks
from pytest_cutover.gate.repository import compare_with
from pytest_cutover.gate.selection import select
from pytest_cutover.plan.load import find_plan_folders
from tests.project import OWN_CHECK, Project

from .conftest import git

FILE = "verifications/test_own.py"
SECOND = "\n\nclass TestMore:\n    def test_more(self):\n        assert 1 < 2\n"


def found(project: Project) -> list[tuple[str, str]]:
    comparison = compare_with(project.root, "main")
    return [(each.what, each.subject) for each in weakened_checks(comparison, project.root)]


@pytest.mark.parametrize(
    "text",
    [
        OWN_CHECK,
        OWN_CHECK.replace("Every row of the table has a weight.", "Other words."),
        OWN_CHECK.replace("    assert", "    # a comment\n    assert", 1),
        OWN_CHECK + SECOND,
    ],
    ids=["the same", "docstring", "comment", "one more"],
)
def test_what_says_the_same_or_more_is_no_weakening(branch: Project, text: str) -> None:
    branch.write(FILE, text)

    assert found(branch) == []


@pytest.mark.parametrize(
    ("old", "new", "what", "subject"),
    [
        ("== 2", ">= 2", "check changed", f"{FILE}::test_weights"),
        ("@pytest.mark.criterion", "@pytest.mark.skip\n@pytest.mark.criterion", "check changed", f"{FILE}::test_weights"),
        ("def test_weights", "def test_other", "check removed", f"{FILE}::test_weights"),
        ("import pytest\n", "import pytest\npytestmark = pytest.mark.skip\n", "check changed", f"{FILE}, beside its checks"),
    ],
)  # fmt: skip
def test_a_check_that_says_something_else_is_named(
    branch: Project, old: str, new: str, what: str, subject: str
) -> None:
    branch.write(FILE, OWN_CHECK.replace(old, new, 1))

    assert (what, subject) in found(branch)


def test_a_method_of_a_class_is_a_check(branch: Project) -> None:
    branch.write(FILE, OWN_CHECK + SECOND)
    git(branch.root, "add", "--all")
    git(branch.root, "commit", "--quiet", "--message", "more")
    git(branch.root, "branch", "--force", "main", "HEAD")
    branch.write(FILE, OWN_CHECK + SECOND.replace("1 < 2", "True"))

    assert found(branch) == [("check changed", f"{FILE}::TestMore::test_more")]


def test_a_deleted_file_loses_its_checks_and_a_moved_one_does_not(branch: Project) -> None:
    (branch.root / FILE).unlink()
    assert found(branch) == [("check removed", f"{FILE}::test_weights")]

    branch.write("verifications/test_moved.py", OWN_CHECK)
    assert found(branch) == []


def test_a_check_in_a_file_that_pytest_does_not_collect_is_gone(branch: Project) -> None:
    (branch.root / FILE).rename(branch.root / "verifications/own.py")

    assert found(branch) == [("check removed", f"{FILE}::test_weights")]


def test_a_new_conftest_counts_and_an_empty_one_does_not(branch: Project) -> None:
    """It can replace a fixture, or swallow a failure, without a word in any check."""
    branch.write("verifications/conftest.py", '"""Nothing."""\n')
    assert found(branch) == []

    branch.write(
        "verifications/conftest.py", "import pytest\n\n@pytest.fixture\ndef after(before):\n    return before\n"
    )
    assert found(branch) == [("check changed", "verifications/conftest.py, which is new")]


@pytest.mark.parametrize(
    ("file", "imported"),
    [
        ("verifications/expected.json", ""),
        ("rules.py", "import rules"),
        ("rules/limits.py", "from rules.limits import MOST"),
        ("rules/limits.py", "from rules import limits"),
        ("rules/__init__.py", "from rules.limits import MOST"),
        ("src/rules.py", "import rules"),
        ("lib/rules.py", "import rules"),
        ("rules.py", 'pytest_plugins = ["rules"]'),
    ],
)
def test_what_a_check_reads_or_imports_counts(branch: Project, file: str, imported: str) -> None:
    """A limit in a module of the team's own is part of the check."""
    branch.write("pyproject.toml", '[tool.pytest.ini_options]\ntestpaths = ["verifications"]\npythonpath = "lib"\n')
    branch.write(file, "MOST = 1\n")
    branch.write("unrelated.py", "MOST = 1\n")
    branch.write(FILE, f"{imported}\n{OWN_CHECK}")
    git(branch.root, "add", "--all")
    git(branch.root, "commit", "--quiet", "--message", "more")
    git(branch.root, "branch", "--force", "main", "HEAD")
    branch.write("unrelated.py", "MOST = 2\n")
    assert found(branch) == []
    assert _selected(branch) == []

    branch.write(file, "MOST = 2\n")

    assert found(branch) == [("check changed", file)]
    assert _selected(branch) == ["first", "second"]
    (branch.root / file).unlink()
    assert found(branch) == [("check changed", file)]


def _selected(project: Project) -> list[str]:
    plans = project.root / "migrations"
    return sorted(select(project.root, plans, find_plan_folders(plans), "main").plans)


def test_the_root_conftest_counts(branch: Project) -> None:
    branch.write(
        "conftest.py", (branch.root / "conftest.py").read_text(encoding="utf-8") + "\ncollect_ignore = ['x']\n"
    )

    assert found(branch) == [("check changed", "conftest.py, beside its checks")]
