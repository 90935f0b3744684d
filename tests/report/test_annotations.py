"""Annotations for GitHub: each one line, with nothing in it that ends it or begins another."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_cutover.report.annotations import SHOWN, annotate, problem_annotations

from . import pieces, samples

COMMAND = re.compile(r"::(error|warning) (?:[a-z]+=[^,:\r\n]+,?)+::[^\r\n]*")


def locate(plan: str, id: str) -> tuple[str, int]:
    return f"migrations/{plan}/plan.toml", 7


def annotated(result: pieces.Result) -> list[str]:
    return annotate(result, Path.cwd(), locate)


@pytest.mark.parametrize("name", samples.SAMPLES)
def test_every_line_is_one_command(name: str) -> None:
    assert all(COMMAND.fullmatch(line) for line in annotated(samples.SAMPLES[name]()))


def test_a_go_has_none() -> None:
    assert annotated(samples.go()) == []


def test_a_failed_criterion_stands_on_the_line_of_the_plan() -> None:
    assert annotated(samples.several())[0] == (
        "::error file=migrations/rally_series/plan.toml,line=7,title=rally_series%3A no-null-league::"
        "4 rows of series have no league_id.%0Aexpected: 0 rows%0Afound: 4 rows"
    )


def test_a_failed_statement_stands_on_its_own_line_and_once() -> None:
    found = annotated(samples.migration_failed())

    assert found[0].startswith(
        "::error file=migrations/vatsim_cid/02_cid_from_flights.sql,line=4,title=vatsim_cid%3A applies::02_"
    )
    assert "%0A    UPDATE" in found[0]
    assert [line for line in found if line.startswith("::error")] == found[:1]
    assert "not checked" in found[1]


def test_the_bad_characters_are_escaped() -> None:
    result = samples.several()
    result["plans"][1]["criteria"][-1] |= {"id": "a:b,c%d", "message": "100 %\r\n::error::x\n\x1b[31m\u202e"}

    line = annotated(result)[0]

    assert "title=rally_series%3A a%3Ab%2Cc%25d::100 %25\\x0d%0A::error::x%0A\\x1b[31m\\u202e" in line


def test_no_more_than_github_shows() -> None:
    result = samples.several()
    result["plans"][1]["criteria"] *= 9
    result["weakened"] *= 20

    found = annotated(result)

    assert [sum(line.startswith(f"::{level} ") for line in found) for level in ("error", "warning")] == [9, SHOWN]
    result["plans"][1]["criteria"] *= 2
    assert annotated(result)[SHOWN - 1] == "::error title=cutover::and 9 more, in the report"


def test_a_mistake_in_a_plan_stands_on_its_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GITHUB_WORKSPACE", str(tmp_path))
    plan = tmp_path / "migrations/a, b/plan.toml"
    plan.parent.mkdir(parents=True)
    plan.write_text('title = "x"\n[backup]\nmax_age = "7"\n', encoding="utf-8")

    found = problem_annotations(["migrations/a, b/plan.toml: backup.max_age: found 7", "no plan at all"], tmp_path)

    assert found == [
        "::error file=migrations/a%2C b/plan.toml,line=3,title=cutover::backup.max_age: found 7",
        "::error title=cutover::no plan at all",
    ]
