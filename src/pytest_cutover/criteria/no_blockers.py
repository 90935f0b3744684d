"""Nobody keeps others waiting."""

from __future__ import annotations

from typing import Any, ClassVar

from pydantic import Field

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.plan.model import Phase
from pytest_cutover.plan.values import Duration, format_duration

_WAITING = """
SELECT l.pid, (SELECT string_agg(b::text, ', ' ORDER BY b) FROM unnest(pg_catalog.pg_blocking_pids(l.pid)) AS b),
       l.mode, l.relation::pg_catalog.regclass::text
FROM pg_catalog.pg_locks AS l
WHERE NOT l.granted AND (l.database IS NULL OR l.database IN (0,
    (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())))
ORDER BY l.pid
"""
_OPEN = """
SELECT a.pid, floor(extract(epoch FROM clock_timestamp() - a.xact_start))::bigint, a.state
FROM pg_catalog.pg_stat_activity AS a
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid() AND a.backend_type = 'client backend'
  AND a.xact_start < clock_timestamp() - make_interval(secs => %s)
ORDER BY a.xact_start
"""
_PREPARED = """
SELECT gid, floor(extract(epoch FROM clock_timestamp() - prepared))::bigint
FROM pg_catalog.pg_prepared_xacts WHERE database = current_database() ORDER BY prepared
"""
_HIDDEN = """
SELECT count(*) FROM pg_catalog.pg_stat_activity
WHERE datname = current_database() AND query = '<insufficient privilege>'
"""


class NoBlockers(DatabaseKind):
    """No session waits for a lock, no transaction is open for long, and none is prepared and forgotten."""

    KIND: ClassVar[str] = "no_blockers"
    GROUP: ClassVar[str] = "live"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("before", "after", "monitor")
    PROVES: ClassVar[str] = (
        "At that moment the server's lock table held no request that was not granted, no transaction of this database was "
        "older than `longest`, and no prepared transaction was waiting. Each of these makes a migration wait, and everybody "
        "behind it."
    )
    CANNOT: ClassVar[str] = (
        "It is one moment. Whoever may not see the other sessions (pg_read_all_stats, or pg_monitor) gets *not checked*."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='longest = "5min"', before="", passing="", failing="",
        message="1 session waits for a lock",
    )  # fmt: skip

    longest: Duration = Field(300.0, description="how long a transaction may be open")

    def find(self, before: Database, after: Database) -> Finding:
        """Finds who waits, and who makes others wait."""
        after.query("SELECT pg_catalog.pg_stat_clear_snapshot()")
        if after.scalar(_HIDDEN):
            raise NotChecked("our role may not see what other sessions do: grant it pg_read_all_stats")
        waiting = after.query(_WAITING).rows
        open_ = after.query(_OPEN, (self.longest,)).rows
        prepared = after.query(_PREPARED).rows
        limit = format_duration(self.longest)
        blocks = (
            (waiting, "session waits for a lock", "sessions wait for a lock", "Waiting", _WAITS),
            (open_, f"transaction is open for more than {limit}", f"transactions are open for more than {limit}",
             "Open transactions", ("pid", "seconds", "state")),
            (prepared, "transaction is prepared", "transactions are prepared", "Prepared transactions", ("gid", "seconds")),
        )  # fmt: skip
        wrong = [f"{len(rows)} {one if len(rows) == 1 else many}" for rows, one, many, _, _ in blocks if rows]
        return Finding(
            not wrong, "; ".join(wrong) or "nobody waits for a lock, and no transaction is open for long",
            expected="none", actual=", ".join(f"{len(rows)} {title.lower()}" for rows, _, _, title, _ in blocks if rows)
            or "none",
            evidence=tuple(_evidence(title, columns, rows) for rows, _, _, title, columns in blocks if rows),
        )  # fmt: skip


_WAITS = ("pid", "waits for", "mode", "relation")


def _evidence(title: str, columns: tuple[str, ...], rows: list[tuple[Any, ...]]) -> Evidence:
    return Evidence.of(title, columns, rows)
