"""Sessions that wait for a lock."""

from __future__ import annotations

from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.live.looking import Fault, forget_statistics, judge, some
from pytest_cutover.plan.values import format_duration

# Since version 14 the lock table says since when somebody waits, NULL where that has just begun; before, the statement's
# beginning is the best there is, and where that may not be seen, nobody knows.
_WAITING = """
SELECT * FROM (
    SELECT l.pid, a.application_name,
           floor(extract(epoch FROM clock_timestamp() - CASE WHEN current_setting('server_version_num')::int >= 140000
               THEN coalesce((to_jsonb(l) ->> 'waitstart')::timestamptz, clock_timestamp()) ELSE a.query_start END) * 1000)::bigint AS ms,
           (SELECT string_agg(b::text, ', ' ORDER BY b) FROM unnest(pg_catalog.pg_blocking_pids(l.pid)) AS b),
           l.mode, coalesce(l.relation::pg_catalog.regclass::text, l.locktype)
    FROM pg_catalog.pg_locks AS l JOIN pg_catalog.pg_stat_activity AS a ON a.pid = l.pid
    WHERE NOT l.granted AND a.datname = current_database() AND l.pid <> pg_backend_pid()
) AS waiting WHERE ms IS NULL OR ms > %s ORDER BY pid
"""


def find_waits(database: Database, longest_s: float) -> Finding:
    """Whether no session of this database waits for a lock for longer."""
    forget_statistics(database)
    rows = database.query(_WAITING, (longest_s * 1000,)).rows
    limit = format_duration(longest_s)
    faults = []
    if rows:
        what = some(len(rows), "session waits", "sessions wait") + f" for a lock for more than {limit}"
        columns = ("pid", "application", "ms", "waits for", "lock", "on")
        faults.append(Fault(what, what, Evidence.of("Waiting for a lock", columns, rows)))
    return judge(faults, [], f"no session waits for a lock for more than {limit}", f"none waits for more than {limit}")
