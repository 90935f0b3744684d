"""What only a superuser gets is named, by its statement; what an ordinary owner may do is not."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from pytest_cutover.errors import NotChecked, SandboxError
from pytest_cutover.ordinary.model import Ordinary
from pytest_cutover.ordinary.run import ran_as_ordinary
from pytest_cutover.plan.model import Step
from pytest_cutover.sandbox import Sandboxes, Server
from tests.tracing import RUNNERS, migrated, psql_step

BEFORE = """
CREATE TABLE flights (id int PRIMARY KEY, callsign text);
INSERT INTO flights SELECT g, 'ab' || g FROM generate_series(1, 10) AS g;
CREATE TABLE legs (id serial PRIMARY KEY, flight int REFERENCES flights, noted timestamptz DEFAULT now(), by text);
INSERT INTO legs (flight) SELECT id FROM flights;
CREATE TABLE given (id int);
CREATE VIEW all_legs AS SELECT * FROM legs;
CREATE FUNCTION seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END';
"""

# Each takes a superuser, and the words of the refusal on PostgreSQL 15 and 17.
REFUSED = {
    "CREATE EXTENSION pg_stat_statements": 'permission denied to create extension "pg_stat_statements"',
    "COPY given TO PROGRAM 'true'": "to COPY to or from an external program",
    "COPY given FROM '/dev/null'": "to COPY from a file",
    "ALTER TABLE legs DISABLE TRIGGER ALL": "is a system trigger",
    "ALTER TABLE legs ENABLE TRIGGER ALL": "is a system trigger",
    "SET session_replication_role = replica": 'permission denied to set parameter "session_replication_role"',
    "ALTER SYSTEM SET work_mem = '5MB'": "permission denied",
    "ALTER SYSTEM RESET work_mem": "permission denied",
    "CREATE EVENT TRIGGER watch ON ddl_command_end EXECUTE FUNCTION seen()": "permission denied to create event trigger",
    "CREATE FUNCTION handler() RETURNS language_handler LANGUAGE c AS '$libdir/plpgsql', 'plpgsql_call_handler'":
        "permission denied for language c",
    "ALTER TABLE given OWNER TO pg_monitor": "pg_monitor",
    "ALTER TABLE platform.users ADD COLUMN nick text": "must be owner of table users",
    "UPDATE pg_catalog.pg_index SET indisvalid = indisvalid WHERE false": "permission denied for table pg_index",
    "CREATE PUBLICATION everything FOR ALL TABLES": "must be superuser to create FOR ALL TABLES publication",
    "SET ROLE pg_monitor": 'permission denied to set role "pg_monitor"',
}  # fmt: skip
PLATFORM = """
CREATE SCHEMA platform;
CREATE TABLE platform.users (id int PRIMARY KEY);
INSERT INTO platform.users VALUES (1);
"""

ORDINARY = """
BEGIN;
SET TRANSACTION ISOLATION LEVEL REPEATABLE READ;
SAVEPOINT own;
ALTER TABLE legs ADD COLUMN minutes int CHECK (minutes > 0), ADD COLUMN token uuid DEFAULT gen_random_uuid();
RELEASE own;
SET LOCAL lock_timeout = '5s';
UPDATE legs SET minutes = 5, by = current_user;
ALTER TABLE legs DISABLE TRIGGER USER;
COMMIT;
INSERT INTO legs (flight, minutes) VALUES (1, 6);
CREATE INDEX CONCURRENTLY by_flight ON legs (flight);
DROP VIEW all_legs;
CREATE TABLE log (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), at timestamptz DEFAULT clock_timestamp());
INSERT INTO log DEFAULT VALUES;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION IF NOT EXISTS citext;
COMMENT ON TABLE legs IS 'flown';
GRANT SELECT ON legs TO PUBLIC;
CREATE SEQUENCE numbers OWNED BY legs.minutes;
CREATE FUNCTION touch() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER touch BEFORE INSERT ON legs FOR EACH ROW EXECUTE FUNCTION touch();
CREATE POLICY own ON legs USING (flight > 5);
ALTER TABLE legs ENABLE ROW LEVEL SECURITY;
CREATE SCHEMA archive;
CREATE TABLE archive.legs AS SELECT * FROM legs;
INSERT INTO platform.users VALUES (2);
ALTER TABLE given ADD COLUMN member int REFERENCES platform.users;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO PUBLIC;
CREATE PUBLICATION news FOR TABLE legs;
TRUNCATE given;
DROP TABLE flights CASCADE;
VACUUM legs;
ANALYZE;
"""

HIDING = """
CREATE TABLE notes (id int PRIMARY KEY, tenant text, done boolean);
INSERT INTO notes SELECT g, 'tenant ' || g % 2, false FROM generate_series(1, 10) AS g;
ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
CREATE POLICY own ON notes USING (tenant = 'tenant 1');
ALTER TABLE notes FORCE ROW LEVEL SECURITY;
"""


def _roles(server: Server) -> list[str]:
    with server.maintenance.connect() as connection:
        return [name for (name,) in connection.execute("SELECT rolname FROM pg_roles WHERE rolname ~ 'cutover'")]


def _ordinary(
    server: Server, folder: Path, migration: str, runner: str | Step = "sql", before: str = BEFORE
) -> Ordinary:
    """What an ordinary owner gets of a migration that goes through for a superuser."""
    with migrated(server, folder, before, migration, runner) as done:
        assert done.run.ok, done.run.failed_step
        found = done.ordinary(["platform"])
        assert done.run.role_changes == ()
    assert _roles(server) == []
    assert "pytest_cutover" not in str(found)
    return found


@pytest.mark.parametrize("runner", RUNNERS)
def test_every_statement_that_takes_a_superuser_is_named(runner: str, traced_server: Server, tmp_path: Path) -> None:
    """Not only the first: of a file each is run as a superuser then, and what is behind it is reached. psql goes on here."""
    migration = "".join(f"{text};\nRESET ROLE;\n" for text in REFUSED)
    step = Step(sql="migration.sql") if runner == "sql" else psql_step(traced_server, "--set=ON_ERROR_STOP=0")

    found = _ordinary(traced_server, tmp_path, migration, step, BEFORE + PLATFORM).found

    told = {each.object: each.message for each in found}
    for number, (text, words) in enumerate(REFUSED.items()):
        begins = re.split(r"[='/$]| pg_monitor", text)[0].strip()
        at = f"migration.sql:{2 * number + 1}" if runner == "sql" else f"psql: {begins}"
        messages = [
            message for place, message in told.items() if place == at or runner != "sql" and place.startswith(at)
        ]
        assert len(messages) == 1, (at, told)
        assert words in messages[0] and "what comes behind it" not in messages[0]
    refusals = [each for each in found if not each.table]
    assert len(refusals) == len(REFUSED), refusals


@pytest.mark.parametrize("runner", RUNNERS)
def test_what_an_ordinary_owner_may_do_is_not_named(runner: str, traced_server: Server, tmp_path: Path) -> None:
    """Neither are the time of day, random keys, and the name of who runs it a difference."""
    found = _ordinary(traced_server, tmp_path, ORDINARY, runner, BEFORE + PLATFORM)

    assert found.found == ()
    assert found.uncompared == ("archive.legs", "log")
    assert found.proof == (
        "the migration ran once more as an ordinary role that owns the database, and left the same; not compared, since no "
        "two runs agree on their rows: archive.legs, log"
    )


def test_in_a_transaction_each_is_named_and_what_was_done_before_stays(server: Server, tmp_path: Path) -> None:
    migration = (
        "BEGIN;\n/* first */ SET TRANSACTION ISOLATION LEVEL SERIALIZABLE;\nALTER TABLE legs ADD COLUMN minutes int;\n"
        "ALTER TABLE legs DISABLE TRIGGER ALL;\nSAVEPOINT own;\nUPDATE legs SET minutes = 1;\nROLLBACK TO own;\n"
        "SET LOCAL session_replication_role = replica;\nUPDATE legs SET minutes = 2;\n"
        "ALTER TABLE legs ENABLE TRIGGER ALL;\nCOMMIT;\n"
    )

    found = _ordinary(server, tmp_path, migration)

    assert [each.object for each in found.found] == ["migration.sql:4", "migration.sql:8", "migration.sql:10"]


def test_what_stops_behind_a_refusal_is_told_as_the_end(server: Server, tmp_path: Path) -> None:
    """The role is there since the first run, so that not even a superuser makes it a second time."""
    with migrated(server, tmp_path, BEFORE, "CREATE ROLE newcomer;\nDROP TABLE given;") as done:
        found = done.ordinary().found
        with server.maintenance.connect() as connection:
            connection.execute("DROP ROLE newcomer")

    assert [(each.object, each.message) for each in found] == [
        (
            "migration.sql:1",
            "CREATE ROLE newcomer: permission denied to create role; the run stopped there, and what comes behind it is not known",
        )
    ]


def test_a_program_that_stops_names_the_first(server: Server, tmp_path: Path) -> None:
    found = _ordinary(
        server,
        tmp_path,
        "ALTER TABLE legs DISABLE TRIGGER ALL;\nCREATE EXTENSION pg_stat_statements;",
        "command",
    ).found

    assert [each.object for each in found] == ["psql: ALTER TABLE legs DISABLE TRIGGER ALL"]
    assert found[0].message.endswith("; the run stopped there, and what comes behind it is not known")


def test_flyway_names_each(server: Server, tmp_path: Path) -> None:
    """Its own history, with the time and the name of who ran it, is no difference."""
    (tmp_path / "sql").mkdir()
    (tmp_path / "sql" / "V1__a.sql").write_text(
        "ALTER TABLE legs DISABLE TRIGGER ALL;\nUPDATE legs SET by = 'x';\nALTER TABLE legs ENABLE TRIGGER ALL;\n"
    )
    (tmp_path / "sql" / "V2__b.sql").write_text("DROP VIEW all_legs;\n")
    step = Step(flyway="sql", settings={"baseline-on-migrate": True, "baseline-version": "0"})

    found = _ordinary(server, tmp_path, "", step)

    assert [each.object for each in found.found] == ["V1__a.sql:1", "V1__a.sql:3"]


@pytest.mark.parametrize("runner", RUNNERS)
def test_rows_that_are_hidden_from_the_owner_are_told(runner: str, traced_server: Server, tmp_path: Path) -> None:
    """Nothing fails: five of ten rows are as they were."""
    found = _ordinary(traced_server, tmp_path, "UPDATE notes SET done = true;", runner, HIDING)

    assert [(each.object, each.table, each.message) for each in found.found] == [
        ("table:notes", "notes", "an ordinary owner's run leaves other rows in notes: 5 rows changed (done in 5)")
    ]


def test_rows_that_random_keys_hide_are_counted(server: Server, tmp_path: Path) -> None:
    """No two runs agree on the keys, but both of a superuser's on their number."""
    migration = "CREATE TABLE log (id uuid PRIMARY KEY DEFAULT gen_random_uuid(), note int);\n"
    migration += "INSERT INTO log (note) SELECT id FROM notes;\n"

    found = _ordinary(server, tmp_path, migration, before=HIDING)

    assert [each.message for each in found.found] == [
        "an ordinary owner's run leaves other rows in log: 5 rows instead of 10"
    ]


