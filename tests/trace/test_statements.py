"""What ran is counted wherever it ran: inside of functions, DO blocks and triggers, and for a foreign key."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from pytest_cutover.canaries import watching
from pytest_cutover.sandbox import Server
from pytest_cutover.sandbox.binaries import find_binaries
from pytest_cutover.sandbox.embedded import EmbeddedServer
from pytest_cutover.trace import Executed, record
from pytest_cutover.trace.statements import NOT_LOADED
from tests.tracing import RUNNERS, Traced, migrated

BEFORE = """
CREATE TABLE airlines (id int PRIMARY KEY, name text);
INSERT INTO airlines SELECT g, 'secret ' || g FROM generate_series(1, 100) AS g;
CREATE TABLE flights (id int PRIMARY KEY, airline int REFERENCES airlines ON DELETE CASCADE, note text);
INSERT INTO flights SELECT g, g FROM generate_series(1, 100) AS g;
CREATE TABLE logs (id int);
CREATE TABLE old_logs (id int);
CREATE TABLE stamps (id int);
CREATE FUNCTION stamp() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN INSERT INTO stamps VALUES (NEW.id); RETURN NULL; END $$;
CREATE TRIGGER stamped AFTER UPDATE ON airlines FOR EACH ROW EXECUTE FUNCTION stamp();
"""
MIGRATION = """
CREATE ROLE app_statements PASSWORD 'secret';
GRANT ALL ON ALL TABLES IN SCHEMA public TO app_statements;
UPDATE airlines SET name = 'secret' WHERE id <= 10;
DELETE FROM airlines WHERE id > 90;
DO $$ BEGIN
    LOCK TABLE logs IN SHARE MODE;
    TRUNCATE public.old_logs;
    EXECUTE 'DELETE FROM flights WHERE note IS NULL AND id = 1 -- secret';
END $$;
CREATE FUNCTION as_owner() RETURNS void LANGUAGE plpgsql SECURITY DEFINER AS
    $$ BEGIN UPDATE flights SET note = 'secret' WHERE id <= 5; END $$;
SET ROLE app_statements;
SELECT as_owner();
UPDATE flights SET note = 'secret' WHERE id < 3;
RESET ROLE;
COMMENT ON TABLE logs IS 'secret';
CREATE EXTENSION pg_stat_statements;
DROP ROLE IF EXISTS app_secret;
REVOKE ALL ON ALL TABLES IN SCHEMA public FROM app_statements;
DROP ROLE app_statements;
"""


@pytest.fixture(scope="module", params=RUNNERS)
def done(
    request: pytest.FixtureRequest, traced_server: Server, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Traced]:
    """The migration, without a look at its locks from outside."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pytest_cutover.trace.sampler.INTERVAL_S", 60.0)
        with migrated(traced_server, tmp_path_factory.mktemp("ran"), BEFORE, MIGRATION, request.param) as traced:
            patch.undo()
            assert traced.run.ok, traced.run.failed_step
            assert traced.trace.not_counted == ""
            yield traced


def _ran(done: Traced, text: str, *, toplevel: bool) -> Executed:
    [found] = [each for each in done.trace.executed if each.text.startswith(text) and each.toplevel is toplevel]
    return found


@pytest.mark.parametrize(
    ("text", "toplevel", "calls", "rows"),
    [
        ("UPDATE airlines SET name = $1", True, 1, 10),
        ("INSERT INTO stamps VALUES", False, 10, 10),
        ("DELETE FROM airlines", True, 1, 10),
        ('DELETE FROM ONLY "public"."flights" WHERE $1 OPERATOR(pg_catalog.=) "airline"', False, 10, 10),
        ("DELETE FROM flights WHERE note IS NULL", False, 1, 1),
        ("LOCK TABLE logs", False, 1, 0),
        ("TRUNCATE public.old_logs", False, 1, 0),
        ("UPDATE flights SET note = $1 WHERE id <=", False, 1, 4),
    ],
)
def test_each_statement_is_counted_with_its_rows(
    text: str, toplevel: bool, calls: int, rows: int, done: Traced
) -> None:
    """Also what a trigger, a function or a foreign key runs."""
    found = _ran(done, text, toplevel=toplevel)

    assert (found.calls, found.rows) == (calls, rows)
    assert found.seconds > 0


def test_the_role_is_the_one_whose_rights_a_statement_had(traced_server: Server, tmp_path: Path) -> None:
    """SET ROLE takes rights away, and SECURITY DEFINER gives the owner's."""
    kept = MIGRATION.split("REVOKE ALL")[0]
    with migrated(traced_server, tmp_path, BEFORE, kept) as done:
        assert _ran(done, "UPDATE flights SET note = $1 WHERE id <=", toplevel=False).role == "postgres"
        assert _ran(done, "UPDATE flights SET note = $1 WHERE id <", toplevel=True).role == "app_statements"
        with done.target.connect() as connection:
            connection.execute("DROP OWNED BY app_statements; DROP ROLE app_statements")


def test_no_value_and_no_password_is_shown(done: Traced) -> None:
    """What is no query the server keeps as it was sent."""
    assert "secret" not in " ".join(each.text for each in done.trace.executed).replace("app_secret", "")
    assert "secret" not in repr(done.trace.executed).replace("app_secret", "")
    assert _ran(done, "COMMENT ON TABLE logs", toplevel=True).text == "COMMENT ON TABLE logs IS ?"


