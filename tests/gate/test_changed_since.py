"""Runs of pytest with --changed-since."""

from __future__ import annotations

import shutil

from tests.project import OWN_CHECK, PLAN, Project

from .conftest import commit


def test_nothing_to_rehearse_is_no_verdict_and_exit_status_0(branch: Project) -> None:
    assert branch.run("--changed-since=main", "--backup=fixtures/backup.sql") == 0, branch.output

    result = branch.result
    assert (result["format"], result["verdict"], result["plans"], result["weakened"]) == (1, None, [], [])
    assert result["changed_since"]["unchanged"] == ["first", "second"]
    said = " ".join(branch.output.split())
    assert "nothing to rehearse: nothing that a plan depends on changed since main" in said
    assert "Unchanged, not rehearsed: first, second." in said
    page = (branch.root / "reports/report.html").read_text(encoding="utf-8")
    assert "nothing to rehearse" in page
    assert "NO VERDICT" in page


def test_only_the_changed_plan_is_rehearsed(branch: Project) -> None:
    branch.write("migrations/second/notes.txt", "a file with no effect")

    assert branch.run("--changed-since=main", "-n", "2") == 0, branch.output

    assert [(plan["name"], plan["verdict"]) for plan in branch.result["plans"]] == [("second", "GO")]
    assert branch.result["changed_since"]["selected"] == {"second": "migrations/second changed"}
    assert "Unchanged, not rehearsed: first." in branch.output


def test_with_plan_both_must_select(branch: Project) -> None:
    branch.write("migrations/second/notes.txt", "")

    assert branch.run("--changed-since=main", "--plan=first") == 0, branch.output
    assert branch.result["verdict"] is None
    assert branch.result["changed_since"]["unchanged"] == ["first"]


def test_a_plan_with_mistakes_is_refused(branch: Project) -> None:
    branch.write("migrations/second/plan.toml", PLAN.replace("kind =", "kin ="))

    assert branch.run("--changed-since=main") == 4
    assert "second/plan.toml" in branch.output


def test_an_unknown_revision_is_a_usage_error(branch: Project) -> None:
    assert branch.run("--changed-since=mian") == 4

    assert "--changed-since mian: git knows no such revision. Did you mean" in branch.output


def test_without_any_plan_it_stays_incomplete_but_where_all_are_removed(branch: Project) -> None:
    shutil.rmtree(branch.root / "migrations")
    commit(branch)

    assert branch.run("--changed-since=HEAD") == 10
    assert branch.run("--changed-since=main") == 0
    assert branch.result["changed_since"]["deleted"] == ["first", "second"]
    assert "plan removed" in branch.output


def test_a_failing_check_that_asks_for_no_plan_is_no_success(branch: Project) -> None:
    branch.write("verifications/test_other.py", "def test_other():\n    assert False\n")
    commit(branch)

    assert branch.run("--changed-since=HEAD") == 1, branch.output
    assert branch.result["verdict"] is None


def test_it_is_refused_beside_a_live_database(branch: Project) -> None:
    assert branch.run("--changed-since=main", "--db-url=staging") == 4
    assert "--changed-since is for a rehearsal" in branch.output


def test_what_a_branch_weakens_heads_the_summary(branch: Project) -> None:
    branch.write("migrations/second/plan.toml", PLAN.replace('added = ["', 'added = ["table:extra", "'))
    branch.write("verifications/test_own.py", OWN_CHECK.replace("== 2", ">= 2"))
    commit(branch)

    branch.run("--changed-since=main", "--plan=second")

    said = branch.output.split("= cutover =")[1].splitlines()
    assert said[1] == "WEAKENED  2 changes to what is checked"
    assert said[2].strip() == "second: declared change added: added: table:extra"
    assert said[3].strip() == "check changed: verifications/test_own.py::test_weights"
    assert "declared change added: added: table:extra" in (branch.root / "reports/report.html").read_text("utf-8")
    assert branch.result["weakened"][0] == {
        "plan": "second", "what": "declared change added", "subject": "added: table:extra", "before": "", "after": "",
    }  # fmt: skip
