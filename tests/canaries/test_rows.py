"""How long rows are closed is what a writer of them would tell; asking writes nothing, waits for nothing, and is in nobody's way."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

import pytest

from pytest_cutover.canaries import Wait, watching
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target
from tests.live.servers import majors, started

ROWS = 20_000
TABLES = f"""
CREATE TABLE flights (id int PRIMARY KEY, minutes int NOT NULL);
INSERT INTO flights SELECT g, 0 FROM generate_series(1, {ROWS}) AS g;
CREATE TABLE legs (id int PRIMARY KEY, flight int NOT NULL REFERENCES flights);
CREATE TABLE few (id int);
INSERT INTO few VALUES (1), (2), (3);
CREATE TABLE empty (id int);
"""
PARTITIONED = """
CREATE TABLE logs (id int, day int) PARTITION BY RANGE (day);
CREATE TABLE logs_1 PARTITION OF logs FOR VALUES FROM (1) TO (2);
CREATE TABLE logs_2 PARTITION OF logs FOR VALUES FROM (2) TO (3);
INSERT INTO logs SELECT g, 1 + g % 2 FROM generate_series(1, 5000) AS g;
"""
HELD_S = 0.4


def _rows(found: list[Wait], table: str = "flights") -> Wait:
    return next(each for each in found if (each.table, each.access) == (table, "row"))


def _run(target: Target, *statements: str, held: float = 0.0) -> None:
    """The statements in one transaction that stays open for so long."""
    with target.connect(autocommit=False) as connection:
        for statement in statements:
            connection.execute(statement.encode())
        time.sleep(held)


@pytest.fixture(scope="module")
def written(traced_server: Server) -> Iterator[Target]:
    """A database that many tests write to, each of which undoes what it did."""
    target = traced_server.create("written")
    with target.connect() as connection:
        connection.execute(TABLES.encode())
    yield target
    traced_server.drop("written")


@contextmanager
def _beside(work: Callable[[], object]) -> Iterator[None]:
    """Does the work again and again meanwhile, in a thread."""
    stopping = threading.Event()

    def repeat() -> None:
        while not stopping.is_set():
            work()

    thread = threading.Thread(target=repeat)
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def test_closed_rows_are_told_as_an_independent_writer_tells_it(new_database: Callable[..., Target]) -> None:
    """A session that updates one row after the other meanwhile times each of its statements."""
    target = new_database(TABLES)
    took = []

    with target.connect() as writer:

        def write() -> None:
            began = time.perf_counter()
            writer.execute("UPDATE flights SET minutes = 1 WHERE id = %s", (random.randint(1, ROWS),))
            took.append(time.perf_counter() - began)

        with watching(target, ["flights", "few"]) as found, _beside(write):
            time.sleep(0.2)
            _run(target, "UPDATE flights SET minutes = 2", held=2.0)

    waits = {each.access: each for each in found if each.table == "flights"}
    row = waits["row"]
    assert max(took) >= 2.0
    assert row.longest == pytest.approx(max(took), rel=0.1)
    assert row.longest <= (row.at_most or 0) < row.longest + 0.5
    assert row.total == pytest.approx(row.longest, rel=0.1)
    assert 0.1 < row.at < 1.0
    assert row.share == pytest.approx(1.0, abs=0.1)
    assert waits["read"].longest == waits["write"].longest == 0
    assert (_rows(found, "few").longest, _rows(found, "few").share) == (0, 0)
    assert _rows(found, "few").tries > 20


@pytest.mark.parametrize(
    "closes",
    [
        ["UPDATE flights SET minutes = 1"],
        ["DELETE FROM flights WHERE id > 0"],
        ["SELECT FROM flights FOR UPDATE"],
        ["SELECT FROM flights FOR SHARE"],
        ["SAVEPOINT a", "SELECT FROM flights FOR KEY SHARE", "RELEASE a", "UPDATE flights SET minutes = 1"],
        ["DO $$ BEGIN UPDATE flights SET minutes = 1; EXCEPTION WHEN division_by_zero THEN END $$"],
    ],
    ids=["update", "delete", "for update", "for share", "several holders", "subtransaction"],
)
def test_whatever_keeps_writers_out_is_seen(written: Target, closes: list[str]) -> None:
    with watching(written, ["flights"]) as found, written.connect(autocommit=False) as connection:
        for statement in closes:
            connection.execute(statement.encode())
        time.sleep(HELD_S)
        connection.rollback()

    assert _rows(found).longest > 0.8 * HELD_S
    assert (_rows(found).share or 0) > 0.9


@pytest.mark.parametrize(
    "leaves",
    [
        ["SELECT count(*) FROM flights"],
        [f"INSERT INTO legs SELECT g, g FROM generate_series(1, {ROWS}) AS g"],
        ["SELECT FROM flights FOR KEY SHARE"],
        ["SAVEPOINT a", "UPDATE flights SET minutes = 1", "ROLLBACK TO a"],
        ["INSERT INTO flights SELECT g, 0 FROM generate_series(100001, 120000) AS g"],
    ],
    ids=["read", "children", "key share", "undone", "new rows"],
)
def test_what_keeps_no_writer_out_is_not(written: Target, leaves: list[str]) -> None:
    """The lock that the check of a foreign key takes lets an UPDATE through."""
    with written.connect(autocommit=False) as connection:
        for statement in leaves:
            connection.execute(statement.encode())
        with watching(written, ["flights"]) as found:
            time.sleep(HELD_S)
        connection.rollback()

    assert (_rows(found).longest, _rows(found).share) == (0, 0)
    assert _rows(found).tries > 5


def test_batches_of_their_own_transactions_close_rows_for_a_short_time(new_database: Callable[..., Target]) -> None:
    target = new_database(TABLES)

    with watching(target, ["flights"]) as found:
        for batch in range(10):
            _run(target, f"UPDATE flights SET minutes = 1 WHERE id % 10 = {batch}", held=0.1)

    assert 0.05 < _rows(found).longest < 0.5
    assert 0.2 < _rows(found).total < 5
    assert 0.05 < (_rows(found).share or 0) < 0.6


def test_rows_stay_closed_while_their_transaction_has_locked_the_table_too(new_database: Callable[..., Target]) -> None:
    target = new_database(TABLES)

    with watching(target, ["flights"]) as found, target.connect(autocommit=False) as connection:
        connection.execute("UPDATE flights SET minutes = 1")
        time.sleep(HELD_S)
        connection.execute("ALTER TABLE flights ADD COLUMN cid int")
        time.sleep(HELD_S)
        connection.commit()

    table = next(each for each in found if each.access == "write")
    assert 0.9 * HELD_S < table.longest < 1.5 * HELD_S
    assert _rows(found).longest > 1.8 * HELD_S


def test_a_writer_of_rows_waits_for_the_table_as_any_writer(new_database: Callable[..., Target]) -> None:
    target = new_database(TABLES)

    with watching(target, ["flights", "empty"]) as found:
        _run(target, "LOCK TABLE flights, empty IN SHARE MODE", held=HELD_S)

    told = {(each.table, each.access): each for each in found}
    assert told["flights", "row"].longest == told["flights", "write"].longest > 0.8 * HELD_S
    assert told["flights", "row"].share == 0
    assert (told["empty", "row"].tries, told["empty", "row"].longest) == (0, 0)
    assert told["empty", "row"].missing == "it has no rows that could be looked at"


def test_each_partition_is_looked_at(new_database: Callable[..., Target]) -> None:
    target = new_database(PARTITIONED)

    with watching(target, ["logs", "logs_1"]) as found:
        _run(target, "UPDATE ONLY logs_2 SET id = 0", held=HELD_S)

    assert _rows(found, "logs").longest > 0.8 * HELD_S
    assert (_rows(found, "logs").share or 0) == pytest.approx(0.5, abs=0.1)
    assert (_rows(found, "logs_1").longest, _rows(found, "logs_1").share) == (0, 0)


def test_new_rows_are_looked_at_where_the_old_ones_are_gone(new_database: Callable[..., Target]) -> None:
    target = new_database(TABLES)

    with watching(target, ["flights", "few", "empty"]) as found:
        _run(target, "TRUNCATE flights CASCADE", "INSERT INTO flights SELECT g, 0 FROM generate_series(1, 999) AS g")
        _run(target, "INSERT INTO empty VALUES (1)", "DROP TABLE few")
        time.sleep(0.2)
        _run(target, "UPDATE flights SET minutes = 1", "UPDATE empty SET id = 2", held=HELD_S)

    for table in ("flights", "empty"):
        assert _rows(found, table).longest > 0.6 * HELD_S
        assert _rows(found, table).share == 1.0
    assert _rows(found, "few").longest < HELD_S


def test_a_prepared_transaction_keeps_rows_closed_to_the_end() -> None:
    with started(next(iter(majors().values()))) as server:
        target = server.create("prepared")
        with target.connect() as connection:
            connection.execute(TABLES.encode())

        with watching(target, ["flights"]) as found, target.connect() as connection:
            connection.execute("BEGIN; UPDATE flights SET minutes = 1; PREPARE TRANSACTION 'kept'")
            time.sleep(HELD_S)

    assert _rows(found).longest > 0.7 * HELD_S


def test_nobody_who_skips_locked_rows_misses_one(new_database: Callable[..., Target]) -> None:
    """Also while another session writes the table, and rows bear the numbers of those who had locked them before."""
    target = new_database(TABLES)
    counted = set()

    with (
        watching(target, ["flights"]) as found,
        target.connect(autocommit=False) as holder,
        target.connect() as connection,
    ):
        holder.execute("INSERT INTO flights VALUES (0, 0)")
        ended = time.perf_counter() + 2.0
        while time.perf_counter() < ended:
            row = connection.execute(
                "SELECT count(*) FROM (SELECT FROM flights FOR UPDATE SKIP LOCKED) AS got"
            ).fetchone()
            counted.add(row)

    assert counted == {(ROWS,)}
    assert _rows(found).tries > 20


def test_no_lock_is_waited_for_while_one_is_held(new_database: Callable[..., Target]) -> None:
    """Planning a query waits for a REINDEX; with a lock on the table it would be the other half of a deadlock."""
    target = new_database(TABLES)

    with watching(target, ["flights"]) as found:
        began = time.perf_counter()
        _run(
            target, "SET deadlock_timeout = '100ms'", "UPDATE flights SET minutes = 1", "REINDEX INDEX flights_pkey",
            "SELECT pg_sleep(0.5)", "ALTER TABLE flights ADD COLUMN cid int",
        )  # fmt: skip
        took = time.perf_counter() - began

    assert _rows(found).longest > 0.3
    assert took < 3


def test_asking_for_rows_fires_nothing_and_leaves_them_as_they_are(new_database: Callable[..., Target]) -> None:
    target = new_database(
        TABLES
        + """
        CREATE TABLE fired (at text);
        CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO fired VALUES (TG_OP); RETURN NULL; END $$;
        CREATE TRIGGER t AFTER INSERT OR UPDATE OR DELETE ON few EXECUTE FUNCTION note();
        """
    )
    query = (
        "SELECT ctid, xmin, id FROM few",
        "SELECT * FROM fired",
        "SELECT n_tup_ins, n_tup_upd, n_tup_del FROM pg_stat_user_tables WHERE relname = 'few'",
    )

    def state() -> list[object]:
        with target.connect() as connection:
            return [connection.execute(each.encode()).fetchall() for each in query]

    before = state()
    with watching(target, ["few"]) as found:
        _run(target, "SELECT FROM few FOR KEY SHARE", held=HELD_S)

    assert state() == before
    assert _rows(found, "few").tries > 5


def test_rows_that_may_not_be_written_are_not_measured(new_database: Callable[..., Target]) -> None:
    """An account on a server that was given is not always a superuser."""
    target = new_database(
        TABLES
        + """
        DROP ROLE IF EXISTS canary; CREATE ROLE canary LOGIN PASSWORD 'canary';
        ALTER TABLE few ENABLE ROW LEVEL SECURITY; GRANT ALL ON few TO canary; REVOKE ALL ON flights FROM canary;
        """
    )
    account = replace(target, user="canary", password="canary")

    with watching(account, ["few", "flights"]) as found:
        _run(target, "SELECT FROM few FOR UPDATE", "SELECT FROM flights FOR UPDATE", held=HELD_S)

    with target.connect() as connection:
        connection.execute("DROP OWNED BY canary; DROP ROLE canary")
    assert (_rows(found, "few").tries, _rows(found, "flights").tries) == (0, 0)
    assert "row-level security" in _rows(found, "few").missing
    assert _rows(found, "flights").missing == "permission denied for table flights"
    assert next(each for each in found if each.access == "read").tries > 5
