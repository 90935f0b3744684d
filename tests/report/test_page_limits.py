"""What the page holds back, and says so: values, and what would bury the rest."""

from __future__ import annotations

from pytest_cutover.report import page as page_module
from pytest_cutover.report.page import render_page

from . import pieces, samples
from .reading import page


def test_six_figures_decide() -> None:
    shown = page(samples.go())

    wanted = ["Criteria that hold", "Migration", "Fastest way back", "Schema changes", "Rows changed", "Backup"]
    assert [e.text.strip() for e in shown.elements if e.tag == "dt" and e.text.strip() in wanted][1:7] == wanted
    assert "Schema changes 4 all declared" in shown.text
    assert "Schema changes 2 1 not declared" in page(samples.several()).text


def test_what_would_hold_without_the_migration_is_told() -> None:
    """A criterion that held before proves nothing about the migration; one that was never asked is not counted as such."""
    shown = page(samples.go())

    assert "2 of these would not hold and 1 would hold as well; of 18 it was not asked" in shown.text
    assert shown.text.count("would also hold without the migration") == 1
    assert shown.text.count("would not hold without the migration") == 2
    assert "Without the migration" not in page(samples.bare()).text


def test_the_page_says_what_it_hides() -> None:
    shown = page(samples.no_go())

    assert "masked by the plan: callsign; not shown, they may hold values: controller, frequency" in shown.text
    assert "Shown of rows only their keys; masked: *.email" in shown.text


def test_of_several_backups_the_oldest_is_told() -> None:
    result = samples.several()
    result["plans"][1]["backup"]["age"] = 9 * 86400
    result["plans"][2]["backup"]["age"] = None

    assert "Backups the oldest 9 days old, 1 of unknown age" in page(result).text


def test_one_enormous_value_cannot_bury_the_page() -> None:
    result = samples.no_go()
    plan = result["plans"][0]
    long = "x" * 1_000_000
    pieces.change(plan, "no-null-cid", outcome="failed", message=long, before=long, expected=long, actual=long)
    plan["reason"] = plan["steps"][0]["output"] = plan["steps"][1]["error"] = plan["schema_diff"][0]["detail"] = long
    plan["rollbacks"][0]["differences"] = [long] * 3

    source = render_page(result)

    assert len(source) < 300_000
    assert "… (1,000,000 characters)" in source


def test_a_thousand_columns_are_cut_and_folded() -> None:
    result = samples.no_go()
    plan = result["plans"][0]
    names = [f"column_{position:04d}" for position in range(1000)]
    wide = {"title": "wide", "columns": names, "rows": [["v"] * 1000], "total": 1, "keys": ["column_0999"]}
    pieces.change(plan, "cid-of-the-flight-in-its-window", evidence=[wide])
    plan["changes"] = {"wide": pieces.rows(5, 5, changed=5, columns=dict.fromkeys(names, 5))}
    plan["schema_diff"] = [
        {"change": "added", "object": f"column:wide.{name}", "detail": "", "declared": True} for name in names
    ]

    shown = page(result)

    evidence = shown.after("wide: 1").partition("in result.json")[0]
    assert "column_0999" in evidence and "column_0038" in evidence and "column_0039" not in evidence
    assert "960 more columns" in evidence
    assert f"{1000 - page_module.FOLD_ROWS} more columns" in shown.text
    assert f"{1000 - page_module.FOLD} more changes" in shown.text
