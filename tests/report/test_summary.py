"""summary.md and deployment.md: what they say, and that nothing from a database is markup in them."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Any

import pytest
from markdown_it import MarkdownIt

from pytest_cutover.report.deployment import render_deployment
from pytest_cutover.report.markdown import code, prose
from pytest_cutover.report.summary import LIMIT, render_summary

from . import samples

HOSTILE = [
    "<script>alert(1)</script>", "<!-- ", "a | b", "`code`", "```", "**bold**", "_it_", "[x](http://e.invalid)",
    "![x](http://e.invalid)", "http://e.invalid", "www.e.invalid", "<http://e.invalid>", "# head", "1. one", "- x", "+ x",
    "===", "---", "> quote", "~~gone~~", "&lt;b&gt;", "\\", "a\nb", "\x1b[31mred", "\u202eevil", "\x00", "\udc80", "$x$",
    "| --- |", "</code><b>", "    indented", "* * *", "@team",
]  # fmt: skip

ALLOWED = set(re.findall(r"\w+", "h1 h2 h3 p ul li table thead tbody tr th td code strong br em"))


class Tags(HTMLParser):
    """The names of all tags, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.found.add(tag)
        assert not attrs

    def handle_data(self, data: str) -> None:
        self.text += data


def rendered(markdown: str) -> Tags:
    return Tags(MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"]).render(markdown))


@pytest.mark.parametrize("value", HOSTILE)
@pytest.mark.parametrize("form", [prose, code])
@pytest.mark.parametrize("place", ["{}", "* {}", "words {} words", "**{}**", "| a | b |\n| --- | --- |\n| {} | last |"])
def test_a_hostile_value_is_only_shown(value: str, form: Any, place: str) -> None:
    plain = rendered(place.format("value" if form is prose else "<code>value</code>"))

    found = rendered(place.format(form(value)))

    assert found.found == plain.found
    harmless = value.replace("\n", "\\n").replace("\x1b", "\\x1b").replace("\u202e", "\\u202e").replace("\x00", "\\x00")
    shown = found.text.replace("\u200b", "")
    assert harmless.replace("\udc80", "\\udc80").strip() in shown
    # GitHub makes links of bare addresses.
    assert not re.search(r"://|www\.", form(value))


@pytest.mark.parametrize("value", ["@team", "see @team, please"])
def test_nobody_is_mentioned(value: str) -> None:
    assert "@" not in prose(value)
    assert "&#8203;" in prose(value)
    assert code(value).startswith("<code>")


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_every_sample_has_a_summary_and_a_log(name: str) -> None:
    result = samples.SAMPLES[name]()

    summary, log = render_summary(result), render_deployment(result)

    verdict = result.get("verdict") or "NO VERDICT"
    assert summary.startswith(f"## {verdict}")
    assert verdict in log
    assert len(summary.encode()) <= LIMIT
    for text in (summary, log):
        assert rendered(text).found <= ALLOWED


def test_what_stops_the_go_stands_there_with_its_keys() -> None:
    text = rendered(render_summary(samples.no_go())).text

    for word in ("What stops the go", "restores_baseline:manual", "found: 1,204 rows", "id = 88121", "1,199 more"):
        assert word in text


def test_what_is_weakened_comes_before_what_failed() -> None:
    text = render_summary(samples.several())

    assert text.index("Weakened: 2 changes") < text.index("What stops the go")
    assert "criterion removed: no-orphans" in text


def test_the_waivers_stand_in_the_verdict_line() -> None:
    assert render_summary(samples.waived()).splitlines()[0] == "## GO with 1 waiver"


def test_what_was_not_checked_stands_there_with_its_reason() -> None:
    assert re.search(r"### Not checked\n\n.*health.*live only", render_summary(samples.several()))


def test_the_summary_stays_below_its_limit_and_ends_with_a_whole_line() -> None:
    result = samples.several()
    for plan in result["plans"]:
        plan["criteria"] *= 30
        for one in plan["criteria"]:
            one |= {"outcome": "failed", "message": "|<é" * 2_000, "actual": "<" * 2_000}
    wide = {"title": "x" * 10_000, "columns": ["c"] * 1_000, "rows": [["v" * 50] * 1_000], "total": 20}
    result["plans"][0]["criteria"][0] |= {"message": "<" * 1_000_000, "evidence": [wide]}
    result["weakened"] = [samples.weakening("p", "criterion removed", "<" * 10_000)] * 5_000

    summary = render_summary(result)

    assert LIMIT * 0.8 < len(summary.encode()) <= LIMIT
    assert summary.endswith("the rest is in report.html and result.json.*\n")
    assert rendered(summary).found <= ALLOWED


def test_a_hostile_result_has_no_markup() -> None:
    for text in (render_summary(samples.hostile()), render_deployment(samples.hostile())):
        assert rendered(text).found <= ALLOWED
        assert text.replace("\n", "").isprintable()


def test_the_log_has_what_a_deployment_is_documented_with() -> None:
    log = rendered(render_deployment(samples.go())).text

    for word in (
        "Deployment 2026-01-15", "rehearsed, not deployed", "Migrations applied", "01_add_cid.sql", "18 ms", "Status: Success",
        "Duration of migrate: 1.44 s", "Verification", "PASSED", "Metrics before and after", "105,053", "Seq Scan",
    ):  # fmt: skip
        assert word in log
    assert "Sign-off" not in log


def test_the_log_holds_who_signed_it_off() -> None:
    entry = {"by": "release <team>", "what": "production", "when": "2026-01-15T09:00:00Z", "verdict": "GO"}

    log = rendered(render_deployment(samples.go(), [entry])).text

    assert re.search(r"Sign-off.*release <team>.*production", log, re.DOTALL)
