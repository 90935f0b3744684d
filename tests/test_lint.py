"""Warnings where a plan fools itself: only what is certain, and never a failure."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_cutover.catalog import Catalog, read_catalog
from pytest_cutover.cli import main
from pytest_cutover.criteria import KINDS
from pytest_cutover.lint import plan_warnings, rehearsal_warnings
from pytest_cutover.plan.load import load_plans
from pytest_cutover.plan.model import Plan
from pytest_cutover.target import Target
from tests.project import Project

PLAN = """
title = "t"
engine = "postgresql"
[backup]
path = "backup.sql"
[migrate]
steps = [{{ sql = "01.sql" }}]
[changes]
{changes}
[[criteria]]
id = "c"
{criterion}
"""

NINE = ", ".join(f'"table:old_{number}"' for number in range(9))


@pytest.fixture
def plan(tmp_path: Path) -> Callable[..., Plan]:
    """A function that gives a plan of one criterion."""

    def make(criterion: str, changes: str = "") -> Plan:
        (tmp_path / "01.sql").write_text("SELECT 1;")
        (tmp_path / "plan.toml").write_text(PLAN.format(criterion=criterion, changes=changes))
        return load_plans([tmp_path], tmp_path, KINDS)[0]

    return make


@pytest.fixture
def catalogs(new_database: Callable[..., Target]) -> Callable[[str, str], tuple[Catalog, Catalog]]:
    """A function that gives the catalogs before and after some SQL."""

    def make(before: str, migration: str) -> tuple[Catalog, Catalog]:
        first = new_database(before)
        found = []
        for target in (first, new_database(migration, template=first)):
            with target.connect() as connection:
                found.append(read_catalog(connection))
        return found[0], found[1]

    return make


def test_counts_that_add_up_are_not_mentioned(plan: Callable[..., Plan]) -> None:
    """Nor are ranges, other schemas, or members of tables that come and go."""
    tables = 'kind = "object_count"\nobject = "tables"\n'
    keys = 'kind = "object_count"\nobject = "foreign_keys"\n'

    assert plan_warnings(plan(tables + "before = 52\nafter = 43", f"dropped = [{NINE}]")) == []
    assert plan_warnings(plan(tables + 'before = 52\nafter = "40..44"', f"dropped = [{NINE}]")) == []
    assert plan_warnings(plan(tables + 'before = 1\nafter = 1\nschema = "own"', f"dropped = [{NINE}]")) == []
    assert plan_warnings(plan(tables + "before = 52\nafter = 9", 'dropped = ["schema:old"]')) == []
    assert plan_warnings(plan(keys + "before = 38\nafter = 30", f"dropped = [{NINE}]")) == []
    assert plan_warnings(plan(keys + "before = 38\nafter = 42", 'added = ["table:t"]')) == []


@pytest.mark.parametrize(
    ("count", "changes", "warning"),
    [
        ('"tables"\nbefore = 52\nafter = 44', f"dropped = [{NINE}]",
         "52 tables before and 44 after, but [changes] adds 0 and drops 9: 52 + 0 - 9 = 43"),
        ('"tables"\nbefore = 2\nafter = 3\nschema = "own"', 'added = ["table:own.a", "table:b", "table:own.c"]',
         "2 tables before and 3 after, but [changes] adds 2 and drops 0: 2 + 2 - 0 = 4"),
        ('"foreign_keys"\nbefore = 38\nafter = 42', f'added = ["constraint:t.a"]\ndropped = [{NINE}]',
         "38 foreign keys before and 42 after, but [changes] adds 1 and no table that may have some"),
        ('"policies"\nbefore = 18\nafter = 16', 'dropped = ["policy:t.p"]',
         "18 policies before and 16 after, but [changes] drops 1 and no table that has some"),
    ],
)  # fmt: skip
def test_counts_that_do_not_add_up_are_told(plan: Callable[..., Plan], count: str, changes: str, warning: str) -> None:
    found = plan_warnings(plan(f'kind = "object_count"\nobject = {count}', changes))

    assert found == [f"c: {warning}"]


@pytest.mark.parametrize(
    ("migration", "warnings"),
    [
        ("ALTER TABLE t ADD UNIQUE (name, league)",
         ["constraint:t.t_name_league_key is unique and new, and lets any number of equal rows through that hold NULL in league"]),
        ("CREATE UNIQUE INDEX i ON t (league)",
         ["index:i is unique and new, and lets any number of equal rows through that hold NULL in league"]),
        ("ALTER TABLE t ADD UNIQUE NULLS NOT DISTINCT (name, league)", []),
        ("CREATE UNIQUE INDEX i ON t (league) WHERE league IS NOT NULL", []),
        ("ALTER TABLE t ADD UNIQUE (name)", []),
        ("ALTER TABLE t ALTER league SET NOT NULL, ADD UNIQUE (name, league)", []),
    ],
)  # fmt: skip
def test_uniqueness_over_nullable_columns_is_told(
    plan: Callable[..., Plan],
    catalogs: Callable[[str, str], tuple[Catalog, Catalog]],
    migration: str,
    warnings: list[str],
) -> None:
    """One that was there before is not this migration's."""
    base = "CREATE TABLE t (name text NOT NULL, league int); CREATE TABLE old (a int UNIQUE);"
    before, after = catalogs(base, migration)

    assert rehearsal_warnings(plan('kind = "row_count"\ntable = "t"\nmin = 0'), before, after) == warnings


