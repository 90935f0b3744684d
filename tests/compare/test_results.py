"""Two results side by side: nothing that is worse passes for the same."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.catalog import Catalog, Table
from pytest_cutover.compare import Comparison, compare_files
from pytest_cutover.compare.rendering import as_markdown, as_text

CATALOG = Catalog(170000, tables={"flights": Table("public", "flights", "table", "permanent", "owner")}).to_json()
RESULT: dict[str, Any] = {
    "format": 1, "verdict": "GO", "mode": "rehearsal", "run_id": "1", "started": "2026-01-15T03:00:00Z",
    "git": {"revision": "0123456789abcdef", "dirty": False}, "tool": {"version": "1"},
    "plans": [{
        "name": "orders", "verdict": "GO", "reason": "", "hashes": {"plan": "p" * 64, "migration": "m" * 64},
        "target": {"kind": "embedded", "server_version": "17.1"}, "backup": {"sha256": "b" * 64},
        "stages": [{"name": "migrate", "seconds": 2.0, "outcome": "ok"}],
        "steps": [{"name": "01.sql", "seconds": 1.0, "outcome": "ok", "error": ""}],
        "criteria": [
            {"id": "filled", "kind": "not_null", "phase": "rehearsal", "outcome": "passed", "before": "2 NULL",
             "expected": "no NULL", "actual": "0 NULL", "message": "all 2 have one", "evidence": [], "seconds": 0.1},
            {"id": "rows", "kind": "row_count", "phase": "rehearsal", "outcome": "passed", "before": "2 rows",
             "expected": "2 rows", "actual": "2 rows", "message": "2 rows", "evidence": [], "seconds": 0.1},
        ],
        "waivers": [],
        "changes": {"flights": {"before": 2, "after": 2, "added": 0, "deleted": 0, "changed": 2, "columns": {"cid": 2}}},
        "schema": {"before": CATALOG, "after": CATALOG},
    }],
}  # fmt: skip

Compare = Callable[..., Comparison]


@pytest.fixture
def against(tmp_path: Path) -> Compare:
    """A function that changes a copy of the result and compares the two; `earlier` changes the first one."""

    def compare(
        later: Callable[[Any, Any], object], earlier: Callable[[Any, Any], object] = lambda *_: None
    ) -> Comparison:
        for name, change in (("a.json", earlier), ("b.json", later)):
            result = copy.deepcopy(RESULT)
            change(result, result["plans"][0])
            (tmp_path / name).write_text(json.dumps(result), encoding="utf-8")
        return compare_files(tmp_path / "a.json", tmp_path / "b.json")

    return compare


def told(comparison: Comparison) -> list[tuple[str, str, str]]:
    return [(each.sort, each.subject, each.text) for part in comparison.parts for each in part.changes]


def outcome(name: str, **more: Any) -> Callable[[Any, Any], object]:
    return lambda _, plan: plan["criteria"][0].update({"outcome": name} | more)


def test_a_result_is_the_same_as_itself(against: Compare) -> None:
    comparison = against(lambda *_: None)

    assert told(comparison) == []
    assert not comparison.worse
    assert "No difference" in as_text(comparison)
    assert "2 criteria with the same outcome, GO" in as_text(comparison)


def test_a_criterion_that_fails_now_is_worse_and_says_why(against: Compare) -> None:
    def fail(result: Any, plan: Any) -> None:
        result["verdict"] = plan["verdict"] = "NO-GO"
        plan["criteria"][0] |= {"outcome": "failed", "actual": "1 NULL", "message": "1 of 2 has none"}

    comparison = against(fail)

    assert told(comparison) == [
        ("worse", "verdict", "GO → NO-GO"),
        ("worse", "filled", "passed → failed: 1 of 2 has none"),
        ("different", "filled, actual", "0 NULL → 1 NULL"),
    ]
    assert comparison.worse
    assert as_text(comparison).splitlines()[-1] == "B is worse: 2 worse, 1 different"


@pytest.mark.parametrize(
    ("was", "now", "sort"),
    [
        ("passed", "waived", "worse"), ("passed", "not_checked", "worse"), ("passed", "not_applicable", "worse"),
        ("waived", "not_checked", "worse"), ("waived", "failed", "worse"), ("not_checked", "failed", "worse"),
        ("not_applicable", "failed", "worse"), ("passed", "no such word", "worse"),
        ("failed", "passed", "better"), ("waived", "passed", "better"), ("not_checked", "passed", "better"),
        ("failed", "not_checked", "different"), ("failed", "waived", "different"), ("failed", "not_applicable", "different"),
    ],
)  # fmt: skip
def test_only_what_holds_now_is_better(against: Compare, was: str, now: str, sort: str) -> None:
    """A failure that nobody looks at any more is no repair."""
    comparison = against(outcome(now), outcome(was))

    assert [each[0] for each in told(comparison) if each[1] == "filled"] == [sort]
    assert comparison.worse is (sort == "worse")


def test_a_criterion_that_is_gone_is_worse_even_if_it_failed(against: Compare) -> None:
    """Deleting what fails is the oldest way to a GO."""
    comparison = against(lambda _, plan: plan["criteria"].pop(0), outcome("failed"))

    assert told(comparison) == [("worse", "filled", "only in A, where it was failed")]


@pytest.mark.parametrize(("outcome", "sort"), [("passed", "better"), ("failed", "worse"), ("not_checked", "worse")])
def test_a_new_criterion_is_judged_by_what_it_came_to(against: Compare, outcome: str, sort: str) -> None:
    new = {"id": "new", "kind": "unique", "outcome": outcome, "message": "told", "reason": "told"}

    comparison = against(lambda _, plan: plan["criteria"].append(new))

    assert [each[:2] for each in told(comparison)] == [(sort, "new")]


def test_a_plan_that_is_gone_is_worse_unless_it_was_left_out(against: Compare) -> None:
    """--changed-since says which plans it did not rehearse."""

    def drop(result: Any, _: Any) -> None:
        result |= {"plans": [], "verdict": None}

    def leave_out(result: Any, _: Any) -> None:
        result |= {"plans": [], "verdict": None, "changed_since": {"unchanged": ["orders"]}}

    assert ("worse", "plan", "only in A, where it was GO") in told(against(drop))
    assert [each[0] for each in told(against(leave_out))] == ["different"]


def test_a_new_plan_that_is_no_go_is_worse(against: Compare) -> None:
    def add(result: Any, plan: Any) -> None:
        result["verdict"] = "NO-GO"
        result["plans"].append(copy.deepcopy(plan) | {"name": "second", "verdict": "NO-GO"})

    assert told(against(add)) == [
        ("worse", "verdict of the run", "GO → NO-GO"), ("worse", "plan", "only in B: NO-GO")
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("seconds", "sort"), [(2.4, None), (2.9, None), (3.1, "slower"), (1.0, "faster"), (0.0, "faster")]
)
def test_times_count_beyond_chance(against: Compare, seconds: float, sort: str | None) -> None:
    """Half as much again, and half a second at least; slower alone is not worse."""
    comparison = against(lambda _, plan: plan["stages"][0].update(seconds=seconds))

    assert [each[:2] for each in told(comparison)] == ([(sort, "migrate")] if sort else [])
    assert not comparison.worse


def test_a_short_time_may_double(against: Compare) -> None:
    """Milliseconds say nothing on a busy machine."""
    assert told(against(lambda _, plan: plan["criteria"][0].update(seconds=0.3))) == []


def test_what_the_runs_stand_on_is_told(against: Compare) -> None:
    """Another migration, backup or server explains much."""

    def change(_: Any, plan: Any) -> None:
        plan["hashes"] = {"plan": "q" * 64, "migration": "n" * 64}
        plan["backup"]["sha256"] = "c" * 64
        plan["target"]["server_version"] = "18.0"
        plan["changes"]["flights"]["after"] = 3

    comparison = against(change)

    assert [each[1] for each in told(comparison)] == ["plan.toml", "migration", "backup", "server", "rows of flights"]
    assert ("different", "rows of flights", "2 before, 2 after, 2 changed → 2 before, 3 after, 2 changed") in told(
        comparison
    )
    assert not comparison.worse


def test_schemas_are_compared_object_by_object(against: Compare) -> None:
    """What both runs' databases have otherwise after the migration, said once."""
    table = Table("public", "more", "table", "permanent", "owner")
    more = Catalog(180000, tables={"flights": Table("public", "flights", "table", "permanent", "owner"), "more": table})

    comparison = against(lambda _, plan: plan.update(schema={"before": CATALOG, "after": more.to_json()}))

    assert told(comparison) == [("different", "table:more", "only in B")]


