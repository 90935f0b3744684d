"""What of a plan counts as weakened, key by key."""

from __future__ import annotations

import sys

import pytest

from pytest_cutover.gate.weakening import weakened_plan

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

PLAN = """\
title = "Weigh parcels"
engine = "postgresql"
[backup]
path = "backup.sql"
max_age = "7d"
prelude = ["roles.sql"]
expect = { tables = 8, rows = { parcels = ">=1000" } }
[migrate]
role = "app"
budget = "500ms"
hazards = "fail"
steps = [{ sql = "01.sql", budget = "300ms" }]
[[rollback]]
name = "manual"
budget = "60s"
steps = [{ sql = "back.sql", budget = "10s" }]
[targets]
production = "${PRODUCTION}"
[report]
mask = ["*.email"]
[changes]
added = ["column:parcels.weight"]
dropped = ["table:old"]
rows = { parcels = { changed = ["weight"], deleted = "3..5" }, old = { deleted = 0 } }
[[criteria]]
id = "weights"
kind = "not_null"
table = "parcels"
columns = ["weight", "size"]
why = "a parcel without weight cannot be billed"
budget = "5s"
[[criteria]]
id = "answers"
kind = "queries"
file = "answers.sql"
[[waivers]]
criterion = "weights"
accepts = "41 rows"
owner = "a team"
until = 2026-12-31
reason = "known"
"""

WAIVER = '[[waivers]]\ncriterion = "answers"\naccepts = "1 row"\nowner = "a team"\nuntil = 2026-12-31\nreason = "new"\n'


def weakened(new: str, old: str = PLAN, differs: bool = False) -> list[tuple[str, str]]:
    assert new != old or differs
    found = weakened_plan("first", tomllib.loads(old), tomllib.loads(new), lambda name: differs)
    return [(each.what, each.subject) for each in found]


def test_nothing_is_weakened_by_itself() -> None:
    content = tomllib.loads(PLAN)

    assert weakened_plan("first", content, content, lambda name: False) == []


