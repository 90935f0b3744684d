"""What stands in a migration's way is found, on every server version here, each time for its own reason."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timezone

import psycopg
import pytest

from pytest_cutover.catalog import Catalog
from pytest_cutover.criteria import KINDS
from pytest_cutover.criteria.preflight import Preflight
from pytest_cutover.errors import NotApplicable, NotChecked, PlanError
from pytest_cutover.finding import Finding
from pytest_cutover.live.archive import find_backup
from pytest_cutover.live.capacity import find_connections
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.live.rehearsed import Rehearsed
from pytest_cutover.plan.load import load_plans
from pytest_cutover.plan.model import Changes, Live
from pytest_cutover.sandbox.embedded import EmbeddedServer
from pytest_cutover.target import Target
from tests.live.servers import majors, standby_of, started
from tests.project import PLAN, Project

SCHEMA = """
CREATE TABLE parcels (id int PRIMARY KEY, size text); INSERT INTO parcels VALUES (1, 'secret-size'), (2, 'secret-size');
CREATE TABLE other (id int); CREATE TABLE parted (id int) PARTITION BY RANGE (id);
CREATE TABLE part_1 PARTITION OF parted FOR VALUES FROM (0) TO (9);
"""
CHANGES = Changes.model_validate({"added": ["column:parcels.weight_g"], "rows": {"parted": {}}})
Ask = Callable[..., Finding]


@pytest.fixture
def ask(production: Target) -> Ask:
    """A function that asks one question, with limits of `[live]`."""

    def question(name: str, target: Target = production, **limits: object) -> Finding:
        criterion = Preflight(
            id="preflight", kind="preflight", question=name, limits=Live.model_validate(limits), changes=CHANGES
        )  # type: ignore[arg-type]
        with closing(LivePostgres(target)) as database:
            with database.checking("(schema)"):
                _ = database.catalog
            with database.checking(name):
                return criterion.check(database, _Run())  # type: ignore[arg-type]

    return question


class _Run:
    """A run without a rehearsal."""

    def rehearsed(self) -> Rehearsed:
        raise NotChecked("there is no rehearsal")


@pytest.fixture
def blind(production: Target) -> Iterator[Target]:
    """The same database, for a role without any privilege on statistics."""
    with production.connect() as connection:
        connection.execute("CREATE ROLE \"Blind 1\" LOGIN PASSWORD 'dark'")
        connection.execute('GRANT pg_read_all_data TO "Blind 1"')
        yield replace(production, user="Blind 1", password="dark")
        connection.execute('DROP OWNED BY "Blind 1"; DROP ROLE "Blind 1"')


def test_the_other_sessions_of_our_own_run_do_not_stand_in_the_way(ask: Ask, production: Target) -> None:
    """Under xdist each worker has a snapshot of its own. Whoever only has our name and writes is somebody else."""
    with production.connect(autocommit=False, name="pytest-cutover") as sibling:
        sibling.execute("SELECT * FROM parcels")
        time.sleep(0.1)
        assert ask("transactions", lock="50ms", transaction="50ms").holds
        sibling.execute("DELETE FROM parcels")
        assert not ask("transactions", lock="50ms").holds
        sibling.rollback()


@pytest.mark.parametrize("question", ["transactions", "replication", "indexes", "connections"])
def test_a_quiet_server_stands_in_nobodys_way(ask: Ask, question: str) -> None:
    assert ask(question).holds, ask(question)


def test_an_idle_transaction_that_holds_a_lock_is_named_without_its_statement(ask: Ask, production: Target) -> None:
    """A migration would wait for it, and everybody behind the migration."""
    with production.connect(autocommit=False, name="till") as other:
        other.execute("UPDATE parcels SET size = 'secret-size' WHERE id = 1")
        time.sleep(0.25)
        found = ask("transactions", lock="200ms")
        pid = other.info.backend_pid
        other.rollback()

    assert not found.holds
    assert found.message.startswith("1 transaction holds a lock on parcels for more than 200 ms")
    assert found.actual == "1 transaction holds a lock on parcels"
    assert found.evidence[0].rows == ((pid, "till", "idle in transaction", 0, "RowExclusiveLock", "parcels"),)
    assert "secret" not in str(found)
    assert ask("transactions", lock="200ms").holds


def test_a_partition_is_locked_with_its_table_and_other_tables_do_not_count(ask: Ask, production: Target) -> None:
    """The plan changes `parted`; nobody's plan changes `other`."""
    with production.connect(autocommit=False) as reader, production.connect(autocommit=False) as stranger:
        reader.execute("INSERT INTO part_1 VALUES (1)")
        stranger.execute("INSERT INTO other VALUES (1)")
        time.sleep(0.1)
        found = ask("transactions", lock="50ms")
        reader.rollback()
        apart = ask("transactions", lock="50ms")
        old = ask("transactions", lock="50ms", transaction="50ms")

    assert "part_1" in [row[5] for row in found.evidence[0].rows]
    assert apart.holds, apart
    assert old.message == "1 transaction is open for more than 50 ms"


