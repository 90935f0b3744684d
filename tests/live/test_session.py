"""The session on a live server: nothing can be written, nothing waits for long, and every failure has its outcome."""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest
import sqlalchemy

from pytest_cutover.criteria import KINDS
from pytest_cutover.errors import NotChecked, QueryError
from pytest_cutover.live.baseline import SavedDatabase
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.target import Target
from tests.live.conftest import ROWS, SCHEMA

_NOWHERE = Path("reports/baselines/first.production.json")

WRITES = """
CREATE FUNCTION delete_all() RETURNS int LANGUAGE plpgsql AS $$ BEGIN DELETE FROM parcels; RETURN 1; END $$;
CREATE FUNCTION open_up() RETURNS text LANGUAGE sql AS
  $$ SELECT set_config('default_transaction_read_only', 'off', false) || set_config('statement_timeout', '0', false) $$;
CREATE FUNCTION open_now() RETURNS text LANGUAGE sql AS $$ SELECT set_config('transaction_read_only', 'off', false) $$;
"""
SLOW = "SELECT count(*) FROM generate_series(1, 100000000)"


@pytest.fixture
def production(new_database: Callable[..., Target]) -> Target:
    """A live database with functions that write."""
    return new_database(SCHEMA + ROWS + WRITES)


@pytest.fixture
def database(production: Target) -> Iterator[LivePostgres]:
    """The view of it, as an all-powerful role."""
    view = LivePostgres(production)
    yield view
    view.close()


@pytest.fixture
def onlooker(production: Target) -> Iterator[LivePostgres]:
    """The view of it as a role that may only read one table."""
    with production.connect() as connection:
        connection.execute("CREATE ROLE onlooker LOGIN PASSWORD 'x'; GRANT SELECT ON parcels TO onlooker")
    view = LivePostgres(Target(production.host, production.port, production.database, "onlooker", "x"))
    yield view
    view.close()
    with production.connect() as connection:
        connection.execute("DROP OWNED BY onlooker; DROP ROLE onlooker")


def execute(target: Target, sql: str) -> None:
    with target.connect() as connection:
        connection.execute(sql.encode())


def rows(target: Target) -> int:
    with target.connect() as connection:
        found = connection.execute("SELECT count(*) FROM parcels").fetchone()
        assert found is not None
        return int(found[0])


def outcome(database: LivePostgres, kind: str, **keys: object) -> str:
    """What a criterion without a baseline finds, or why it was not checked."""
    criterion = KINDS[kind].model_validate({"id": "c", "kind": kind, **keys})
    before = SavedDatabase("postgresql", database.language, None, _NOWHERE)
    try:
        with database.checking("c"):
            finding = criterion.check(before, database)  # type: ignore[attr-defined]
            return f"{'holds' if finding.holds else 'fails'}: {finding.message}"
    except NotChecked as reason:
        return f"not checked: {reason}"


@pytest.mark.parametrize(
    "statement",
    [
        "COMMIT; DELETE FROM parcels",
        "SELECT 1; DELETE FROM parcels",
        "DELETE FROM parcels RETURNING 1",
        "WITH gone AS (DELETE FROM parcels RETURNING 1) SELECT * FROM gone",
        "SET default_transaction_read_only = off",
        "SELECT set_config('default_transaction_read_only', 'off', false)",
        "SELECT pg_terminate_backend(pg_backend_pid())",
        "SELECT pg_catalog.pg_cancel_backend(1)",
        "SELECT dblink_exec('dbname=x', 'DELETE FROM parcels')",
        "SELECT * FROM dblink_get_result('c') AS t(a int)",
        "SELECT lo_truncate(1, 0)",
        "SELECT pg_try_advisory_lock(1)",
        "SELECT pg_drop_replication_slot('s')",
        "SELECT pg_stat_reset_shared('bgwriter')",
        "SELECT pg_stat_statements_reset()",
        "SELECT * FROM parcels FOR UPDATE",
        "DO $$ BEGIN DELETE FROM parcels; END $$",
        "COPY parcels TO PROGRAM 'cat'",
        "SELECT 1 INTO other",
    ],
)
def test_what_does_more_than_read_is_refused(database: LivePostgres, production: Target, statement: str) -> None:
    """In every way that a check has to ask."""
    for ask in (database.query, database.drain, database.frame, lambda sql: database.fetch(sql, 5)):
        with database.checking("c"), pytest.raises(QueryError, match="a live database is only read"):
            ask(statement)  # type: ignore[operator]

    assert rows(production) == 2


