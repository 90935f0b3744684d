"""What a monitor must say of a server, each time made to happen on every server version here."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest

from pytest_cutover.criteria.health import Health
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding
from pytest_cutover.live.figures import Figures, take_figures
from pytest_cutover.live.history import append_run, by_day, earlier_figures
from pytest_cutover.live.orphans import count_orphans
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.live.trends import find_unused_indexes, since
from pytest_cutover.plan.model import Changes, Live
from pytest_cutover.plan.values import Size
from pytest_cutover.report.trends import read_trends
from pytest_cutover.target import Target

SCHEMA = """
CREATE TABLE depots (id int PRIMARY KEY);
CREATE TABLE parcels (id int PRIMARY KEY, depot int, size text);
INSERT INTO parcels SELECT g, g % 3, 'secret-size' FROM generate_series(1, 300) g; INSERT INTO depots VALUES (0), (1);
CREATE INDEX by_depot ON parcels (depot); CREATE UNIQUE INDEX once ON parcels (id, depot);
"""
KEY = "ALTER TABLE parcels ADD CONSTRAINT in_depot FOREIGN KEY (depot) REFERENCES depots NOT VALID"
CHANGES = Changes.model_validate({"added": ["index:by_depot", "index:once", "constraint:parcels.in_depot"]})
SLOW = "SELECT count(*), pg_sleep(0.12) FROM parcels WHERE size <> 'secret-size' /* secret-comment */"


@pytest.fixture
def monitor(production: Target, tmp_path: Path) -> Monitor:
    """A monitor of this database."""
    return Monitor(production, tmp_path / "first.production.history.jsonl")


class Monitor:
    """Takes figures and asks, as a run with --phase=monitor does, and writes the figures down."""

    def __init__(self, target: Target, history: Path) -> None:
        self.target = target
        self.history = history

    def look(self, *, day: str = "2026-01-15", target: Target | None = None, **limits: Any) -> dict[str, Finding | str]:
        """One run of that day: by question the finding, or why it was not checked."""
        found: dict[str, Finding | str] = {}
        with closing(LivePostgres(target or self.target)) as database:
            with database.checking("(schema)"):
                _ = database.catalog
            figures = take_figures(database, CHANGES, earlier_figures(self.history))
            run: Any = SimpleNamespace(figures=lambda: figures)
            for name in ("locks", "indexes", "orphans", "unused", "statements"):
                asked = {"slow_statement": "80ms", "unused_index": "7d"} | limits
                criterion = Health(id="health", kind="health", question=name, limits=Live.model_validate(asked))
                with database.checking(name):
                    try:
                        found[name] = criterion.check(database, run)
                    except NotChecked as reason:
                        found[name] = str(reason)
        append_run(self.history, f"{day}T12:00:00Z", {"verdict": "GO", "criteria": []}, figures.to_json())
        return found


@pytest.mark.parametrize("version", ["", "VERSION '1.7'"])
def test_a_slow_statement_is_named_by_its_shape_and_only_while_it_is_slow(monitor: Monitor, version: str) -> None:
    """Day by day: slow, slow no more, slow again. In version 1.7 of the extension, as in PostgreSQL 12, columns have other
    names."""
    execute(monitor.target, f"CREATE SCHEMA tools; CREATE EXTENSION pg_stat_statements SCHEMA tools {version}")
    execute(monitor.target, "SELECT tools.pg_stat_statements_reset()")
    for _ in range(3):
        execute(monitor.target, SLOW)
    execute(monitor.target, "CREATE ROLE till PASSWORD 'secret-password'; DROP ROLE till")

    first = finding(monitor.look(day="2026-01-15"), "statements")
    second = finding(monitor.look(day="2026-01-16"), "statements")
    execute(monitor.target, SLOW)
    third = finding(monitor.look(day="2026-01-17"), "statements")

    assert first.message == "1 statement takes longer than 80 ms on average"
    shape, role, calls, mean_ms = first.evidence[0].rows[0]
    assert (shape, role, calls) == ("SELECT count(*), pg_sleep($1) FROM parcels WHERE size <> $2", "postgres", 3)
    assert 120 <= mean_ms < 5000
    assert second.holds, second
    assert third.evidence[0].rows[0][2] == 1
    assert "secret" not in monitor.history.read_text(encoding="utf-8")
    trend = next(each for each in read_trends(by_day(monitor.history)) if each.of == "Statement")
    assert trend.days == ("2026-01-15", "2026-01-16", "2026-01-17")
    cells = dict(trend.rows)[shape]
    assert cells[0].endswith("s × 3") and cells[1] == "not called" and cells[2].endswith("s × 1")


def test_without_the_extension_slow_statements_are_not_checked(monitor: Monitor) -> None:
    """It is told how to have it, and the other figures are there all the same."""
    found = monitor.look()

    assert "CREATE EXTENSION pg_stat_statements" in str(found["statements"])
    assert finding(found, "locks").holds
    assert json.loads(monitor.history.read_text(encoding="utf-8"))["figures"]["indexes"][0]["name"] == "by_depot"


def test_the_statements_of_others_are_not_checked_without_the_privilege(monitor: Monitor) -> None:
    """A list of one's own statements is no list of slow ones."""
    execute(monitor.target, "CREATE EXTENSION pg_stat_statements; CREATE ROLE watcher LOGIN PASSWORD 'w'")
    execute(monitor.target, "GRANT pg_read_all_data TO watcher")
    try:
        execute(monitor.target, SLOW)
        watcher = replace(monitor.target, user="watcher", password="w")
        told = 'the statements of other roles may not be seen: GRANT pg_read_all_stats TO "watcher"'
        assert monitor.look(target=watcher)["statements"] == told
        execute(monitor.target, "GRANT pg_read_all_stats TO watcher")
        assert not finding(monitor.look(target=watcher), "statements").holds
    finally:
        execute(monitor.target, "DROP OWNED BY watcher; DROP ROLE watcher")