def test_a_prepared_transaction_is_named(ask: Ask, production: Target) -> None:
    """Nobody's session holds its locks, and no end of a session ends it."""
    with production.connect() as other:
        other.execute("BEGIN; INSERT INTO parcels VALUES (3, 'x'); PREPARE TRANSACTION 'forgotten'")
    time.sleep(0.1)
    found = ask("transactions", lock="50ms")
    with production.connect() as other:
        other.execute("ROLLBACK PREPARED 'forgotten'")

    assert found.actual == "1 transaction is prepared"
    assert found.evidence[0].rows[0][:2] == ("forgotten", "postgres")


def test_whoever_may_not_see_transactions_is_told_the_grant(ask: Ask, production: Target, blind: Target) -> None:
    """Transactions that cannot be seen are not transactions that are not there; a session that is idle is none."""
    told = r'1 transaction of other roles may not be seen, with a lock on parcels: GRANT pg_read_all_stats TO "Blind 1"'
    with production.connect(autocommit=False) as other:
        assert ask("transactions", blind).holds
        other.execute("SELECT * FROM parcels")
        with pytest.raises(NotChecked, match=told):
            ask("transactions", blind)
        with production.connect() as owner:
            owner.execute('GRANT pg_read_all_stats TO "Blind 1"')
        time.sleep(0.1)
        assert not ask("transactions", blind, lock="50ms").holds
        other.rollback()
        other.execute("SELECT 1")
        with production.connect() as owner:
            owner.execute('REVOKE pg_read_all_stats FROM "Blind 1"')
        with pytest.raises(NotChecked, match="1 transaction of other roles may not be seen: GRANT"):
            ask("transactions", blind)


def test_the_index_of_a_failed_build_is_named(ask: Ask, production: Target) -> None:
    """CREATE UNIQUE INDEX CONCURRENTLY on duplicates leaves one that IF NOT EXISTS accepts."""
    with production.connect() as other, suppress(psycopg.errors.UniqueViolation):
        other.execute("CREATE UNIQUE INDEX CONCURRENTLY one_size ON parcels (size)")

    found = ask("indexes")
    assert found.actual == "1 index is not valid: one_size"
    assert found.evidence[0].rows[0] == ("one_size", "parcels", "not valid")


def test_an_index_that_is_being_built_stands_in_the_way(ask: Ask, production: Target) -> None:
    """Its build locks the table against every change of the schema."""
    with production.connect(autocommit=False) as reader, production.connect() as builder:
        reader.execute("INSERT INTO parcels VALUES (7, 'x')")
        builder.execute("SET statement_timeout = '10s'")
        builder.pgconn.send_query(b"CREATE INDEX CONCURRENTLY by_size ON parcels (size)")
        _until(lambda: bool(_count(production, "SELECT count(*) FROM pg_stat_progress_create_index")))
        found = ask("indexes")
        reader.rollback()
        while builder.pgconn.get_result() is not None:
            pass

    assert found.actual == "1 index is being built: by_size"
    assert ask("indexes").holds