def test_the_trace_does_not_count_itself(traced_server: Server, tmp_path: Path) -> None:
    """Nor those who watch how long its tables are closed."""
    target = traced_server.create("traced_watched")
    try:
        with target.connect() as connection:
            connection.execute(BEFORE.encode())
        with record(traced_server, target) as recording, watching(target, ["flights"]), target.connect() as connection:
            connection.execute("ALTER TABLE flights ADD COLUMN cid int")
    finally:
        traced_server.drop("traced_watched")

    assert [each.text for each in recording.had().executed] == ["ALTER TABLE flights ADD COLUMN cid int"]


@pytest.mark.parametrize(("table", "mode"), [("logs", "SHARE"), ("old_logs", "ACCESS EXCLUSIVE")])
def test_a_lock_inside_of_a_function_that_nobody_saw_is_named(table: str, mode: str, done: Traced) -> None:
    """Its length is not known, and not told as if it were."""
    held = done.held(table)[mode]

    assert held.at_most
    assert held.length.startswith("at most ")
    assert held.by == ("LOCK" if mode == "SHARE" else "TRUNCATE") + " inside of a function"


def test_a_lock_that_was_seen_is_not_told_twice(traced_server: Server, tmp_path: Path) -> None:
    """It is named by what took it, and has the length that was measured."""
    text = "DO $$ BEGIN LOCK TABLE logs; PERFORM pg_sleep(0.3); END $$;\nDO $$ BEGIN TRUNCATE old_logs; CREATE TABLE other (); END $$;"
    with migrated(traced_server, tmp_path, BEFORE, text) as done:
        # A TRUNCATE takes SHARE as well.
        held = [each for each in done.trace.held if each.mode == "ACCESS EXCLUSIVE"]

    assert [(each.table, each.at_most) for each in held] == [("logs", False), ("old_logs", False)]
    assert held[0].by == "LOCK inside of a function"
    assert held[0].seconds >= 0.25


def test_a_table_that_a_truncate_inside_of_a_function_takes_along_is_named(
    traced_server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server tells of it in a notice."""
    monkeypatch.setattr("pytest_cutover.trace.sampler.INTERVAL_S", 60.0)
    with migrated(traced_server, tmp_path, BEFORE, "DO $$ BEGIN TRUNCATE airlines CASCADE; END $$;") as done:
        held = done.held("flights")["ACCESS EXCLUSIVE"]

    assert (held.at_most, held.by) == (True, "TRUNCATE … CASCADE inside of a function")


@pytest.mark.parametrize(
    "text",
    [
        "SET pg_stat_statements.track = none; DELETE FROM logs;",
        "SELECT set_config('compute_query_id', 'off', false); DELETE FROM logs;",
        "CREATE EXTENSION pg_stat_statements; SELECT pg_stat_statements_reset();",
        "CREATE EXTENSION pg_stat_statements; SELECT forget();",
        "SELECT uncounted();",
    ],
)
def test_a_migration_that_disturbs_the_counting_is_said_to(text: str, traced_server: Server, tmp_path: Path) -> None:
    """It goes through as it would have, and is not told to have done nothing."""
    before = f"""{BEFORE}
    CREATE FUNCTION uncounted() RETURNS void LANGUAGE plpgsql SET pg_stat_statements.track = 'none' AS
        $$ BEGIN DELETE FROM logs; END $$;
    CREATE FUNCTION forget() RETURNS void LANGUAGE plpgsql AS
        $$ DECLARE x text; BEGIN x := pg_stat_statements_reset(10, 0, 0); END $$;
    """
    used = "uncounted" if "uncounted" in text else "forget"
    other = "forget" if used == "uncounted" else "uncounted"
    with migrated(traced_server, tmp_path, f"{before} DROP FUNCTION {other};", text) as done:
        assert done.run.ok, done.run.failed_step
        assert "pg_stat_statements" in done.trace.not_counted


@pytest.fixture
def start() -> Iterator[Callable[..., EmbeddedServer]]:
    """A function that starts a server of its own."""
    started: list[EmbeddedServer] = []

    def begin(settings: dict[str, str] | None = None, without_library: bool = False) -> EmbeddedServer:
        binaries = find_binaries()[0]
        if without_library:
            # Where the account that runs the server can read it.
            copy = Path(folder) / "programs"
            shutil.copytree(binaries.folder.parent, copy, symlinks=True, ignore=shutil.ignore_patterns("bitcode"))
            for path in copy.rglob("pg_stat_statements.*"):
                path.unlink()
            binaries = replace(binaries, folder=copy / binaries.folder.name, wheel=None)
        started.append(EmbeddedServer.start(binaries, "for a test", settings))
        return started[0]

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield begin
        for server in started:
            server.close()


def test_statements_that_the_server_forgot_are_said_to_be_missing(
    start: Callable[..., EmbeddedServer], tmp_path: Path
) -> None:
    """A server has room for so many different statements, and makes room by forgetting."""
    server = start({"shared_preload_libraries": "pg_stat_statements", "pg_stat_statements.max": "100"})
    text = "".join(f"CREATE TABLE t{number} ();\n" for number in range(200))

    with migrated(server, tmp_path, BEFORE, text) as done:
        assert "forgot" in done.trace.not_counted
        assert 0 < len(done.trace.executed) < 200


@pytest.mark.parametrize("how", ["another library", "no such library"])
def test_a_server_without_the_library_is_traced_all_the_same(
    how: str, start: Callable[..., EmbeddedServer], tmp_path: Path
) -> None:
    """Only what ran is not known, and that is said."""
    server = start({"shared_preload_libraries": ""}) if how == "another library" else start(without_library=True)

    with migrated(server, tmp_path, BEFORE, "ALTER TABLE flights ADD COLUMN cid int;") as done:
        assert done.run.ok
        assert done.held("flights")["ACCESS EXCLUSIVE"].by == "ALTER TABLE public.flights"
        assert (done.trace.executed, done.trace.not_counted) == ((), NOT_LOADED)
