"""The page on the plan file."""

from __future__ import annotations

from pathlib import Path

from pytest_cutover.plan.reference import render_plan_reference


def test_the_committed_page_is_what_the_model_says() -> None:
    """Run `make docs` where this fails."""
    page = Path(__file__).parents[2] / "docs" / "plan.md"

    assert page.read_text(encoding="utf-8") == render_plan_reference()