def test_an_object_that_only_a_superuser_gets_is_told(server: Server, tmp_path: Path) -> None:
    """A script may ask what it is allowed to do, and do less."""
    migration = "DO $$ BEGIN IF current_setting('is_superuser') = 'on' THEN CREATE INDEX by_callsign ON flights (callsign); END IF; END $$;"

    found = _ordinary(server, tmp_path, migration)

    assert [(each.object, each.table) for each in found.found] == [("index:by_callsign", "flights")]


def test_a_program_that_refuses_by_itself_is_named(server: Server, tmp_path: Path) -> None:
    """The server refused nothing, and the same role goes through as a superuser."""
    migration = "\\if :is_super\n\\else\n\\warn not a superuser\nDO $$ BEGIN RAISE 'stop' USING ERRCODE = 'P0002'; END $$;\n\\endif\n"
    asked = "SELECT current_setting('is_superuser') = 'on' AS is_super \\gset\n"

    found = _ordinary(server, tmp_path, asked + migration, "command").found

    assert len(found) == 1
    assert "the program ended with status 3" in found[0].message


def test_what_is_refused_to_a_superuser_too_is_not_named(server: Server, tmp_path: Path) -> None:
    """The migration takes another role itself, one whose objects are in the backup, to see that it is refused."""
    server.create_roles(["app_reader"])
    before = BEFORE + "CREATE TABLE read (id int);\nALTER TABLE read OWNER TO app_reader;"
    step = psql_step(server, "--set=ON_ERROR_STOP=0")

    found = _ordinary(server, tmp_path, "SET ROLE app_reader;\nSELECT * FROM legs;", step, before)

    assert found.found == ()