@pytest.mark.parametrize("places", ["the role", "the address", "the role's name", "the database"])
def test_a_name_without_a_schema_means_what_it_meant_in_the_rehearsal(
    production: Target, new_database: Callable[..., Target], places: str
) -> None:
    """A rehearsal knows neither the settings of a live role nor those of an address; a database's own are compared."""
    shadow = "CREATE SCHEMA onlooker; CREATE TABLE onlooker.parcels (id int); INSERT INTO onlooker.parcels VALUES (9);"
    target = new_database(SCHEMA + ROWS + shadow)
    with production.connect() as connection:
        connection.execute("CREATE ROLE onlooker LOGIN PASSWORD 'x'; GRANT pg_read_all_data TO onlooker")
        if places == "the role":
            connection.execute("ALTER ROLE onlooker SET search_path = onlooker")
    parameters = {"options": "-csearch_path=onlooker"} if places == "the address" else {}
    if places == "the database":
        execute(target, f"ALTER DATABASE {target.database} SET search_path = 'Other One', \"$user\", public")
    view = LivePostgres(Target(target.host, target.port, target.database, "onlooker", "x", parameters))
    try:
        assert outcome(view, "query", sql="SELECT max(id) FROM parcels", value=2).startswith("holds")
        with view.checking("c"):
            assert view.frame("SELECT max(id) AS id FROM parcels")["id"].tolist() == [2]
            shown = view.scalar("SELECT current_setting('search_path')")
            assert shown == ('"Other One", public' if places == "the database" else "public")
    finally:
        view.close()
        execute(production, "DROP OWNED BY onlooker; DROP ROLE onlooker")


