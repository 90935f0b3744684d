"""Which checks of a team are gone or changed."""

from __future__ import annotations

import pytest

from pytest_cutover.gate.checks import weakened_checks
from pytest_cutover.gate.repository import compare_with
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


def test_the_root_conftest_counts(branch: Project) -> None:
    branch.write(
        "conftest.py", (branch.root / "conftest.py").read_text(encoding="utf-8") + "\ncollect_ignore = ['x']\n"
    )

    assert found(branch) == [("check changed", "conftest.py, beside its checks")]
