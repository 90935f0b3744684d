"""A database that is written to harm its readers is rehearsed; no output acts, breaks or tells more than it may."""

from __future__ import annotations

import json
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from xml.etree import ElementTree

import pytest
from playwright.sync_api import Browser

from tests.project import Project

from . import hostile
from .browsing import Desk, chromium
from .reading import Page

FILES = ("report.html", "pytest.html", "junit.xml", "summary.md", "deployment.md")
"""Files for people; in result.json data is data."""
OUTPUTS = (*FILES, "terminal")
SMALL = 500_000
"""No output for people is larger than this, although single values are."""


@pytest.fixture(scope="module")
def rehearsed(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The three hostile plans, rehearsed once."""
    project = hostile.hostile_project(tmp_path_factory.mktemp("hostile"))
    status = project.run("--junitxml=reports/junit.xml", "--color=no")
    assert status == 1, project.output[-2000:]
    return project


@pytest.fixture(scope="module")
def outputs(rehearsed: Project) -> dict[str, str]:
    """Everything that the run wrote and printed, by its name."""
    folder = rehearsed.root / "reports"
    written = {name: (folder / name).read_text(encoding="utf-8") for name in (*FILES, "result.json")}
    return written | {"terminal": rehearsed.output}


def test_the_rehearsal_found_what_it_was_to_find(rehearsed: Project) -> None:
    """Were a plan refused or a criterion not reached, the tests below would look at nothing."""
    plans = {plan["name"]: plan for plan in rehearsed.result["plans"]}

    failed = {
        name: sorted(each["id"] for each in plan["criteria"] if each["outcome"] == "failed")
        for name, plan in plans.items()
    }
    assert failed == {
        "broken": ["applies"],
        "hostile": [
            "answer", "filled", "idempotent", "only_declared_changes", "policies", "restores_baseline:manual",
            "wide-filled",
        ],
        "lite": ["idempotent", "lite-filled", "only_declared_changes"],
    }  # fmt: skip
    said = json.dumps([plans["hostile"]["steps"], plans["hostile"]["rollbacks"], plans["broken"]["steps"]])
    assert said.count("<script>alert(1)</script>") >= 4
    assert plans["hostile"]["steps"][0]["notices"][1]["message"].endswith("… (1,000,000 characters)")
    assert len(plans["hostile"]["changes"]["wide"]["columns"]) == hostile.WIDE


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_character_acts_on_a_screen(outputs: dict[str, str], name: str) -> None:
    """Escape sequences, control characters, turned writing and invisible characters are shown as escapes."""
    shown = unescape(outputs[name]).replace("\xa0", " ")  # a blank of pytest-html's own

    assert {repr(char) for char in outputs[name] + shown if not char.isprintable() and char != "\n"} == set()
    assert "\\x1b[31m" in shown
    assert "\\u202e" in shown


@pytest.mark.parametrize("name", OUTPUTS)
def test_no_value_buries_the_rest(outputs: dict[str, str], name: str) -> None:
    assert len(outputs[name]) < SMALL


@pytest.mark.parametrize("name", FILES)
def test_no_markup_gets_into_a_file(outputs: dict[str, str], name: str) -> None:
    for markup in (hostile.MARKUP, "<img src=x", "</td><img"):
        assert markup not in outputs[name]
    assert "alert(1)" in outputs[name]


@pytest.mark.parametrize("name", [*OUTPUTS, "result.json"])
def test_what_the_plans_hide_is_nowhere(outputs: dict[str, str], name: str) -> None:
    """A masked column, and under `evidence = "none"` even the keys: not in the findings, the log or the file."""
    assert hostile.MASKED not in outputs[name]
    assert hostile.KEY not in outputs[name]


def test_the_report_says_what_was_masked(outputs: dict[str, str]) -> None:
    shown = Page(outputs["report.html"]).text

    assert "Shown of rows keys and values; masked: *.secret" in shown
    assert "Shown of rows nothing" in shown
    assert "not shown, they may hold values: k" in shown


def test_the_files_for_programs_can_be_read(rehearsed: Project, outputs: dict[str, str]) -> None:
    document = ElementTree.fromstring(outputs["junit.xml"])

    failures = [each.text or "" for each in document.iter("failure")]
    assert len(failures) == 11
    assert any("\\x1b[31m" in text and "<script>" in text for text in failures)
    assert rehearsed.result["plans"][1]["title"] == hostile.HOSTILE.strip()


def test_the_terminal_cannot_be_taken_for_ours(outputs: dict[str, str]) -> None:
    """A line of an error text never begins a line of the terminal: the forged one is a command to GitHub's runner."""
    lines = [line.strip() for line in outputs["terminal"].splitlines()]

    assert [line for line in lines if line.startswith("::")] == []
    assert any("::error::owned" in line for line in lines)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as browser:
        yield browser


@pytest.mark.parametrize("name", ["report.html", "pytest.html"])
def test_nothing_happens_in_a_browser(rehearsed: Project, browser: Browser, tmp_path: Path, name: str) -> None:
    desk = Desk(browser, tmp_path)
    try:
        shown = desk.open(rehearsed.root / "reports" / name, width=390)

        assert [said for said in shown.said if "dialog" in said or "alert" in said or "ERR_" in said] == []
        assert shown.tab.locator("img[src=x]").count() == 0
        assert shown.tab.locator("body").inner_text().count("alert(1)") >= 3
        if name == "report.html":
            assert shown.said == []
            assert shown.tab.evaluate("document.documentElement.scrollWidth") == 390
    finally:
        desk.close()