def test_settings_of_the_environment_do_not_reach_a_session(
    production: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """libpq sends PGTZ and PGDATESTYLE in a way that outweighs the session's own settings."""
    for name, value in {"PGTZ": "Asia/Tokyo", "PGDATESTYLE": "German", "PGGEQO": "off"}.items():
        monkeypatch.setenv(name, value)
    with production.connect() as connection:
        found = connection.execute("SELECT '2026-01-01 00:00Z'::timestamptz::text, current_setting('geqo')").fetchone()

    assert found == ("2026-01-01 00:00:00+00", "on")
    assert os.environ["PGTZ"] == "Asia/Tokyo"


def test_a_function_that_writes_is_refused_by_the_server(database: LivePostgres, production: Target) -> None:
    """The text of a SELECT cannot tell what a function does: the server can."""
    told = outcome(database, "query", sql="SELECT delete_all()", value=1)

    assert told.startswith("fails: cannot be asked: cannot execute DELETE in a read-only transaction")
    assert rows(production) == 2


def test_a_function_cannot_open_the_session_for_a_later_one(database: LivePostgres, production: Target) -> None:
    """What a function sets is taken back with its criterion, and each transaction is read-only by itself."""
    assert outcome(database, "query", sql="SELECT open_up()", rows=1).startswith("holds")
    assert "read-only transaction" in outcome(database, "query", sql="SELECT delete_all()", value=1)
    assert outcome(database, "query", sql="SELECT open_now()", rows=1).startswith("fails")
    with database.checking("c"):
        assert database.scalar("SELECT current_setting('default_transaction_read_only')") == "on"
        assert database.scalar("SELECT current_setting('statement_timeout')") == "5s"
    assert rows(production) == 2


def test_the_sessions_of_own_checks_only_read(database: LivePostgres, production: Target) -> None:
    """SQLAlchemy is no way around."""
    for statement in ("DELETE FROM parcels", "COMMIT; DELETE FROM parcels", "SET default_transaction_read_only = off"):
        with database.engine.connect() as connection, pytest.raises(QueryError, match="only read"):
            connection.execute(sqlalchemy.text(statement))
    with database.engine.connect() as connection, pytest.raises(sqlalchemy.exc.DBAPIError, match="read-only"):
        connection.execute(sqlalchemy.text("SELECT delete_all()"))
    with database.checking("c"):
        assert database.frame("SELECT id FROM parcels ORDER BY id")["id"].to_list() == [1, 2]
    assert rows(production) == 2


def test_every_session_begins_with_its_limits(database: LivePostgres) -> None:
    """No statement runs without a time limit, and the server says who asks."""
    names = (
        "transaction_read_only", "lock_timeout", "statement_timeout", "idle_in_transaction_session_timeout",
        "row_security", "application_name", "transaction_isolation",
    )  # fmt: skip
    with database.checking("c"):
        found = [database.scalar("SELECT current_setting(%s)", (name,)) for name in names]

    assert found == ["on", "1s", "5s", "1min", "off", "pytest-cutover", "repeatable read"]


def test_the_criteria_see_one_snapshot(database: LivePostgres, production: Target) -> None:
    """What others write meanwhile is not seen by half of the criteria."""
    with database.checking("first"):
        assert database.count("parcels") == 2
    execute(production, "DELETE FROM parcels WHERE id = 1")
    with database.checking("second"):
        assert database.count("parcels") == 2

    assert [each.criteria for each in database.snapshots] == [["first", "second"]]


def test_a_snapshot_is_given_up_before_a_minute_is_over(
    database: LivePostgres, production: Target, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A snapshot that is held keeps vacuum from its work."""
    monkeypatch.setattr("pytest_cutover.live.limits.SNAPSHOT_S", 5.0)
    with database.checking("first"):
        database.count("parcels")
    execute(production, "DELETE FROM parcels WHERE id = 1")
    with database.checking("second"):
        assert database.count("parcels") == 1

    assert [each.criteria for each in database.snapshots] == [["first"], ["second"]]


def test_a_criterion_that_takes_too_long_is_not_checked(database: LivePostgres) -> None:
    """Its budget ends it; the next one is answered."""
    told = r"longer than 200 ms on the live database; `budget` of the criterion"
    with pytest.raises(NotChecked, match=told), database.checking("slow", 0.2):
        database.scalar(SLOW)
    with database.checking("next"):
        assert database.count("parcels") == 2


def test_a_narrower_limit_of_a_check_is_the_checks_own(database: LivePostgres) -> None:
    """A query that must be fast and is not is a finding; only the budget makes it not checked."""
    with database.checking("c"):
        with pytest.raises(QueryError) as caught, database.time_limit(0.05):
            database.scalar(SLOW)
        assert caught.value.sqlstate == "57014"
        assert database.count("parcels") == 2


def test_a_locked_table_is_not_waited_for(database: LivePostgres, production: Target) -> None:
    """Whoever waits for a lock makes others wait behind it."""
    with database.checking("(schema)"):
        _ = database.catalog
    with production.connect(autocommit=False) as other:
        other.execute("LOCK TABLE parcels IN ACCESS EXCLUSIVE MODE")
        began = time.monotonic()
        told = outcome(database, "not_null", table="parcels", columns=["size"])
        assert time.monotonic() - began < 4

    assert told.startswith("not checked: the server gave no answer: canceling statement due to lock timeout")


def test_rows_that_the_role_may_not_see_are_not_checked(onlooker: LivePostgres, production: Target) -> None:
    """Neither a missing privilege nor a policy may look like a table without a fault."""
    execute(production, "CREATE TABLE hidden (id int); ALTER TABLE parcels ENABLE ROW LEVEL SECURITY")

    by_privilege = outcome(onlooker, "not_null", table="hidden", columns=["id"])
    by_policy = outcome(onlooker, "not_null", table="parcels", columns=["size"])

    assert by_privilege == "not checked: may not be read: permission denied for table hidden"
    assert by_policy.startswith("not checked: may not be read") and "row-level security policy" in by_policy


def test_rights_that_are_revoked_meanwhile_are_no_failure(onlooker: LivePostgres, production: Target) -> None:
    """Being refused says nothing of the rows."""
    assert outcome(onlooker, "not_null", table="parcels", columns=["size"]).startswith("holds")

    execute(production, "REVOKE SELECT ON parcels FROM onlooker")

    assert outcome(onlooker, "not_null", table="parcels", columns=["size"]).startswith("not checked: may not be read")


def test_a_table_that_is_dropped_meanwhile_is_a_failure_that_says_so(
    database: LivePostgres, production: Target
) -> None:
    """It was in the schema that was read, and is not there to be asked."""
    with database.checking("(schema)"):
        _ = database.catalog
    execute(production, "DROP TABLE parcels CASCADE")

    assert "42P01" in outcome(database, "not_null", table="parcels", columns=["size"])


def test_a_session_that_is_ended_costs_one_criterion(database: LivePostgres, production: Target) -> None:
    """The one under way is not checked; the next one gets a session of its own."""
    with database.checking("c"):
        pid = database.scalar("SELECT pg_backend_pid()")
    threading.Timer(0.3, _end, (production, pid)).start()

    assert outcome(database, "query", sql=SLOW, value=1).startswith("not checked: the server gave no answer")
    assert outcome(database, "row_count", table="parcels", equals=2).startswith("holds")


@pytest.mark.parametrize("change", [{"user": "nobody"}, {"port": 1}, {"database": "nowhere"}])
def test_a_server_that_cannot_be_reached_is_asked_once(production: Target, change: dict[str, object]) -> None:
    """Every criterion is not checked, for the same reason, and no password is told."""
    view = LivePostgres(replace(production, **change))  # type: ignore[arg-type]
    tries = []
    for _ in range(2):
        with pytest.raises(NotChecked, match="cannot be reached") as caught, view.checking("c"):
            view.count("parcels")
        tries.append(str(caught.value))

    assert tries[0] == tries[1]
    assert production.password not in tries[0]


def _end(target: Target, pid: int) -> None:
    with suppress(psycopg.Error), target.connect() as connection:
        connection.execute("SELECT pg_terminate_backend(%s)", (pid,))
