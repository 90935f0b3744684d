"""A trace tells which locks a migration held and for how long, whoever runs it, and leaves nothing behind."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from pytest_cutover.catalog import diff
from pytest_cutover.errors import NotChecked
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target
from pytest_cutover.trace import Recording, record, triggers
from pytest_cutover.trace.sampler import Looks
from tests.tracing import RUNNERS, Traced, migrated

FLIGHTS = """
CREATE TABLE flights (id int PRIMARY KEY, callsign text NOT NULL);
INSERT INTO flights SELECT g, 'F' || g FROM generate_series(1, 1000) AS g;
CREATE TABLE pilots (id int PRIMARY KEY);
INSERT INTO pilots SELECT g FROM generate_series(1, 1000) AS g;
CREATE TABLE logs (id int);
INSERT INTO logs VALUES (1);
"""
STRONG_LOCKS = [
    ("ALTER TABLE flights ADD COLUMN cid int;", "flights", "ACCESS EXCLUSIVE"),
    ("CREATE INDEX ON flights (callsign);", "flights", "SHARE"),
    ("CREATE INDEX CONCURRENTLY ON flights (callsign);", "flights", "SHARE UPDATE EXCLUSIVE"),
    ("ALTER TABLE flights ADD FOREIGN KEY (id) REFERENCES pilots;", "pilots", "SHARE ROW EXCLUSIVE"),
    (
        "CREATE TRIGGER t BEFORE UPDATE ON flights FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger();",
        "flights",
        "SHARE ROW EXCLUSIVE",
    ),
    ("DO $$ BEGIN EXECUTE 'ALTER ' || 'TABLE flights DISABLE TRIGGER ALL'; END $$;", "flights", "SHARE ROW EXCLUSIVE"),
    ("DROP TABLE logs;", "logs", "ACCESS EXCLUSIVE"),
    ("TRUNCATE logs;", "logs", "ACCESS EXCLUSIVE"),
    ("BEGIN; LOCK TABLE flights IN EXCLUSIVE MODE; COMMIT;", "flights", "EXCLUSIVE"),
    ("VACUUM (FULL) flights;", "flights", "ACCESS EXCLUSIVE"),
    ("VACUUM flights;", "flights", "SHARE UPDATE EXCLUSIVE"),
    ("CLUSTER flights USING flights_pkey;", "flights", "ACCESS EXCLUSIVE"),
    ("REINDEX INDEX flights_pkey;", "flights", "SHARE"),
    ("DO $$ BEGIN LOCK TABLE flights; PERFORM pg_sleep(0.1); END $$;", "flights", "ACCESS EXCLUSIVE"),
    ("DO $$ BEGIN TRUNCATE logs; CREATE TABLE other (); END $$;", "logs", "ACCESS EXCLUSIVE"),
    ("BEGIN; ALTER TABLE flights ADD COLUMN cid int; ROLLBACK;", "flights", "ACCESS EXCLUSIVE"),
    ("SET session_replication_role = replica; ALTER TABLE flights ADD COLUMN cid int;", "flights", "ACCESS EXCLUSIVE"),
]
Migrate = Callable[..., AbstractContextManager[Traced]]


@pytest.fixture
def migrate(traced_server: Server, tmp_path: Path) -> Migrate:
    """A function that runs a migration of FLIGHTS traced."""
    return lambda migration, runner="sql", before=FLIGHTS: migrated(traced_server, tmp_path, before, migration, runner)


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_lock_counts_from_its_statement_to_the_commit(migrate: Migrate, runner: str) -> None:
    """What comes behind the ALTER TABLE keeps the readers waiting as much as the ALTER TABLE itself."""
    text = "BEGIN;\nALTER TABLE flights ADD COLUMN cid int;\nSELECT pg_sleep(0.3);\nCOMMIT;\nSELECT pg_sleep(0.2);"

    with migrate(text, runner) as done:
        held = done.held("flights")["ACCESS EXCLUSIVE"]

    assert 0.3 <= held.seconds < 0.45
    assert held.by == "ALTER TABLE public.flights"
    assert done.held("pilots") == {}


@pytest.fixture(scope="module")
def strong_locks(traced_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Traced]:
    """One migration that takes them all, each in a schema of its own."""
    numbers = range(len(STRONG_LOCKS))
    before = "".join(f"CREATE SCHEMA s{n};\nSET search_path = s{n};\n{FLIGHTS}\n" for n in numbers)
    text = "".join(f"RESET ALL;\nSET search_path = s{n};\n{STRONG_LOCKS[n][0]}\n" for n in numbers)
    with migrated(traced_server, tmp_path_factory.mktemp("locks"), before, text) as done:
        assert done.run.ok, done.run.failed_step
        yield done


@pytest.mark.parametrize("number", range(len(STRONG_LOCKS)), ids=[text for text, _, _ in STRONG_LOCKS])
def test_each_strong_lock_is_seen(number: int, strong_locks: Traced) -> None:
    """However short it is, and also where a function takes it or a rollback undoes what it was for."""
    _, table, mode = STRONG_LOCKS[number]

    assert mode in strong_locks.held(f"s{number}.{table}")


@pytest.mark.parametrize("runner", RUNNERS)
def test_reading_and_writing_locks_nobody_out(migrate: Migrate, runner: str) -> None:
    """Only locks that keep somebody from reading or writing are told; a new table has nobody to keep out."""
    text = "CREATE TABLE other (id int PRIMARY KEY); INSERT INTO other SELECT id FROM flights; UPDATE flights SET callsign = 'x';"

    with migrate(text, runner) as done:
        assert done.trace.held == []
        assert [command.tag for command in done.trace.commands] == ["CREATE TABLE"]


def test_a_lock_that_a_savepoint_gives_back_ends_there(migrate: Migrate) -> None:
    """ROLLBACK TO SAVEPOINT gives locks back; what follows holds nobody up."""
    text = (
        "BEGIN; SAVEPOINT a; ALTER TABLE flights ADD COLUMN cid int; ROLLBACK TO SAVEPOINT a;\n"
        "CREATE TABLE other ();\nSELECT pg_sleep(0.3);\nCOMMIT;"
    )

    with migrate(text) as done:
        assert done.held("flights")["ACCESS EXCLUSIVE"].seconds < 0.2


def test_a_command_without_an_object_is_followed(migrate: Migrate) -> None:
    """GRANT tells its triggers of no object, and CREATE EXTENSION runs further commands inside."""
    text = "GRANT SELECT ON flights TO PUBLIC; CREATE EXTENSION pg_trgm; CREATE SCHEMA a CREATE TABLE b (id int);"

    with migrate(text) as done:
        tags = [command.tag for command in done.trace.commands]

    assert (tags[0], tags[-1]) == ("GRANT", "CREATE SCHEMA")
    assert "CREATE EXTENSION" in tags


def test_two_transactions_are_two_locks(migrate: Migrate) -> None:
    """Readers get their turn between them."""
    text = "ALTER TABLE flights ADD COLUMN a int;\nSELECT pg_sleep(0.3);\nALTER TABLE flights ADD COLUMN b int;"

    with migrate(text) as done:
        held = [each for each in done.trace.held if each.table == "flights"]

    assert len(held) == 2
    assert held[0].seconds < 0.2


def test_what_a_failed_migration_held_is_known(migrate: Migrate) -> None:
    """An error ends the transaction, and the trace says so."""
    with migrate("BEGIN;\nALTER TABLE flights ADD COLUMN a int;\nSELECT pg_sleep(0.1);\nSELECT 1/0;\nCOMMIT;") as done:
        assert not done.run.ok
        assert 0.1 <= done.held("flights")["ACCESS EXCLUSIVE"].seconds < 0.3


def test_the_work_of_a_command_is_known(migrate: Migrate) -> None:
    """The server's own words, which are no API: this fails where a new version has others."""
    text = (
        "ALTER TABLE flights ALTER id TYPE bigint;\nALTER TABLE flights ADD CHECK (id > 0);\n"
        "ALTER TABLE flights ADD CONSTRAINT f FOREIGN KEY (id) REFERENCES flights (id);\nCREATE INDEX i ON flights (callsign);"
    )

    with migrate(text) as done:
        rewrite, check, foreign, index = done.trace.commands

    assert [done.trace.before[oid].name for oid in rewrite.rewritten] == ["flights"]
    assert check.messages == ['verifying table "flights"']
    assert foreign.messages == ['validating foreign key constraint "f"']
    assert index.messages == ['building index "i" on table "flights" serially']


