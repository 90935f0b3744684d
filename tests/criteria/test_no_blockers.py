"""Nobody keeps others waiting."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import psycopg
import pytest

from pytest_cutover.errors import NotChecked
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.target import Target
from tests.criteria.conftest import Pair, read


@pytest.fixture
def pair(migrated: Callable[..., Pair]) -> Pair:
    """A database with a table."""
    return migrated("CREATE TABLE t (id int); INSERT INTO t VALUES (1)")


def test_where_nobody_waits_it_holds(pair: Pair) -> None:
    assert pair.check("no_blockers").holds


def test_a_session_that_waits_for_a_lock_is_named_with_the_one_that_holds_it(pair: Pair) -> None:
    target: Any = pair.after.target  # type: ignore[attr-defined]
    with target.connect(autocommit=False) as holder, target.connect() as waiter:
        pids = waiter.info.backend_pid, str(holder.info.backend_pid)
        holder.execute("LOCK TABLE t IN ACCESS EXCLUSIVE MODE")
        thread = threading.Thread(target=_wait, args=(waiter,))
        thread.start()
        time.sleep(0.3)
        found = pair.check("no_blockers")
        holder.rollback()
        thread.join()

    assert not found.holds
    assert found.message == "1 session waits for a lock"
    assert found.evidence[0].rows[0][:2] == pids
    assert found.evidence[0].rows[0][3] == "t"


def test_a_transaction_that_is_open_for_long_is_named(pair: Pair) -> None:
    target: Any = pair.after.target  # type: ignore[attr-defined]
    with target.connect(autocommit=False) as other:
        other.execute("SELECT 1")
        time.sleep(0.2)
        found = pair.check("no_blockers", longest="100ms")
        other.rollback()

    assert not found.holds
    assert found.message == "1 transaction is open for more than 100 ms"


def test_a_role_that_does_not_see_other_sessions_decides_nothing(pair: Pair) -> None:
    """Sessions that cannot be seen are not sessions that are not there."""
    target: Any = pair.after.target  # type: ignore[attr-defined]
    with target.connect() as other:
        other.execute("CREATE ROLE blind LOGIN PASSWORD 'x'")
        view = PostgresDatabase(Target(target.host, target.port, target.database, "blind", "x"), "after")
        try:
            with pytest.raises(NotChecked, match="grant it pg_read_all_stats"):
                read("no_blockers").check(view, view)
        finally:
            view.close()
            other.execute("DROP ROLE blind")


def _wait(connection: psycopg.Connection) -> None:
    with suppress(psycopg.Error):
        connection.execute("SELECT * FROM t")