def test_a_migration_that_goes_through_only_once_is_not_judged(server: Server, tmp_path: Path) -> None:
    """What a program left outside of the database stops its second run, whoever runs it."""
    step = Step(command=["sh", "-c", "set -C; echo done > once"])

    with migrated(server, tmp_path, BEFORE, "", step) as done:
        assert done.run.ok, done.run.failed_step
        with pytest.raises(NotChecked, match="stops whoever runs it: step sh -c .*: the program ended with status 2"):
            done.ordinary()


def test_a_server_that_fails_is_no_finding(tmp_path: Path) -> None:
    sandboxes = Sandboxes()
    try:
        server = sandboxes.server(production=17)
        with migrated(server, tmp_path, BEFORE, "DROP TABLE given;") as done:
            done.before.close()
            with server.maintenance.connect() as connection:
                connection.execute("ALTER ROLE CURRENT_USER PASSWORD 'another'")
                with pytest.raises(SandboxError):
                    done.ordinary()
                password = server.maintenance.password
                connection.execute(f"ALTER ROLE CURRENT_USER PASSWORD '{password}'".encode())
    finally:
        sandboxes.close()


def test_a_role_of_the_plan_proves_it_unless_it_is_a_superuser(server: Server) -> None:
    """Then nothing is left to run."""
    server.create_roles(["app_plain", "app_super"])
    with server.maintenance.connect() as connection:
        connection.execute("ALTER ROLE app_super SUPERUSER")

    proved = ran_as_ordinary(server, "app_plain")

    assert proved is not None
    assert (proved.found, proved.proof) == ((), "the migration ran as app_plain, which is no superuser")
    assert ran_as_ordinary(server, "app_super") is None
    assert ran_as_ordinary(server, None) is None
    with server.maintenance.connect() as connection:
        connection.execute("DROP ROLE app_plain, app_super")