def test_nothing_of_the_trace_stays(migrate: Migrate, traced_server: Server) -> None:
    """What is compared is what the migration left: no trigger, no function, no setting."""
    with migrate("CREATE TABLE other ();") as done:
        found = diff(done.before.catalog, done.after.catalog)
        left = done.after.query(
            "SELECT (SELECT count(*) FROM pg_event_trigger), (SELECT count(*) FROM pg_proc WHERE proname = 'cutover_trace'),"
            " (SELECT count(*) FROM pg_db_role_setting)"
        ).rows

    assert [each.object for each in (*found.added, *found.dropped, *found.altered)] == ["table:other"]
    assert left == [(0, 0, 0)]


def test_a_dump_that_the_migration_takes_is_none_of_the_trace(
    traced_server: Server, new_traced_database: Callable[[], Target]
) -> None:
    """It may be what the rollback restores."""
    target = new_traced_database()
    with record(traced_server, target):
        environment = target.libpq_environment({})
        dump = subprocess.run(
            [traced_server.programs / "pg_dump"], env=environment, capture_output=True, check=True, text=True
        ).stdout

    assert "CREATE TABLE public.flights" in dump
    assert "cutover" not in dump
    assert "EVENT TRIGGER" not in dump


def test_no_row_value_is_kept_of_parameters(traced_server: Server, new_traced_database: Callable[[], Target]) -> None:
    """The values that a program sends beside its statement are rows of the backup."""
    target = new_traced_database()
    position = traced_server.log_position()
    assert position is not None
    with record(traced_server, target) as recording, target.connect() as connection:
        connection.execute("UPDATE flights SET callsign = %s WHERE id = %s", ("a-secret", 1))

    assert any("UPDATE flights" in each.text for one in recording.had().transactions for each in one.statements)
    assert b"a-secret" not in b"".join(traced_server.log_lines(position))


