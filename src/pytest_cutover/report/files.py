"""The files that a run leaves in its folder, all made from its result."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pytest_cutover.report.deployment import render_deployment
from pytest_cutover.report.page import write_page
from pytest_cutover.report.result import write_result, write_text
from pytest_cutover.report.summary import render_summary

RESULT, PAGE, SUMMARY, DEPLOYMENT = "result.json", "report.html", "summary.md", "deployment.md"
FILES = (RESULT, PAGE, SUMMARY, DEPLOYMENT, "pytest.html")


def write_files(result: Mapping[str, Any], folder: Path) -> None:
    """Writes what the result tells, for programs and for people; each file in one step."""
    write_result(result, folder / RESULT)
    write_page(result, folder / PAGE)
    write_text(render_summary(result), folder / SUMMARY)
    write_text(render_deployment(result), folder / DEPLOYMENT)