def test_a_session_that_waits_for_a_lock_is_named_with_the_one_that_holds_it(monitor: Monitor) -> None:
    with monitor.target.connect(autocommit=False) as holder, monitor.target.connect(name="till") as waiter:
        holder.execute("LOCK TABLE depots IN EXCLUSIVE MODE")
        thread = threading.Thread(target=_try, args=(waiter, "INSERT INTO depots VALUES (9)"))
        thread.start()
        time.sleep(0.3)
        patient = finding(monitor.look(lock="1min"), "locks")
        found = finding(monitor.look(lock="200ms"), "locks")
        pids = waiter.info.backend_pid, str(holder.info.backend_pid)
        holder.rollback()
        thread.join()

    assert patient.holds
    assert found.message == "1 session waits for a lock for more than 200 ms"
    pid, application, ms, by, mode, on = found.evidence[0].rows[0]
    assert (pid, by, application, mode, on) == (*pids, "till", "RowExclusiveLock", "depots")
    assert 200 < ms < 60_000


def test_an_invalid_index_is_named_and_one_that_is_being_built_is_none(monitor: Monitor) -> None:
    with monitor.target.connect(autocommit=False) as writer, monitor.target.connect() as builder:
        writer.execute("INSERT INTO parcels VALUES (1000)")
        builder.pgconn.send_query(b"CREATE INDEX CONCURRENTLY by_size ON parcels (size)")
        time.sleep(0.3)
        building = finding(monitor.look(), "indexes")
        writer.rollback()
        while builder.pgconn.get_result() is not None:
            pass
    with monitor.target.connect() as builder:
        _try(builder, "CREATE UNIQUE INDEX CONCURRENTLY one_size ON parcels (size)")

    assert building.holds and building.message.endswith("one is being built")
    assert finding(monitor.look(), "indexes").actual == "1 index is not valid: one_size"


def test_an_index_whose_build_may_not_be_seen_is_not_checked(monitor: Monitor) -> None:
    """It may be the one that is not valid."""
    execute(monitor.target, "CREATE ROLE watcher LOGIN PASSWORD 'w'")
    with monitor.target.connect(autocommit=False) as writer, monitor.target.connect() as builder:
        writer.execute("INSERT INTO parcels VALUES (1000)")
        builder.pgconn.send_query(b"CREATE INDEX CONCURRENTLY by_size ON parcels (size)")
        time.sleep(0.3)
        told = monitor.look(target=replace(monitor.target, user="watcher", password="w"))["indexes"]
        writer.rollback()
        while builder.pgconn.get_result() is not None:
            pass
    execute(monitor.target, "DROP ROLE watcher")

    assert str(told).endswith('may not be seen: GRANT pg_read_all_stats TO "watcher"')


def test_new_orphans_fail_until_they_are_gone_and_old_ones_do_not(monitor: Monitor) -> None:
    """100 orphans were there before the foreign key, which was never validated; the next ones come past its triggers."""
    execute(monitor.target, KEY)
    first = monitor.look()["orphans"]
    second = finding(monitor.look(), "orphans")
    execute(monitor.target, "SET session_replication_role = replica; UPDATE parcels SET depot = 7 WHERE id = 1")
    third, fourth = (finding(monitor.look(), "orphans") for _ in range(2))
    execute(monitor.target, "DELETE FROM parcels WHERE depot IN (2, 7)")
    clean = finding(monitor.look(), "orphans")

    assert (
        first == "parcels.in_depot has 100 orphans, and there is no earlier run to compare with: the next one compares"
    )
    assert second.message == "1 foreign key is not enforced, with 100 orphans, none of them new"
    assert third.actual == fourth.actual == "parcels.in_depot has 101 orphans, at best it had 100"
    assert clean.message.endswith("with 0 orphans, none of them new")


