"""SQL files run as psql would run them, but for stopping at the first error and saying where."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_cutover.migrate import run_steps
from pytest_cutover.migrate.sql import run_sql
from pytest_cutover.plan.model import Step
from pytest_cutover.target import Target

NewDatabase = Callable[..., Target]


def _run(target: Target, tmp_path: Path, sql: str):  # type: ignore[no-untyped-def]
    path = tmp_path / "step.sql"
    path.write_text(sql, encoding="utf-8")
    return run_sql(path, "step.sql", target, None)


def test_statements_run_one_by_one_with_their_lines_and_tags(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()

    run = _run(target, tmp_path, "-- one\nCREATE TABLE t (id int);\n\nINSERT INTO t\nVALUES (1), (2); -- 'ü;'\n")

    assert run.outcome == "ok"
    assert [(each.line, each.tag) for each in run.statements] == [(2, "CREATE TABLE"), (4, "INSERT 0 2")]


def test_an_index_can_be_built_concurrently(new_database: NewDatabase, tmp_path: Path) -> None:
    """It is refused inside a transaction, so the runner may not open one."""
    target = new_database("CREATE TABLE t (id int)")

    assert _run(target, tmp_path, "CREATE INDEX CONCURRENTLY i ON t (id);").outcome == "ok"


def test_the_first_error_stops_and_names_file_line_statement_and_code(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    target = new_database("CREATE TABLE t (id int)")

    run = _run(target, tmp_path, "INSERT INTO t VALUES (1);\n\nSELECT\n  nothing\nFROM t;\nINSERT INTO t VALUES (2);\n")

    assert run.outcome == "failed" and run.error is not None
    assert (run.error.file, run.error.line, run.error.sqlstate) == ("step.sql", 4, "42703")
    assert "nothing" in run.error.message
    with target.connect() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (1,)


def test_the_files_own_transaction_is_undone_by_an_error(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database("CREATE TABLE t (id int)")

    _run(target, tmp_path, "BEGIN; INSERT INTO t VALUES (1); SELECT 1/0; COMMIT;")

    with target.connect() as connection:
        assert connection.execute("SELECT count(*) FROM t").fetchone() == (0,)


def test_a_file_that_forgets_to_commit_fails(new_database: NewDatabase, tmp_path: Path) -> None:
    """psql would end with status 0, and everything would be gone."""
    target = new_database("CREATE TABLE t (id int)")

    run = _run(target, tmp_path, "BEGIN; INSERT INTO t VALUES (1);")

    assert run.outcome == "failed" and run.error is not None
    assert "nothing commits" in run.error.message


def test_notices_and_warnings_are_kept(new_database: NewDatabase, tmp_path: Path) -> None:
    run = _run(new_database(), tmp_path, "DO $$ BEGIN RAISE NOTICE 'one'; RAISE WARNING 'two'; END $$;")

    assert [(each.severity, each.message) for each in run.notices] == [("NOTICE", "one"), ("WARNING", "two")]


@pytest.mark.parametrize(
    ("sql", "told"),
    [("\\i other.sql\n", "psql command"), ("-- nothing\n", "holds no statement"), ("SELEKT 1;", "syntax error")],
)
def test_what_is_not_sql_is_told_before_anything_runs(
    new_database: NewDatabase, tmp_path: Path, sql: str, told: str
) -> None:
    run = _run(new_database(), tmp_path, sql)

    assert run.outcome == "failed" and run.error is not None
    assert told in run.error.message


def test_no_row_value_is_in_an_error(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database("CREATE TABLE t (name text); INSERT INTO t VALUES ('secret-value')")

    bad_cast = _run(target, tmp_path, "SELECT name::int FROM t;")
    bad_check = _run(target, tmp_path, "ALTER TABLE t ADD CHECK (name = 'x');")

    assert bad_cast.error is not None and "secret-value" not in str(bad_cast.error)
    assert bad_check.error is not None and "secret-value" not in str(bad_check.error)


def test_steps_behind_a_failed_one_do_not_run(new_database: NewDatabase, tmp_path: Path) -> None:
    (tmp_path / "1.sql").write_text("SELECT 1/0;")
    (tmp_path / "2.sql").write_text("SELECT 1;")

    run = run_steps([Step(sql="1.sql"), Step(sql="2.sql")], tmp_path, new_database())

    assert [step.outcome for step in run.steps] == ["failed", "not_run"]


def test_a_command_gets_the_sandbox_and_no_other_address(
    new_database: NewDatabase, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A script that reads DATABASE_URL from the surroundings must not find production there."""
    monkeypatch.setenv("DATABASE_URL", "postgresql://app:secret@production.invalid/app")
    monkeypatch.setenv("PGHOST", "production.invalid")
    monkeypatch.setenv("APP_CONFIG", "postgresql://app:secret@production.invalid/app")
    target = new_database()
    code = "import os; open('seen', 'w').write(repr(sorted(os.environ.items())))"
    step = Step(command=["{python}", "-c", code], env={"TARGET": "{url}"})

    run = run_steps([step], tmp_path, target)

    seen = (tmp_path / "seen").read_text()
    assert run.ok
    assert "production.invalid" not in seen
    assert f":{target.port}/{target.database}" in seen


def test_a_command_that_asks_a_question_does_not_hang(new_database: NewDatabase, tmp_path: Path) -> None:
    run = run_steps([Step(command=["{python}", "-c", "input('sure? ')"])], tmp_path, new_database())

    assert not run.ok
    assert "EOFError" in str(run.steps[0].error)