def test_what_only_one_run_knows_is_not_taken_for_the_same(against: Compare) -> None:
    """A run that broke off has no rows and no schema to compare."""
    comparison = against(lambda _, plan: plan.update(schema=None, changes={}))

    assert told(comparison) == [
        ("different", "rows of the tables", "not compared: only A knows it"),
        ("different", "schema", "not compared: only A knows it"),
    ]


def test_a_damaged_schema_is_not_the_same_one(against: Compare) -> None:
    comparison = against(lambda _, plan: plan.update(schema={"before": CATALOG, "after": {"format": 1}}))

    assert told(comparison) == [("different", "schema after", "cannot be compared: a saved catalog cannot be read")]


def test_a_rehearsal_and_a_live_run_ask_different_questions(against: Compare) -> None:
    """What only one of them can ask is told, and is not worse; what fails is."""

    def live(result: Any, plan: Any) -> None:
        result["mode"] = "live"
        plan["criteria"].pop(1)
        plan["criteria"][0]["outcome"] = "failed"

    comparison = against(live)

    assert [each[:2] for each in told(comparison)] == [("worse", "filled"), ("different", "rows")]
    assert "a criterion that only one of them asks is not counted as worse" in as_text(comparison)


def test_hostile_text_is_shown_and_does_nothing(against: Compare) -> None:
    """Names and messages come from a database."""
    hostile = "\x1b[31mx\u202e| <b>@all</b> [l](http://h)\n\n# GO"

    def poison(_: Any, plan: Any) -> None:
        plan["criteria"][0] |= {"outcome": "failed", "message": hostile, "actual": hostile}
        plan["criteria"].append({"id": hostile, "kind": "k", "outcome": "failed", "message": hostile})

    comparison = against(poison)
    shown, markdown = as_text(comparison), as_markdown(comparison)

    for rendered in (shown, markdown):
        assert "\x1b" not in rendered and "\u202e" not in rendered and "\\x1b[31mx" in rendered.replace("&#91;", "[").replace("&#92;", "\\")  # fmt: skip
    assert not [line for line in shown.splitlines() if line.startswith("# GO")]
    for markup in ("<b>", "@all", "[l](", "http://h", "\n# GO"):
        assert markup not in markdown


def test_markdown_lists_the_worst_first_and_not_everything(against: Compare) -> None:
    """A pull request shows what a reviewer reads."""
    many = [{"id": f"c{number}", "kind": "k", "outcome": "failed"} for number in range(60)]

    markdown = as_markdown(against(lambda _, plan: plan["criteria"].extend(many)))

    assert markdown.startswith("## B is worse: 60 worse\n")
    assert "### orders" in markdown and "* and 20 more" in markdown
