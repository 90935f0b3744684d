"""Whether a migration can run on this server, and its standbys can follow."""

from __future__ import annotations

from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.live.looking import Fault, forget_statistics, grant, judge, some
from pytest_cutover.plan.model import Live
from pytest_cutover.plan.values import format_duration

_SERVER = """
SELECT pg_catalog.pg_is_in_recovery(), current_setting('synchronous_standby_names'),
       CASE WHEN NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.pg_current_wal_lsn() END::text
"""
_STANDBYS = """
SELECT pid, application_name, state, sync_state,
       (pg_catalog.pg_wal_lsn_diff(%s::pg_lsn, replay_lsn))::bigint,
       extract(epoch FROM replay_lag)::float8
FROM pg_catalog.pg_stat_replication
WHERE application_name IS DISTINCT FROM 'pg_basebackup'
ORDER BY application_name, pid
"""
_SLOTS = """
SELECT slot_name::text, slot_type, (pg_catalog.pg_wal_lsn_diff(%s::pg_lsn, restart_lsn))::bigint
FROM pg_catalog.pg_replication_slots
WHERE NOT active AND (restart_lsn IS NOT NULL OR xmin IS NOT NULL OR catalog_xmin IS NOT NULL)
ORDER BY slot_name
"""


def find_replication(database: Database, limits: Live) -> Finding:
    """Whether this server can be written to, its standbys keep up, and no slot keeps WAL for nobody.

    Raises:
        NotChecked: our role may not see how far the standbys are.
    """
    expected = (
        f"a primary, standbys at most {format_duration(limits.replication_lag)} and {limits.replication_bytes} "
        "behind, no inactive slot"
    )
    standby, synchronous, position = database.query(_SERVER).rows[0]
    if standby:
        return Finding(
            False, "this server is a standby: a migration cannot run here; name the primary in [targets]",
            expected=expected, actual="a standby",
        )  # fmt: skip
    forget_statistics(database)
    walsenders = database.query(_STANDBYS, (position,)).rows
    slots = database.query(_SLOTS, (position,)).rows
    hidden = [row for row in walsenders if row[2] is None]
    standbys = [row for row in walsenders if row[2] is not None and row[2] != "backup"]
    late = [
        row for row in standbys
        if row[2] != "streaming" or row[4] is None or row[4] > limits.replication_bytes
        or (row[5] or 0.0) > limits.replication_lag
    ]  # fmt: skip
    faults = []
    if late:
        what = some(len(late), "standby is behind", "standbys are behind")
        columns = ("pid", "application", "state", "synchronous", "bytes behind", "seconds behind")
        faults.append(Fault(what, f"{what} or does not stream", Evidence.of("Standbys that are behind", columns, late)))
    if len(walsenders) < limits.standbys:
        what = f"{some(len(walsenders), 'standby is', 'standbys are')} connected"
        faults.append(Fault(what, f"{what}, expected are at least {limits.standbys}"))
    if synchronous and not hidden and not any(row[3] in ("sync", "quorum") for row in standbys):
        what = "no synchronous standby is connected"
        faults.append(Fault(what, f"{what}, and synchronous_standby_names asks for one: every COMMIT would wait"))
    if slots:
        what = some(len(slots), "replication slot is inactive", "replication slots are inactive")
        named = ", ".join(str(row[0]) for row in slots)
        faults.append(Fault(
            f"{what}: {named}", f"{what} and keeps WAL or dead rows: {named}; what the migration writes would fill the disk",
            Evidence.of("Inactive slots", ("slot", "type", "bytes of WAL"), slots),
        ))  # fmt: skip
    unseen = (
        [f"how far {some(len(hidden), 'standby is', 'standbys are')} may not be seen: {grant(database)}"]
        if hidden
        else []
    )
    fine = f"{some(len(standbys), 'standby keeps up', 'standbys keep up')}" if standbys else "no standby is connected"
    return judge(faults, unseen, f"this is a primary; {fine}; no replication slot is inactive", expected)
