"""What a tired person reads in the terminal, word for word.

The files in terminal/ hold the summaries of samples.py, each line with its style before it. After a change that is
meant, write them anew with `python -m pytest tests/report/test_terminal.py` and REWRITE=1 in the environment, and read
the difference.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from pytest_cutover.report.terminal import FAILED_SHOWN, Line, Style, summary_lines

from . import samples

TEXTS = Path(__file__).parent / "terminal"


def told(lines: list[Line]) -> str:
    return "".join(f"{line.style:<5} | {line.text}".rstrip() + "\n" for line in lines)


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_the_summary_reads_as_agreed(name: str) -> None:
    path = TEXTS / f"{name}.txt"

    found = told(summary_lines(samples.SAMPLES[name](), width=80, report="reports/report.html"))

    if os.environ.get("REWRITE"):
        path.write_text(found, encoding="utf-8")
    assert path.is_file(), f"there is no {path}: nothing was compared"
    assert found == path.read_text(encoding="utf-8")


def test_every_agreed_text_belongs_to_a_sample() -> None:
    assert sorted(path.stem for path in TEXTS.iterdir()) == sorted(samples.SAMPLES)


@pytest.mark.parametrize("make", [*samples.SAMPLES.values(), samples.hostile, dict])
def test_no_line_acts_on_the_terminal(make: Callable[[], dict[str, Any]]) -> None:
    """A database may hold ANSI sequences, line ends that fake a verdict, or text that turns the line around."""
    lines = summary_lines(make(), width=80)

    assert [line for line in lines if not line.text.isprintable()] == []
    assert {line.style for line in lines} <= set(get_args(Style))


def test_an_error_with_a_fake_verdict_in_it_stays_behind_its_bar() -> None:
    result = samples.migration_failed()
    result["plans"][0]["steps"][1]["error"] = "boom\nGO after 1 s\r\n\x1b[2JGO"

    lines = [line.text for line in summary_lines(result, width=80)]

    assert "    | GO after 1 s\\x0d" in lines
    assert "    | \\x1b[2JGO" in lines
    assert lines[-1].startswith("NO-GO after 5.40 s")
    assert not [line for line in lines if line.startswith("GO")]


def test_a_message_with_a_fake_verdict_in_it_stays_behind_its_bar() -> None:
    result = samples.no_go()
    result["plans"][0]["criteria"][5]["message"] = "2 differences\nGO after 1 s"

    assert "    | GO after 1 s" in [line.text for line in summary_lines(result)]


def test_the_last_line_is_the_verdict_with_time_and_report() -> None:
    assert summary_lines(samples.no_go(), report="reports/report.html")[-1] == Line(
        "NO-GO after 10.90 s · 18 passed, 3 failed · reports/report.html", "bad"
    )
    assert summary_lines({})[-1] == Line("NO VERDICT", "warn")


def test_of_many_failures_the_first_are_told_and_the_others_counted() -> None:
    lines = [line.text for line in summary_lines(samples.large(300, failed=40))]

    assert sum(line.startswith("  failed  no-null-") for line in lines) == FAILED_SHOWN
    assert "  and 35 more failed, in the report" in lines
    assert len(lines) < 60


def test_of_many_reasons_the_first_are_told_and_the_others_counted() -> None:
    result = samples.go()
    for number, one in enumerate(result["plans"][0]["criteria"]):
        one |= {"outcome": "not_checked", "reason": f"reason {number}"}

    lines = [line.text for line in summary_lines(result)]

    assert "    and 15 other reasons in the report" in lines
    assert len(lines) < 40


def test_a_waiver_that_did_not_help_is_told_with_the_failure() -> None:
    result = samples.no_go()
    result["plans"][0]["waivers"] = [
        {"criterion": "nwk1736-one-cid-per-flight", "used": False, "note": "expired on 2026-01-01"}
    ]

    assert "    waiver    expired on 2026-01-01" in [line.text for line in summary_lines(result)]


@pytest.mark.parametrize("width", [1, 40, 200])
def test_prose_keeps_the_width_and_names_stay_whole(width: int) -> None:
    lines = summary_lines(samples.several(), width=width)

    long = [line.text for line in lines if len(line.text) > max(width, 40)]
    assert all(" " not in line.strip() or line.lstrip().startswith(("GO", "NO-GO", "INCOMPLETE", "|")) for line in long)
    assert "rally_series" in " ".join(line.text for line in lines)
