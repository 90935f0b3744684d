"""Flyway's migrations run as Flyway runs them, and its history says what ran."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from pytest_cutover.flyway.files import checksum
from pytest_cutover.flyway.lock import lock_number
from pytest_cutover.migrate import StepRun, run_steps
from pytest_cutover.plan.model import Step
from pytest_cutover.target import Target

NewDatabase = Callable[..., Target]

ONE = "CREATE TABLE t (id int PRIMARY KEY);"
TWO = "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);"


def _run(database: Target, folder: Path, files: dict[str, str], **settings: Any) -> StepRun:
    """Runs the files as a folder of migrations."""
    where = folder / "sql"
    where.mkdir(exist_ok=True)
    for old in where.iterdir():
        old.unlink()
    for name, text in files.items():
        (where / name).write_text(text, encoding="utf-8")
    step = Step(flyway="sql", settings=settings, placeholders={"owner": "postgres"})
    return run_steps([step], folder, database).steps[0]


def _rows(target: Target, query: str) -> list[tuple[Any, ...]]:
    with target.connect() as connection:
        return connection.execute(query.encode()).fetchall()


def _history(target: Target, table: str = "flyway_schema_history") -> list[tuple[Any, ...]]:
    return _rows(target, f"SELECT installed_rank, version, description, type, script, success FROM {table} ORDER BY 1")


def _exists(target: Target, name: str) -> bool:
    return _rows(target, f"SELECT to_regclass('{name}') IS NOT NULL") == [(True,)]


def test_what_is_pending_runs_in_order_and_is_written_down(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()

    run = _run(
        target, tmp_path, {"R__v.sql": "CREATE VIEW v AS SELECT * FROM t;", "V2__fill_t.sql": TWO, "V1__t.sql": ONE}
    )

    assert run.outcome == "ok", run.error
    assert _history(target) == [
        (1, "1", "t", "SQL", "V1__t.sql", True),
        (2, "2", "fill t", "SQL", "V2__fill_t.sql", True),
        (3, None, "v", "SQL", "R__v.sql", True),
    ]
    assert [(each.file, each.line, each.tag) for each in run.statements] == [
        ("V1__t.sql", 1, "CREATE TABLE"), ("V2__fill_t.sql", 1, "INSERT 0 1"), ("V2__fill_t.sql", 2, "INSERT 0 1"),
        ("R__v.sql", 1, "CREATE VIEW"),
    ]  # fmt: skip
    facts = "SELECT checksum, installed_by, execution_time >= 0, installed_on IS NOT NULL FROM flyway_schema_history"
    assert _rows(target, facts + " WHERE version = '1'") == [(checksum(ONE), target.user, True, True)]


def test_the_history_table_is_the_one_that_flyway_makes(new_database: NewDatabase, tmp_path: Path) -> None:
    """Column by column, with the names of its key and index."""
    target = new_database()
    _run(target, tmp_path, {"V1__t.sql": ONE})

    columns = _rows(
        target,
        """SELECT attname, format_type(atttypid, atttypmod), attnotnull, pg_get_expr(adbin, adrelid)
        FROM pg_attribute LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum
        WHERE attrelid = 'flyway_schema_history'::regclass AND attnum > 0 ORDER BY attnum""",
    )
    indexes = _rows(target, "SELECT indexdef FROM pg_indexes WHERE tablename = 'flyway_schema_history' ORDER BY 1")

    assert columns == [
        ("installed_rank", "integer", True, None), ("version", "character varying(50)", False, None),
        ("description", "character varying(200)", True, None), ("type", "character varying(20)", True, None),
        ("script", "character varying(1000)", True, None), ("checksum", "integer", False, None),
        ("installed_by", "character varying(100)", True, None),
        ("installed_on", "timestamp without time zone", True, "now()"), ("execution_time", "integer", True, None),
        ("success", "boolean", True, None),
    ]  # fmt: skip
    assert [text for (text,) in indexes] == [
        "CREATE INDEX flyway_schema_history_s_idx ON public.flyway_schema_history USING btree (success)",
        "CREATE UNIQUE INDEX flyway_schema_history_pk ON public.flyway_schema_history USING btree (installed_rank)",
    ]


def test_a_second_run_does_nothing(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()
    files = {"V1__t.sql": ONE, "R__v.sql": "CREATE VIEW v AS SELECT * FROM t;"}
    _run(target, tmp_path, files)
    before = _history(target)

    run = _run(target, tmp_path, files)

    assert run.outcome == "ok" and not run.statements
    assert _history(target) == before


def test_a_repeatable_one_runs_again_when_it_changed(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()
    _run(target, tmp_path, {"V1__t.sql": ONE, "R__v.sql": "CREATE OR REPLACE VIEW v AS SELECT id FROM t;"})

    _run(target, tmp_path, {"V1__t.sql": ONE, "R__v.sql": "CREATE OR REPLACE VIEW v AS SELECT id, 1 AS n FROM t;"})

    assert [(row[0], row[1]) for row in _history(target)] == [(1, "1"), (2, None), (3, None)]
    assert _rows(target, "SELECT count(*) FROM pg_attribute WHERE attrelid = 'v'::regclass") == [(2,)]


def test_a_failed_migration_is_rolled_back_and_leaves_no_row(new_database: NewDatabase, tmp_path: Path) -> None:
    """So the absence of failed rows proves nothing."""
    target = new_database()

    run = _run(
        target,
        tmp_path,
        {"V1__t.sql": ONE, "V2__two.sql": "CREATE TABLE u (id int);\nSELECT\n  nothing;", "V3__x.sql": TWO},
    )

    assert run.outcome == "failed" and run.error is not None
    assert (run.error.file, run.error.line, run.error.sqlstate) == ("V2__two.sql", 3, "42703")
    assert "version 2" in run.error.message and "no row of it" in run.error.message
    assert [row[1] for row in _history(target)] == ["1"]
    assert not _exists(target, "u")


def test_a_failed_one_outside_of_a_transaction_leaves_a_failed_row(new_database: NewDatabase, tmp_path: Path) -> None:
    """And the next run stops at it, until somebody repairs the history."""
    target = new_database()
    files = {
        "V1__t.sql": "CREATE TABLE t (id int); INSERT INTO t VALUES (1), (1);",
        "V2__i.sql": "CREATE UNIQUE INDEX CONCURRENTLY i ON t (id);",
    }

    run = _run(target, tmp_path, files, **{"postgresql.transactional.lock": False})
    again = _run(target, tmp_path, files, **{"postgresql.transactional.lock": False})

    assert run.error is not None and "the history holds a failed row" in run.error.message
    assert [(row[1], row[5]) for row in _history(target)] == [("1", True), ("2", False)]
    assert again.error is not None and "Detected failed migration to version 2 (i)" in again.error.message


def test_where_flyway_would_wait_for_itself_it_is_told(new_database: NewDatabase, tmp_path: Path) -> None:
    """Its lock keeps a transaction open, which CONCURRENTLY waits for: the rehearsal may not go through."""
    target = new_database(ONE)

    run = _run(target, tmp_path, {"V2__i.sql": "CREATE INDEX CONCURRENTLY i ON t (id);"}, baselineOnMigrate=True)

    assert run.error is not None and '"postgresql.transactional.lock" = false' in run.error.message
    assert not _exists(target, "i")


def test_both_kinds_of_statements_are_not_mixed(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()
    files = {"V1__t.sql": ONE + "\nVACUUM t;"}

    refused = _run(target, tmp_path, files)
    mixed = _run(target, tmp_path, files, mixed=True)

    assert refused.error is not None
    assert "Detected both transactional and non-transactional statements" in refused.error.message
    assert "V1__t.sql:2" in refused.error.message
    assert mixed.outcome == "ok", mixed.error


def test_its_own_commit_is_told(new_database: NewDatabase, tmp_path: Path) -> None:
    """What came before stays, and nothing says so."""
    target = new_database()

    run = _run(target, tmp_path, {"V1__t.sql": ONE + "\nCOMMIT;\nSELECT 1/0;"})

    assert run.error is not None and "what came before its own COMMIT stays" in run.error.message
    assert _exists(target, "t") and _history(target) == []


def test_a_deferred_constraint_fails_the_migration(new_database: NewDatabase, tmp_path: Path) -> None:
    """It is only looked at when the transaction commits."""
    target = new_database("CREATE TABLE p (id int PRIMARY KEY)")
    sql = "CREATE TABLE c (p int REFERENCES p DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO c VALUES (7);"

    run = _run(target, tmp_path, {"V2__c.sql": sql}, baselineOnMigrate=True)

    assert run.error is not None and run.error.sqlstate == "23503"
    assert [row[3] for row in _history(target)] == ["BASELINE"]


def test_an_edited_migration_is_refused(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()
    _run(target, tmp_path, {"V1__t.sql": ONE})

    run = _run(target, tmp_path, {"V1__t.sql": ONE + " -- better", "V2__x.sql": TWO})
    unchecked = _run(target, tmp_path, {"V1__t.sql": ONE + " -- better", "V2__x.sql": TWO}, validateOnMigrate=False)

    assert run.error is not None
    assert "Migration checksum mismatch for migration version 1" in run.error.message
    assert f"applied to database {checksum(ONE)}" in run.error.message
    assert unchecked.outcome == "ok"


def test_a_migration_that_is_gone_is_refused(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()
    _run(target, tmp_path, {"V1__t.sql": ONE, "V2__x.sql": TWO, "V3__y.sql": "SELECT 1;"})

    run = _run(target, tmp_path, {"V1__t.sql": ONE, "V3__y.sql": "SELECT 1;"})
    ignored = _run(
        target, tmp_path, {"V1__t.sql": ONE, "V3__y.sql": "SELECT 1;"}, ignoreMigrationPatterns=["versioned:missing"]
    )

    assert run.error is not None and "Detected applied migration not resolved locally: 2" in run.error.message
    assert ignored.outcome == "ok"


def test_a_renamed_migration_is_refused(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()
    _run(target, tmp_path, {"V1__t.sql": ONE})

    run = _run(target, tmp_path, {"V1__make_t.sql": ONE})

    assert run.error is not None
    assert "description mismatch for migration version 1: applied to database t, resolved locally make t" in str(
        run.error
    )


def test_an_older_version_that_comes_late_is_refused_unless_allowed(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()
    _run(target, tmp_path, {"V1__t.sql": ONE, "V3__x.sql": TWO})
    late = {"V1__t.sql": ONE, "V2__late.sql": "CREATE TABLE late ();", "V3__x.sql": TWO}

    refused = _run(target, tmp_path, late)
    allowed = _run(target, tmp_path, late, outOfOrder=True)

    assert refused.error is not None
    assert "Detected resolved migration not applied to database: 2" in refused.error.message
    assert allowed.outcome == "ok"
    assert [row[1] for row in _history(target)] == ["1", "3", "2"]
    assert "outOfOrder mode is active" in allowed.notices[0].message


def test_a_database_without_a_history_is_refused_unless_it_is_to_be_baselined(
    new_database: NewDatabase, tmp_path: Path
) -> None:
    target = new_database("CREATE TABLE old ()")
    files = {"V1__t.sql": ONE, "V2__u.sql": "CREATE TABLE u ();", "V3__w.sql": "CREATE TABLE w ();"}

    refused = _run(target, tmp_path, files)
    taken = _run(target, tmp_path, files, baselineOnMigrate=True, baselineVersion="2")

    assert refused.error is not None
    assert 'Found non-empty schema(s) "public" but no schema history table' in refused.error.message
    assert taken.outcome == "ok", taken.error
    assert _history(target) == [
        (1, "2", "<< Flyway Baseline >>", "BASELINE", "<< Flyway Baseline >>", True),
        (2, "3", "w", "SQL", "V3__w.sql", True),
    ]
    assert not _exists(target, "t") and not _exists(target, "u")


def test_the_target_is_the_last_version_that_runs(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()
    files = {"V1__t.sql": ONE, "V2__x.sql": TWO, "V3__y.sql": "SELECT 1;"}

    _run(target, tmp_path, files, target="2")
    stopped = [row[1] for row in _history(target)]
    _run(target, tmp_path, files, target="next")
    unknown = _run(target, tmp_path, files, target="9")

    assert stopped == ["1", "2"]
    assert [row[1] for row in _history(target)] == ["1", "2", "3"]
    assert unknown.error is not None and "No migration with a target version 9" in unknown.error.message


def test_a_group_is_one_transaction(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()

    run = _run(target, tmp_path, {"V1__t.sql": ONE, "V2__x.sql": "SELECT 1/0;"}, group=True)

    assert run.outcome == "failed"
    assert _history(target) == [] and not _exists(target, "t")


def test_a_schema_and_a_table_of_their_own(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database()

    run = _run(target, tmp_path, {"V1__t.sql": ONE}, schemas=["parking"], table="versions")

    assert run.outcome == "ok", run.error
    assert _history(target, "parking.versions") == [
        (0, None, "<< Flyway Schema Creation >>", "SCHEMA", '"parking"', True), (1, "1", "t", "SQL", "V1__t.sql", True),
    ]  # fmt: skip
    assert _exists(target, "parking.t") and not _exists(target, "public.t")


def test_a_session_setting_does_not_reach_the_next_migration(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database("CREATE SCHEMA other")

    run = _run(
        target,
        tmp_path,
        {"V1__a.sql": "SET search_path = other; CREATE TABLE a ();", "V2__b.sql": "CREATE TABLE b ();"},
    )

    assert run.outcome == "ok", run.error
    assert _exists(target, "other.a") and _exists(target, "public.b")


def test_messages_and_files_passed_over_are_kept(new_database: NewDatabase, tmp_path: Path) -> None:
    run = _run(
        new_database(), tmp_path,
        {"V1__a.sql": "\nDO $$ BEGIN RAISE WARNING 'two of ${owner}'; END $$;", "V2_b.sql": "SELECT 1;"},
    )  # fmt: skip

    assert [(each.severity, each.file, each.line) for each in run.notices] == [
        ("WARNING", None, None), ("WARNING", "V1__a.sql", 2),
    ]  # fmt: skip
    assert "V2_b.sql is passed over" in run.notices[0].message
    assert run.notices[1].message == "two of postgres"


def test_no_row_value_is_in_an_error(new_database: NewDatabase, tmp_path: Path) -> None:
    target = new_database("CREATE TABLE t (name text); INSERT INTO t VALUES ('secret-value')")

    run = _run(target, tmp_path, {"V2__x.sql": "SELECT name::int FROM t;"}, baselineOnMigrate=True)

    assert run.error is not None and "secret-value" not in str(run.error)


@pytest.mark.parametrize(
    ("sql", "told"),
    [
        ("\\i x.sql\n", "psql command"),
        ("SELEKT 1;", "syntax error"),
        ("CREATE TABLE t (id int);\nCOPY t FROM stdin;\n1\n\\.\n", "write them as INSERT"),
    ],
)
def test_what_is_not_sql_is_told_with_its_file(new_database: NewDatabase, tmp_path: Path, sql: str, told: str) -> None:
    run = _run(new_database(), tmp_path, {"V1__x.sql": sql})

    assert run.error is not None and told in run.error.message
    assert run.error.file == "V1__x.sql"


def test_a_run_beside_another_one_waits_for_flyways_lock(new_database: NewDatabase, tmp_path: Path) -> None:
    """The lock is the one that a real Flyway takes, so the two exclude each other."""
    target = new_database()

    with target.connect() as other:
        number = lock_number("public", "flyway_schema_history")
        other.execute("SELECT pg_advisory_lock(%s)", (number,))
        run = _run(target, tmp_path, {"V1__t.sql": ONE}, lockRetryCount=0)

    assert run.error is not None and "Number of retries exceeded" in run.error.message
    assert not _exists(target, "t")