def test_a_criterion_that_never_sees_null_is_told(
    plan: Callable[..., Plan], catalogs: Callable[[str, str], tuple[Catalog, Catalog]]
) -> None:
    before, after = catalogs("CREATE TABLE t (name text NOT NULL, league int)", "SELECT 1")
    unique = 'kind = "unique"\ntable = "t"\ncolumns = ["name", "league"]\n'

    assert rehearsal_warnings(plan(unique), before, after) == []
    assert rehearsal_warnings(plan(unique + 'nulls = "distinct"'), before, after) == [
        "c: a row with NULL in league is never a duplicate here, and league may hold NULL"
    ]


@pytest.mark.parametrize(
    ("default", "criterion", "told"),
    [
        ("0", 'kind = "not_null"\ncolumns = ["cid"]', True),
        ("0", 'kind = "accepted"\ncolumn = "cid"\nmin = 0', True),
        ("0", 'kind = "accepted"\ncolumn = "cid"\nmin = 1', False),
        ("-1", 'kind = "accepted"\ncolumn = "cid"\nvalues = [-1, 7]', True),
        ("nextval('numbers')", 'kind = "not_null"\ncolumns = ["cid"]', False),
        ("NULL", 'kind = "not_null"\ncolumns = ["cid"]', False),
    ],
)  # fmt: skip
def test_a_default_that_counts_as_filled_is_told(
    plan: Callable[..., Plan], catalogs: Callable[[str, str], tuple[Catalog, Catalog]], default: str, criterion: str,
    told: bool,
) -> None:  # fmt: skip
    """Only of a new column: what was there before has its values already."""
    made = plan(f'table = "t"\n{criterion}')
    base = "CREATE SEQUENCE numbers; CREATE TABLE t (id int);"
    before, after = catalogs(base, f"ALTER TABLE t ADD COLUMN cid int DEFAULT {default}")

    expected = ["c: a row that nobody filled holds the default of cid, which counts as filled"] if told else []
    assert rehearsal_warnings(made, before, after) == expected
    assert rehearsal_warnings(made, after, after) == []


def test_a_text_that_is_a_default_is_read_as_the_value(
    plan: Callable[..., Plan], catalogs: Callable[[str, str], tuple[Catalog, Catalog]]
) -> None:
    before, after = catalogs("CREATE TABLE t (id int)", "ALTER TABLE t ADD COLUMN s text DEFAULT 'it''s'")
    accepted = 'kind = "accepted"\ntable = "t"\ncolumn = "s"\n'

    assert len(rehearsal_warnings(plan(accepted + 'values = ["it\'s"]'), before, after)) == 1
    assert rehearsal_warnings(plan(accepted + 'values = ["its"]'), before, after) == []


def test_cutover_check_and_the_report_tell_them_and_the_verdict_stays(
    project: Project, capsys: pytest.CaptureFixture[str]
) -> None:
    path = project.root / "migrations" / "first" / "plan.toml"
    count = '[[criteria]]\nid = "count"\nkind = "object_count"\nobject = "policies"\nbefore = 0\nafter = 1\n'
    path.write_text(path.read_text() + count)

    assert main(["check", "--plans", str(project.root / "migrations")]) == 0
    warning = "count: 0 policies before and 1 after, but [changes] adds 0 and no table that may have some"
    assert f"  warning: {warning}" in capsys.readouterr().out

    path.write_text(
        path.read_text().replace("after = 1", "after = 0")
        + count.replace('"count"', '"second"').replace("after = 1", 'after = "0..1"')
    )
    assert project.run() == 0
    assert project.result["verdict"] == "GO"
    assert project.result["plans"][0]["notes"] == []

    filler = "ALTER TABLE parcels ADD COLUMN IF NOT EXISTS weight_g integer DEFAULT 0;"
    project.plan(
        text=path.read_text()
        + '[[criteria]]\nid = "filled"\nkind = "not_null"\ntable = "parcels"\ncolumns = ["weight_g"]\n',
        migration=filler,
    )
    assert project.run() == 0, project.output
    assert project.result["plans"][0]["notes"] == [
        "filled: a row that nobody filled holds the default of weight_g, which counts as filled"
    ]