def test_too_few_connections_are_named(ask: Ask, production: Target) -> None:
    """What superusers keep for themselves is not free for a migration."""
    used = _count(production, "SELECT sum(numbackends) FROM pg_stat_database")
    found = ask("connections", connections_left=97)

    assert not found.holds
    assert f"with {used} in use and 3 reserved; expected are at least 97" in found.message
    with production.connect() as other:
        other.execute(f"ALTER DATABASE {production.database} CONNECTION LIMIT 4".encode())
        assert "free of the 4 that this database allows" in ask("connections").message


def test_the_role_that_migrates_needs_connections_too(production: Target, blind: Target) -> None:
    """A role may be allowed fewer than the server has."""
    with production.connect() as other:
        other.execute('ALTER ROLE "Blind 1" CONNECTION LIMIT 5')
    with closing(LivePostgres(production)) as view, view.checking("connections"):
        alone = find_connections(view, blind.user, Live())
        with blind.connect():
            busy = find_connections(view, blind.user, Live())

    assert alone.message == "5 connections are free of the 5 that the role Blind 1 is allowed"
    assert (busy.holds, busy.actual) == (False, "4 free")


def test_a_synchronous_standby_that_is_gone_is_named(ask: Ask, production: Target) -> None:
    """Every COMMIT of the migration would wait for it."""
    with production.connect() as other:
        other.execute("SET synchronous_commit = local")
        other.execute("ALTER SYSTEM SET synchronous_standby_names = 'gone'")
        other.execute("SELECT pg_reload_conf()")
        try:
            _until(lambda: ask("replication").actual == "no synchronous standby is connected")
        finally:
            other.execute("ALTER SYSTEM RESET synchronous_standby_names")
            other.execute("SELECT pg_reload_conf()")
    _until(lambda: ask("replication").holds)


def test_an_inactive_slot_is_named(ask: Ask, production: Target) -> None:
    """It keeps what the migration writes, until the disk is full."""
    with production.connect() as other:
        other.execute("SELECT pg_create_physical_replication_slot('gone', true)")
        try:
            found = ask("replication")
        finally:
            other.execute("SELECT pg_drop_replication_slot('gone')")

    assert found.actual == "1 replication slot is inactive: gone"
    assert ask("replication").holds


def test_a_standby_that_lags_one_that_is_missing_and_the_standby_itself(
    ask: Ask, busy_server: EmbeddedServer, production: Target, blind: Target
) -> None:
    """Behind by bytes while its replay is paused; a migration on the standby itself cannot be."""
    assert ask("replication", standbys=1).actual == "0 standbys are connected"
    with standby_of(busy_server) as standby:
        streams = "SELECT count(*) FROM pg_stat_replication WHERE state = 'streaming'"
        _until(lambda: _count(production, streams) == 1)
        with pytest.raises(
            NotChecked, match='how far 1 standby is may not be seen: GRANT pg_read_all_stats TO "Blind 1"'
        ):
            ask("replication", blind)
        standby.execute("SELECT pg_wal_replay_pause()")
        with production.connect() as other:
            other.execute("INSERT INTO parcels SELECT g, repeat('x', 100) FROM generate_series(10, 5000) g")
        late = ask("replication", replication_bytes="100kB")
        standby.execute("SELECT pg_wal_replay_resume()")
        _until(lambda: ask("replication", replication_bytes="100kB", standbys=1).holds)
        elsewhere = ask("replication", replace(standby.target, database=production.database))

    assert late.actual == "1 standby is behind"
    assert late.evidence[0].rows[0][4] > 100_000
    assert elsewhere.message.startswith("this server is a standby: a migration cannot run here")