@pytest.mark.parametrize(
    ("old", "new", "what", "subject"),
    [
        ('[[criteria]]\nid = "answers"\nkind = "queries"\nfile = "answers.sql"\n', "", "criterion removed", "answers"),
        ('id = "answers"', 'id = "other"', "criterion removed", "answers"),
        ('kind = "not_null"', 'kind = "present"', "criterion changed", "weights: kind"),
        ('columns = ["weight", "size"]', 'columns = ["size"]', "criterion changed", "weights: columns"),
        ('table = "parcels"\n', "", "criterion changed", "weights: table"),
        ('table = "parcels"', 'table = "parcels"\nnulls = "distinct"', "criterion changed", "weights: nulls"),
        ('table = "parcels"', 'table = "parcels"\nphases = ["after"]', "criterion changed", "weights: phases"),
        ('budget = "5s"', 'budget = "6s"', "budget raised", "weights: budget"),
        ("[[waivers]]", WAIVER + "[[waivers]]", "waiver added", "answers"),
        ("2026-12-31", "2027-01-01", "waiver extended", "weights"),
        ('"41 rows"', '"42 rows"', "waiver changed", "weights"),
        ("added = [", 'added = ["index:i", ', "declared change added", "added: index:i"),
        ("[changes]", '[changes]\naltered = ["table:t"]', "declared change added", "altered: table:t"),
        ('changed = ["weight"]', 'changed = ["weight", "size"]', "declared rows widened", "parcels: changed"),
        ('"3..5"', '"3..6"', "declared rows widened", "parcels: deleted"),
        ('"3..5"', '"2..5"', "declared rows widened", "parcels: deleted"),
        ('"3..5"', '">=3"', "declared rows widened", "parcels: deleted"),
        ('deleted = "3..5"', 'deleted = "3..5", added = 1', "declared rows widened", "parcels: added"),
        ("old = { deleted = 0 }", "old = {}", "declared rows widened", "old: deleted"),
        ("old = {", "new = { added = 1 }, old = {", "declared rows widened", "new: added"),
        ('name = "manual"', 'name = "other"', "rollback removed", "manual"),
        ('steps = [{ sql = "back.sql", budget = "10s" }]', "restore = true", "rollback changed", "manual"),
        ('name = "manual"', 'name = "manual"\nresidue = ["table:t"]', "residue added", "manual: table:t"),
        ('budget = "60s"', 'budget = "2min"', "budget raised", "rollback manual"),
        ('budget = "10s"', 'budget = "11s"', "budget raised", "rollback manual: step back.sql"),
        ('budget = "500ms"\n', "", "budget removed", "migrate"),
        ('budget = "500ms"', 'budget = "0.6s"', "budget raised", "migrate"),
        ('"300ms"', '"301ms"', "budget raised", "step 01.sql"),
        ('max_age = "7d"\n', "", "budget removed", "backup.max_age"),
        ('max_age = "7d"', 'max_age = "8d"', "budget raised", "backup.max_age"),
        ("tables = 8", 'tables = "7..8"', "setting relaxed", "backup.expect.tables"),
        ('">=1000"', '">=999"', "setting relaxed", "backup.expect.rows.parcels"),
        (', rows = { parcels = ">=1000" }', "", "setting relaxed", "backup.expect.rows.parcels"),
        ('path = "backup.sql"', 'path = "smaller.sql"', "setting changed", "backup.path"),
        ('role = "app"\n', "", "setting changed", "migrate.role"),
        ('budget = "500ms"', 'budget = "500ms"\nrerun = "refuses"', "setting changed", "migrate.rerun"),
        ('mask = ["*.email"]\n', "", "setting changed", "report.mask"),
        ('"fail"', '"warn"', "setting relaxed", "migrate.hazards"),
        ('"fail"', '"fail"\nbusy = ["tiny"]', "setting changed", "migrate.busy"),
        ("[report]", '[live]\nlock = "10h"\n[report]', "setting changed", "live.lock"),
        ("${PRODUCTION}", "${STAGING}", "setting changed", "targets.production"),
        ('sql = "01.sql", budget = "300ms"', 'sql = "02.sql"', "budget removed", "step 01.sql"),
    ],
)
def test_each_weakening_is_named(old: str, new: str, what: str, subject: str) -> None:
    assert old in PLAN

    assert (what, subject) in weakened(PLAN.replace(old, new, 1))


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("[[criteria]]", '[[criteria]]\nid = "more"\nkind = "present"\nnames = ["table:t"]\n[[criteria]]'),
        ('why = "a parcel without weight cannot be billed"', 'why = "because"'),
        ('budget = "500ms"', 'budget = "0.5s"'),
        ('budget = "500ms"', 'budget = "400ms"'),
        ('budget = "5s"\n', 'budget = "5s"\nphases = ["rehearsal", "before", "after", "monitor"]\n'),
        ("2026-12-31", "2026-11-30"),
        (PLAN[PLAN.index("[[waivers]]") :], ""),
        ('added = ["column:parcels.weight"]', "added = []"),
        ('"3..5"', "4"),
        ('changed = ["weight"]', "changed = []"),
        ("[changes]", '[[rollback]]\nname = "restore"\nrestore = true\n[changes]'),
        ('max_age = "7d"', 'max_age = "6d"'),
        ("tables = 8", 'tables = "8"'),
        ('">=1000"', '">=2000"'),
        ("title =", "owner = 'a team'\ntitle ="),
        ("[targets]", '[targets]\nstaging = "${STAGING}"'),
        ('sql = "01.sql"', 'sql = "02.sql"'),
        ('steps = [{ sql = "01.sql", budget = "300ms" }]', 'steps = [{ sql = "01.sql", budget = "200ms" }]'),
    ],
)
def test_what_asks_for_more_or_says_it_otherwise_is_no_weakening(old: str, new: str) -> None:
    assert old in PLAN

    assert weakened(PLAN.replace(old, new, 1)) == []


def test_another_content_of_a_file_that_a_criterion_names_is_named() -> None:
    assert weakened(PLAN, differs=True) == [
        ("criterion changed", "answers: content of answers.sql"),
        ("setting changed", "backup: content of backup.sql"),
        ("setting changed", "backup: content of roles.sql"),
    ]


def test_before_and_after_are_said() -> None:
    old, new = tomllib.loads(PLAN), tomllib.loads(PLAN.replace('["weight", "size"]', '["size"]'))

    found = weakened_plan("first", old, new, lambda name: False)

    assert [(each.before, each.after) for each in found] == [('["weight", "size"]', '["size"]')]


@pytest.mark.parametrize("section", ["criteria", "waivers", "changes", "rollback", "backup", "migrate", "live"])
def test_a_section_of_another_type_is_no_error(section: str) -> None:
    content = tomllib.loads(PLAN)

    for value in ("text", 5, ["text"], [{}], {"rows": 3, "added": "x", "expect": 1, "steps": 2}):
        weakened_plan("first", content, content | {section: value}, lambda name: False)
        weakened_plan("first", content | {section: value}, content, lambda name: False)