def test_an_implicit_transaction_ends_with_its_statement(
    traced_server: Server, new_traced_database: Callable[[], Target]
) -> None:
    """A program that thinks between two statements holds no lock meanwhile."""
    target = new_traced_database()
    with record(traced_server, target) as recording, target.connect() as connection:
        connection.execute("ALTER TABLE flights ADD COLUMN a int")
        connection.execute("SELECT %s::int", (1,))
        time.sleep(0.3)
        connection.execute("SELECT 1")

    assert [each.seconds < 0.2 for each in recording.had().held] == [True]


def test_a_session_that_ends_inside_of_a_transaction_held_its_locks_until_then(
    traced_server: Server, new_traced_database: Callable[[], Target]
) -> None:
    """A program that dies says no COMMIT and no ROLLBACK."""
    target = new_traced_database()
    with record(traced_server, target) as recording:
        connection = target.connect()
        connection.execute("BEGIN")
        connection.execute("ALTER TABLE flights ADD COLUMN a int")
        time.sleep(0.4)
        connection.close()

    assert [each.seconds > 0.3 for each in recording.had().held] == [True]


def test_a_lock_that_outlives_the_number_of_its_transaction_is_one_lock() -> None:
    """A transaction gives its number back first; a look may come in between."""
    looks = Looks()

    looks.add([(1.0, 7, "3/15", 16384, "AccessExclusiveLock")])
    looks.add([(1.1, 7, "3/0", 16384, "AccessExclusiveLock"), (1.1, 8, "4/0", 16384, "ShareLock")])

    assert looks.seen == {
        (7, "3/15", 16384, "AccessExclusiveLock"): [1.0, 1.1],
        (8, "4/0", 16384, "ShareLock"): [1.1, 1.1],
    }


@pytest.mark.parametrize("how", ["SET log_min_duration_statement = -1", "SET log_min_messages = error", "of the role"])
def test_a_session_that_is_not_logged_is_no_trace(
    how: str, traced_server: Server, new_traced_database: Callable[[], Target]
) -> None:
    """Without its COMMIT each lock would look shorter than it is."""
    target = new_traced_database()
    if how == "of the role":
        traced_server.create_roles(["unlogged"])
        with target.connect() as connection:
            connection.execute("ALTER ROLE unlogged SUPERUSER; ALTER ROLE unlogged SET log_min_duration_statement = -1")
        target = traced_server.login(target, "unlogged")
    with record(traced_server, target) as recording, target.connect() as connection:
        if how != "of the role":
            connection.execute(how.encode())
        connection.execute("ALTER TABLE flights ADD COLUMN a int")

    with pytest.raises(NotChecked):
        recording.had()


def test_a_database_that_cannot_be_traced_is_migrated_all_the_same(migrate: Migrate) -> None:
    """The verdict on the migration does not depend on the trace; what needs the trace is not checked."""
    with migrate("ALTER TABLE flights ADD COLUMN a int;", before=f"{FLIGHTS} DROP EXTENSION plpgsql;") as done:
        assert done.run.ok

        with pytest.raises(NotChecked, match="could not be readied"):
            done.recording.had()


def test_without_a_trace_nothing_is_said() -> None:
    """An empty trace would say that no lock was held."""
    with pytest.raises(NotChecked, match="was not traced"):
        Recording().had()


def test_a_log_that_lacks_the_run_is_no_trace(
    traced_server: Server, new_traced_database: Callable[[], Target], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A log that goes elsewhere is empty, and must not be taken for a migration that did nothing."""
    target = new_traced_database()
    monkeypatch.setattr("pytest_cutover.trace.recording._LOG_TIMEOUT_S", 0.2)
    monkeypatch.setattr(triggers, "_SETTINGS", {"log_min_messages": "debug1"})
    with record(traced_server, target) as recording, target.connect() as connection:
        connection.execute("ALTER TABLE flights ADD COLUMN a int")

    with pytest.raises(NotChecked, match="does not hold the migration"):
        recording.had()


@pytest.fixture
def new_traced_database(traced_server: Server) -> Iterator[Callable[[], Target]]:
    """A function that makes a database of FLIGHTS."""

    def make() -> Target:
        target = traced_server.create("traced_alone")
        with target.connect() as connection:
            connection.execute(FLIGHTS.encode())
        return target

    yield make
    traced_server.drop("traced_alone")