def test_without_a_max_age_and_an_archive_no_age_is_known(ask: Ask) -> None:
    """Nothing that could be judged is neither good nor bad."""
    with pytest.raises(NotApplicable, match=r"no backup\.max_age, and the server archives no WAL"):
        ask("backup")


def test_an_archiver_that_fails_or_never_succeeded_is_no_backup() -> None:
    """WAL that cannot be archived piles up, and no point in time can be restored."""
    with (
        started(majors()[max(majors())], archive_mode="on") as server,
        closing(LivePostgres(server.maintenance)) as view,
    ):

        def find(max_age: float | None = None) -> Finding:
            with view.checking("backup"):
                return find_backup(view, lambda: rehearsed("2020-01-01T00:00:00+00:00"), max_age)

        with pytest.raises(NotChecked, match="no WAL was archived yet"):
            find()
        _archive(server, "false", "SELECT failed_count > 0 FROM pg_stat_archiver")
        assert find().actual == "archiving of WAL fails"
        _archive(server, "true", "SELECT last_archived_time > last_failed_time FROM pg_stat_archiver")
        assert find().message.startswith("WAL is archived, last ")
        assert find(86400).actual == "the rehearsed backup is too old"


@pytest.mark.parametrize(
    ("taken", "holds", "message"),
    [
        ("2020-01-01T00:00:00+00:00", False, "days old, at most are 1 d 0 h: rehearse a newer one"),
        (None, False, "the age of the rehearsed backup is not known: give backup.taken"),
        (datetime.now(timezone.utc).isoformat(), True, "the rehearsed backup is 0.0 days old"),
    ],
    ids=["old", "unknown", "new"],
)
def test_the_rehearsed_backup_has_an_age(production: Target, taken: str | None, holds: bool, message: str) -> None:
    """What was rehearsed long ago was another database."""
    with closing(LivePostgres(production)) as view, view.checking("backup"):
        found = find_backup(view, lambda: rehearsed(taken), 86400.0)

    assert found.holds is holds
    assert message in found.message


def rehearsed(taken: str | None) -> Rehearsed:
    return Rehearsed("2026-01-15T03:00:00Z", "GO", "17.0", "postgres", Catalog(0), Catalog(0), None, taken)


def _archive(server: EmbeddedServer, command: str, until: str) -> None:
    with server.maintenance.connect() as connection:
        connection.execute(f"ALTER SYSTEM SET archive_command = '{command}'".encode())
        connection.execute("SELECT pg_reload_conf()")
        connection.execute("SELECT txid_current()")
        connection.execute("SELECT pg_switch_wal()")
    _until(lambda: bool(_count(server.maintenance, until)))


def test_one_question_can_be_waived(project: Project) -> None:
    """By its own name: nobody waives all that could stand in the way."""
    waiver = '[[waivers]]\ncriterion = "{}"\naccepts = "1"\nowner = "dba"\nuntil = 2030-01-01\nreason = "known"\n'
    folders = [project.root / "migrations/first"]
    project.plan(text=PLAN + waiver.format("preflight:replication"))
    assert load_plans(folders, project.root, KINDS, ["weights"])[0].file.waivers

    project.plan(text=PLAN + waiver.format("preflight"))
    with pytest.raises(PlanError, match='there is no criterion "preflight"'):
        load_plans(folders, project.root, KINDS, ["weights"])


def test_the_kind_has_a_meaning_before_the_migration_alone() -> None:
    assert KINDS["preflight"].MEANINGFUL == ("before",)


def _count(target: Target, sql: str) -> int:
    with target.connect() as connection:
        row = connection.execute(sql.encode()).fetchone()
    assert row is not None
    return int(row[0] or 0)


def _until(happened: Callable[[], bool]) -> None:
    for _ in range(200):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within 10 s")
