"""On which line of a plan something stands."""

from __future__ import annotations

import pytest

from pytest_cutover.plan.lines import criterion_line, problem_line

PLAN = '''\
title = "Weigh parcels"
[backup]
path = "backup.sql"
max_age = "7d"
[migrate]
rerun = "refuses"
steps = [
  { sql = "01.sql" },
]
[[rollback]]
name = "manual"
restore = true
[[rollback]]
restore = true
name = "other"
[changes]
[[criteria]]  # id = "in a comment"
kind = "query"
sql = """
[[criteria]]
id = "in a text"
"""
id = "first"
[[ criteria ]]
kind = "query"
why = 'a "quoted" [[criteria]]'
  id = "second"
[criteria.params]
id = "of the params"
[[criteria]]
id = "third"
'''
IDS = ["first", "second", "third"]


@pytest.mark.parametrize(
    ("id", "expected"),
    [
        ("first", 'id = "first"'), ("second", '  id = "second"'), ("third", 'id = "third"'),
        ("restores_baseline:manual", 'name = "manual"'), ("restores_baseline:other", 'name = "other"'),
        ("applies", "steps = ["), ("duration", "[migrate]"), ("idempotent", 'rerun = "refuses"'),
        ("only_declared_changes", "[changes]"), ("backup_age", 'max_age = "7d"'), ("test_own.py::test_x", "[migrate]"),
    ],
)  # fmt: skip
def test_a_criterion_is_found_whatever_stands_around_it(id: str, expected: str) -> None:
    line = criterion_line(PLAN, id, IDS, ["manual", "other"])

    assert PLAN.splitlines()[line - 1] == expected


def test_criteria_in_one_list_are_found_together() -> None:
    text = 'title = "x"\ncriteria = [{ id = "a", kind = "b" }]\n'

    assert criterion_line(text, "a", ["a"], []) == 2


def test_a_plan_without_the_section_gives_its_first_line() -> None:
    assert criterion_line('title = "x"\n', "backup_age", [], []) == 1


@pytest.mark.parametrize(
    ("problem", "expected"),
    [
        ('criterion "second": unknown kind "qery".', '  id = "second"'),
        ("criteria[3]: the key \"kind\" is missing", "[[criteria]]"),
        ("backup.max_age: found \"7\": write it with a unit", 'max_age = "7d"'),
        ("migrate.steps[1].sql: there is no file \"01.sql\".", "steps = ["),
        ("rollback[2].budget: found 3: write it with a unit", "[[rollback]]"),
        ("is not TOML: Expected '=' after a key in a key/value pair (at line 3, column 6)", 'path = "backup.sql"'),
        ("unknown key \"titel\". Known keys: title.", 'title = "Weigh parcels"'),
    ],
)  # fmt: skip
def test_a_mistake_is_found_by_its_words(problem: str, expected: str) -> None:
    assert PLAN.splitlines()[problem_line(PLAN, problem) - 1] == expected