def test_the_orphans_of_a_large_table_are_counted_by_ranges_of_its_key(production: Target) -> None:
    """In one statement they would be too many to read."""
    execute(
        production, "INSERT INTO parcels SELECT g, g % 3, repeat('x', 50) FROM generate_series(301, 3000) g; " + KEY
    )
    execute(production, "ANALYZE")
    with closing(LivePostgres(production, Size.parse("64kB"))) as view:
        with view.checking("(schema)"):
            key = view.catalog.constraints["parcels.in_depot"]
        with view.checking("orphans"):
            assert count_orphans(view, key) == 1000
            assert "parcels was read in" in view.remarks[0]


def test_orphans_that_cannot_be_counted_are_not_checked(monitor: Monitor) -> None:
    """A role that may not read one of the tables counts nothing."""
    execute(monitor.target, KEY + "; CREATE ROLE watcher LOGIN PASSWORD 'w'; GRANT SELECT ON parcels TO watcher")
    told = monitor.look(target=replace(monitor.target, user="watcher", password="w"))["orphans"]
    execute(monitor.target, "DROP OWNED BY watcher; DROP ROLE watcher")

    assert told == "the orphans of parcels.in_depot were not counted: permission denied for table depots"


def test_an_added_index_that_nobody_uses_is_named_after_its_time(monitor: Monitor) -> None:
    """On its first days it may still come to be used; a scan ends the question. A unique one is of use at every write."""
    ten_days_ago = (datetime.now(timezone.utc) - timedelta(days=10)).date().isoformat()
    first = finding(monitor.look(day=ten_days_ago), "unused")
    later = finding(monitor.look(), "unused")
    execute(monitor.target, "SET enable_seqscan = off; SELECT count(*) FROM parcels WHERE depot = 1")
    _until(lambda: finding(monitor.look(), "unused").holds)

    assert first.message == "each of 2 added indexes is used, but 1 that may still come to be"
    assert later.actual == "1 index was not used within 7 d 0 h: by_depot"


def test_scans_and_sizes_are_written_down_by_day(monitor: Monitor) -> None:
    """What is counted on and on is shown for each day."""
    monitor.look(day="2026-01-15")
    execute(monitor.target, "SELECT count(*) FROM parcels; SELECT count(*) FROM parcels")
    _until(lambda: _read_in_whole(monitor) >= 600)
    trends = {each.title.split(" since")[0]: each for each in read_trends(by_day(monitor.history))}

    assert "Size of these indexes" in trends
    sizes = dict(trends["Size of tables with their indexes"].rows)
    assert set(sizes) >= {"parcels"} and all(size.endswith("kB") for size in sizes["parcels"])
    assert [value.replace("\u202f", "") for value in dict(trends["Rows read by sequential scans"].rows)["parcels"]][
        1
    ] == "600"


@pytest.mark.parametrize(
    ("before", "calls", "mean_ms"),
    [
        (None, 10, 5.0),
        ({"calls": 8, "total_ms": 10.0}, 2, 20.0),
        ({"calls": 10, "total_ms": 50.0}, 0, 0.0),
        ({"calls": 11, "total_ms": 60.0}, 10, 5.0),
    ],
)
def test_a_counter_that_was_reset_is_not_compared(before: dict[str, Any] | None, calls: int, mean_ms: float) -> None:
    """It would give fewer calls than none."""
    assert since({"calls": 10, "total_ms": 50.0}, before) == (calls, mean_ms)


def test_what_was_not_seen_is_not_checked() -> None:
    """No index in a list that could not be had is no index without use."""
    with pytest.raises(NotChecked, match="no answer"):
        find_unused_indexes(Figures(unseen={"indexes": "no answer"}), 1.0)


def _read_in_whole(monitor: Monitor) -> int:
    monitor.look(day="2026-01-16")
    latest = by_day(monitor.history)[0]["figures"]["tables"]
    return int(next(each["seq_rows"] for each in latest if each["name"] == "parcels"))


def finding(found: dict[str, Finding | str], name: str) -> Finding:
    """The finding on a question that was decided."""
    decided = found[name]
    assert isinstance(decided, Finding), decided
    return decided


def execute(target: Target, sql: str) -> None:
    with target.connect() as connection:
        connection.execute(sql.encode())


def _try(connection: psycopg.Connection, sql: str) -> None:
    with suppress(psycopg.Error):
        connection.execute(sql.encode())


def _until(happened: Callable[[], bool]) -> None:
    for _ in range(100):
        if happened():
            return
        time.sleep(0.05)
    raise AssertionError("it did not happen within 5 s")
