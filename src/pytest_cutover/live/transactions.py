"""Transactions that a migration would have to wait for."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.live.looking import Fault, forget_statistics, grant, judge, some
from pytest_cutover.names import quote_relation
from pytest_cutover.plan.model import Live
from pytest_cutover.plan.values import format_duration

# An autovacuum gives way to whoever waits for it, but not where it prevents a wraparound. The sessions of our own run
# hold nothing but AccessShareLock, and none for more than a minute. Partitions are locked with their table. A session
# that may not be seen is in a transaction where it holds a lock: every transaction holds one on its own number.
_SESSIONS = """
WITH RECURSIVE touched(oid) AS (
    SELECT pg_catalog.to_regclass(name)::oid FROM unnest(%s::text[]) AS name
    UNION SELECT i.inhrelid FROM pg_catalog.pg_inherits AS i JOIN touched AS t ON t.oid = i.inhparent
), held AS (
    SELECT l.pid, l.mode, l.relation::pg_catalog.regclass::text AS name
    FROM pg_catalog.pg_locks AS l
    WHERE l.granted AND l.locktype = 'relation' AND l.relation IN (SELECT oid FROM touched)
      AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())
)
SELECT a.pid, a.application_name, a.state,
       floor(extract(epoch FROM clock_timestamp() - a.xact_start) * 1000)::bigint, h.mode, h.name,
       a.query = '<insufficient privilege>' AND a.xact_start IS NULL
           AND EXISTS (SELECT 1 FROM pg_catalog.pg_locks AS l WHERE l.pid = a.pid)
FROM pg_catalog.pg_stat_activity AS a LEFT JOIN held AS h ON h.pid = a.pid
WHERE a.datname = current_database() AND a.pid <> pg_backend_pid()
  AND (a.backend_type IS NULL OR a.backend_type NOT IN ('autovacuum worker', 'walsender')
       OR a.query LIKE 'autovacuum:%%(to prevent wraparound)')
  AND NOT (a.application_name = 'pytest-cutover' AND a.usename = current_user
           AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_locks AS l
                           WHERE l.pid = a.pid AND l.locktype = 'relation' AND l.mode <> 'AccessShareLock'))
ORDER BY a.xact_start, a.pid, h.name, h.mode
"""
_PREPARED = """
SELECT gid, owner, floor(extract(epoch FROM clock_timestamp() - prepared))::bigint
FROM pg_catalog.pg_prepared_xacts
WHERE database = current_database() AND prepared < clock_timestamp() - make_interval(secs => %s)
ORDER BY prepared, gid
"""
_COLUMNS = ("pid", "application", "state", "seconds", "lock", "table")


class Held(NamedTuple):
    """A session of this database, and one lock that it holds on a table of the migration, if any.

    `ms` is how long its transaction is open, None where it has none. Of a `hidden` one we see that it is in a transaction,
    and its locks.
    """

    pid: int
    application: str | None
    state: str | None
    ms: int | None
    mode: str | None
    table: str | None
    hidden: bool

    @property
    def row(self) -> tuple[Any, ...]:
        """The session as evidence: no statement's text."""
        return self.pid, self.application, self.state, (self.ms or 0) // 1000, self.mode or "", self.table or ""


def find_transactions(database: Database, tables: Sequence[str], limits: Live) -> Finding:
    """Whether no transaction is open that the migration of these tables would wait for.

    Raises:
        NotChecked: our role may not see the sessions of others.
    """
    forget_statistics(database)
    sessions = [Held(*row) for row in database.query(_SESSIONS, ([quote_relation(name) for name in tables],)).rows]
    prepared = database.query(_PREPARED, (limits.lock,)).rows
    blocking = [each for each in sessions if each.mode is not None and (each.ms or 0) > limits.lock * 1000]
    pids = {each.pid for each in blocking}
    old = [each for each in sessions if (each.ms or 0) > limits.transaction * 1000 and each.pid not in pids]
    faults = []
    if blocking:
        what = some(len(pids), "transaction holds a lock", "transactions hold a lock")
        named = ", ".join(sorted({each.table or "" for each in blocking}))
        faults.append(Fault(
            f"{what} on {named}", f"{what} on {named} for more than {format_duration(limits.lock)}: the migration would wait "
            "for its end, and everybody behind it", Evidence.of("Locks on tables of the migration", _COLUMNS, [each.row for each in blocking]),
        ))  # fmt: skip
    if old:
        what = some(len({each.pid for each in old}), "transaction is open", "transactions are open")
        what += f" for more than {format_duration(limits.transaction)}"
        faults.append(Fault(what, what, Evidence.of("Open transactions", _COLUMNS, [each.row for each in old])))
    if prepared:
        what = some(len(prepared), "transaction is prepared", "transactions are prepared")
        faults.append(Fault(
            what, f"{what}: its locks stay until COMMIT PREPARED or ROLLBACK PREPARED",
            Evidence.of("Prepared transactions", ("gid", "owner", "seconds"), prepared),
        ))  # fmt: skip
    hidden = len({each.pid for each in sessions if each.hidden})
    unseen = []
    if hidden:
        held = sorted({each.table or "" for each in sessions if each.hidden and each.mode is not None})
        unseen.append(
            f"{some(hidden, 'transaction')} of other roles may not be seen"
            + (f", with a lock on {', '.join(held)}" if held else "") + f": {grant(database)}"
        )  # fmt: skip
    on = f" on {', '.join(tables)}" if tables else ""
    return judge(
        faults, unseen, "no transaction is open that the migration would wait for",
        f"no lock{on} for more than {format_duration(limits.lock)}, no transaction open for more than "
        f"{format_duration(limits.transaction)}, none prepared",
    )  # fmt: skip
