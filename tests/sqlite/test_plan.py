"""What SQLite does not have is refused when the plan is read, by name and with the reason."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import PlanError
from pytest_cutover.plan.load import load_plans

PLAN = """\
title = "A plan"
engine = "sqlite"
{top}
[backup]
path = "data.db"
{backup}
{sections}
[migrate]
steps = [{step}]
{migrate}
[[criteria]]
id = "one"
{criterion}
"""
QUERY = 'kind = "query"\nsql = "SELECT 1"\nvalue = 1'


def _problems(folder: Path, *, criterion: str = QUERY, step: str = '{ sql = "a.sql" }', **parts: str) -> list[str]:
    (folder / "plan").mkdir()
    (folder / "plan" / "a.sql").write_text("SELECT 1;")
    given = {"top": "", "backup": "", "sections": "", "migrate": ""} | parts
    (folder / "plan" / "plan.toml").write_text(PLAN.format(criterion=criterion, step=step, **given))
    try:
        load_plans([folder / "plan"], folder, KINDS)
    except PlanError as error:
        return error.problems
    return []


def test_a_plan_for_sqlite_is_read(tmp_path: Path) -> None:
    """Without anything that SQLite lacks there is no problem."""
    assert _problems(tmp_path) == []


@pytest.mark.parametrize(
    ("parts", "problem"),
    [
        ({"migrate": 'role = "app"'}, "migrate.role: SQLite has no roles; remove it"),
        ({"backup": 'prelude = ["a.sql"]'}, "backup.prelude: a SQLite file needs nothing but itself"),
        ({"sections": '[sandbox]\nextensions = ["uuid-ossp"]'}, "sandbox.extensions: SQLite has no extensions"),
        ({"sections": '[live]\nmax_scan = "1GB"'}, "live.max_scan: SQLite does not say how much a statement would read"),
        ({"sections": '[sandbox]\nimage = "postgres:16"'}, "sandbox.image: a SQLite database is a file and has no server"),
        ({"step": '{ command = ["x"], env = { A = "{host}" } }'}, "env.A: {host} has no meaning for a file; write {path} or {url}"),
        ({"sections": '[changes]\nadded = ["policy:t.p"]'}, 'changes.added: found "policy:t.p": SQLite has no policy'),
        ({"sections": "[changes.rows.\"other.t\"]\nadded = 1"}, 'found "other.t": a SQLite database is one schema'),
        ({"criterion": 'kind = "rls"\ntable = "t"'}, '"rls" has no meaning for SQLite: SQLite has no row-level security'),
        ({"criterion": 'kind = "object_count"\nobject = "policies"\nafter = 0'}, "object: SQLite has no policies. Allowed: "),
        ({"criterion": 'kind = "object_count"\nobject = "tables"\nschema = "s"\nafter = 1'}, "schema: a SQLite database is one"),
        ({"criterion": 'kind = "absent"\nnames = ["function:f()"]'}, 'names: found "function:f()": SQLite has no function'),
        ({"criterion": 'kind = "accepts"\nsql = "DELETE FROM t"\nrole = "r"'}, "role: SQLite has no roles"),
        ({"criterion": 'kind = "query"\nsql = "SELECT 1 = 1"\nvalue = true'}, "value: SQLite has no true and false; write 1 or 0"),
        ({"criterion": 'kind = "query"\nsql = "SELECT now()::text"\nvalue = 1'}, "is not SQL"),
        ({"criterion": 'kind = "query"\nsql = "PRAGMA foreign_key_check"\nempty = true'}, "SELECT * FROM pragma_foreign_key_check"),
        ({"criterion": 'kind = "row_count"\ntable = "main.t"\nequals = 1'}, 'table: found "main.t"'),
        ({"criterion": 'kind = "constraint"\ntable = "t"\nname = "c"\nvalidated = false'}, "SQLite has no NOT VALID"),
        ({"criterion": 'kind = "index"\nname = "i"\nvalid = false'}, "an index of SQLite is always valid"),
        ({"criterion": 'kind = "index"\nname = "i"\ndefinition = "CREATE TABLE t (a)"'}, "is not one CREATE INDEX statement"),
        ({"criterion": 'kind = "constraint"\ntable = "t"\nname = "c"\ndefinition = "DEFAULT 1"'}, "defines no constraint"),
    ],
)  # fmt: skip
def test_what_sqlite_lacks_is_refused(tmp_path: Path, parts: dict[str, str], problem: str) -> None:
    """The message names the key, says why, and what to write instead."""
    found = "\n".join(_problems(tmp_path, **parts))

    assert problem in found


def test_true_is_no_expectation_of_a_checks_file(tmp_path: Path) -> None:
    """SQLite answers 1 where PostgreSQL answers true."""
    (tmp_path / "checks.sql").write_text("-- expect: true\nSELECT 1 = 1;\n")

    found = _problems(tmp_path, criterion='kind = "queries"\nfile = "../checks.sql"')

    assert "SQLite has no true and false; write 1 or 0" in "\n".join(found)
