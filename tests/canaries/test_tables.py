"""How long clients of a table wait is what they would tell themselves; asking changes nothing and keeps nobody."""

from __future__ import annotations

import os
import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from pytest_cutover.canaries import Wait, watching
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

TABLES = "CREATE TABLE flights (id int PRIMARY KEY); CREATE TABLE other (id int); INSERT INTO flights VALUES (1);"
ASKS = "SELECT id FROM flights WHERE id = 1;\n"
HELD_S = 2.0


def _waits(found: list[Wait]) -> dict[tuple[str, str], Wait]:
    return {(each.table, each.access): each for each in found}


def _lock(target: Target, mode: str, seconds: float) -> None:
    with target.connect(autocommit=False) as connection:
        connection.execute(f"LOCK TABLE flights IN {mode} MODE".encode())
        connection.execute(f"SELECT pg_sleep({seconds})".encode())


def test_a_closed_table_is_told_as_an_independent_client_tells_it(
    new_database: Callable[..., Target], server: Server, tmp_path: Path
) -> None:
    """pgbench reads the same table meanwhile, and logs how long each of its statements took."""
    program = Path(server.programs) / "pgbench"
    if not program.exists():
        pytest.skip(f"{server.facts.why} has no pgbench")
    target = new_database(TABLES)
    (tmp_path / "asks.sql").write_text(ASKS)
    (tmp_path / "asks.sql").chmod(0o644)
    command = [program, "--no-vacuum", "--client=1", "--time=4", "--file=asks.sql", "--log", "--log-prefix=told"]

    with subprocess.Popen(
        command, cwd=tmp_path, env=target.libpq_environment(os.environ), stdout=subprocess.DEVNULL
    ) as pgbench:
        time.sleep(0.7)
        with watching(target, ["flights", "other"]) as found:
            _lock(target, "ACCESS EXCLUSIVE", HELD_S)
        assert pgbench.wait(30) == 0

    lines = next(tmp_path.glob("told.*")).read_text().splitlines()
    told = max(int(line.split()[2]) for line in lines) / 1e6
    waits = _waits(found)
    assert told >= HELD_S
    for access in ("read", "write"):
        assert waits["flights", access].longest == pytest.approx(told, rel=0.1)
        assert waits["flights", access].total == pytest.approx(told, rel=0.15)
        assert waits["other", access].longest < HELD_S / 2
        assert waits["other", access].tries > 10


def test_what_keeps_only_writers_out_is_told_of_them_alone(new_database: Callable[..., Target]) -> None:
    target = new_database(TABLES)

    with watching(target, ["flights"]) as found:
        time.sleep(0.2)
        _lock(target, "SHARE", 0.6)

    waits = _waits(found)
    assert waits["flights", "write"].longest > 0.5
    assert waits["flights", "write"].at > 0.1
    assert waits["flights", "read"].longest < 0.5


def test_asking_leaves_no_trace_in_what_is_compared(new_database: Callable[..., Target]) -> None:
    target = new_database(
        TABLES + "CREATE SEQUENCE s; CREATE RULE r AS ON UPDATE TO flights DO ALSO SELECT nextval('s');"
    )
    query = "SELECT n_tup_ins, n_tup_upd, n_tup_del, n_live_tup FROM pg_stat_user_tables WHERE relname = 'flights'"

    def state() -> list[object]:
        with target.connect() as connection:
            return [*connection.execute(query).fetchall(), *connection.execute("SELECT * FROM s, flights").fetchall()]

    before = state()
    with watching(target, ["flights"]) as found:
        time.sleep(0.3)

    assert state() == before
    assert {each.tries > 3 for each in found} == {True}


def test_an_index_is_built_concurrently_beside_it(new_database: Callable[..., Target]) -> None:
    target = new_database(TABLES)

    with watching(target, ["flights"]), target.connect() as connection:
        began = time.perf_counter()
        connection.execute("CREATE INDEX CONCURRENTLY i ON flights (id)")

    assert time.perf_counter() - began < 5


def test_a_table_that_is_gone_for_a_while_was_closed_meanwhile(new_database: Callable[..., Target]) -> None:
    target = new_database(TABLES)

    with watching(target, ["flights", "other", "never"]) as found, target.connect() as connection:
        connection.execute("ALTER TABLE flights RENAME TO aside")
        connection.execute("DROP TABLE other")
        time.sleep(0.6)
        connection.execute("ALTER TABLE aside RENAME TO flights")
        time.sleep(0.2)

    waits = _waits(found)
    assert waits["flights", "read"].longest > 0.4
    assert [waits[table, "read"].gone for table in ("flights", "other", "never")] == [False, True, True]


def test_sessions_that_somebody_ends_come_again(new_database: Callable[..., Target]) -> None:
    target = new_database(TABLES)

    with watching(target, ["flights"]) as found, target.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        time.sleep(0.3)
        _lock(target, "ACCESS EXCLUSIVE", 0.5)

    assert min(each.longest for each in found) > 0.4


def test_a_lock_that_nobody_gives_back_does_not_keep_the_run(new_database: Callable[..., Target]) -> None:
    target = new_database(TABLES)
    released = threading.Event()

    def hold() -> None:
        with target.connect(autocommit=False) as connection:
            connection.execute("LOCK TABLE flights IN ACCESS EXCLUSIVE MODE")
            released.wait(30)

    holder = threading.Thread(target=hold)
    with watching(target, ["flights"]) as found:
        holder.start()
        time.sleep(0.5)
    released.set()
    holder.join()

    assert min(each.longest for each in found) > 1
