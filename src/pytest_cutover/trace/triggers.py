"""What a database is given for the time of its trace, and loses again: event triggers, and settings of the log.

The triggers write to the server's log and to no table, so that nothing of them is in the database, and what a
rolled-back transaction did is kept. They are made members of the extension plpgsql, which every database has and pg_dump leaves
out: a dump that the migration itself takes does not hold them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import psycopg

MARK = "cutover-trace"
STRONG = (
    "ShareUpdateExclusiveLock", "ShareLock", "ShareRowExclusiveLock", "ExclusiveLock", "AccessExclusiveLock",
)  # fmt: skip
"""As pg_locks spells them, weakest first: the table locks that some DDL, VACUUM, TRUNCATE and LOCK TABLE take."""

_SETTINGS = {
    "log_min_duration_statement": "0",
    "log_min_messages": "debug1",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    # Values of parameters are rows of the backup.
    "log_parameter_max_length": "0",
}
QUIET = {"log_min_duration_statement": "-1", "log_min_messages": "warning", "pg_stat_statements.track": "none"}
"""The settings of a session in the traced database that is none of the migration's."""

_MODES = ", ".join(f"'{mode}'" for mode in STRONG)
_FUNCTION = f"""
CREATE FUNCTION pg_catalog.cutover_trace() RETURNS event_trigger LANGUAGE plpgsql SET search_path = pg_catalog AS $trace$
DECLARE
    detail json;
    locks json;
    keys json;
BEGIN
    IF tg_event = 'ddl_command_end' THEN
        SELECT /* {MARK} */ json_agg(json_build_object('name', object_identity, 'type', object_type, 'oid', objid::bigint,
            'table', (SELECT indrelid::bigint FROM pg_index WHERE indexrelid = objid AND classid = 'pg_class'::regclass)))
        INTO detail FROM pg_event_trigger_ddl_commands() WHERE schema_name IS DISTINCT FROM 'pg_temp';
    ELSIF tg_event = 'sql_drop' THEN
        SELECT /* {MARK} */ json_agg(json_build_object('name', object_identity, 'type', object_type))
        INTO detail FROM pg_event_trigger_dropped_objects() AS gone
        WHERE NOT original AND normal AND NOT is_temporary AND NOT EXISTS (
            -- What belongs to a table or view goes with it.
            SELECT FROM pg_event_trigger_dropped_objects() AS owner
            WHERE owner.object_type IN ('table', 'foreign table', 'view', 'materialized view')
              AND cardinality(gone.address_names) > 2 AND owner.address_names = gone.address_names[1:2]);
        IF detail IS NULL THEN
            RETURN;
        END IF;
    ELSIF tg_event = 'table_rewrite' THEN
        detail := to_json(pg_event_trigger_table_rewrite_oid()::bigint);
    END IF;
    IF tg_event IN ('ddl_command_start', 'ddl_command_end', 'table_rewrite') THEN
        SELECT /* {MARK} */ json_agg(
            json_build_array(relation::bigint, mode, (SELECT relname FROM pg_class WHERE oid = relation)))
        INTO locks FROM pg_locks
        WHERE pid = pg_backend_pid() AND locktype = 'relation' AND granted AND relation >= 16384 AND mode IN ({_MODES});
    END IF;
    IF tg_event = 'ddl_command_end' AND tg_tag = 'ALTER TABLE' THEN
        SELECT /* {MARK} */ json_agg(json_build_array(conname, conrelid::bigint, confrelid::bigint)) INTO keys
        FROM pg_constraint
        WHERE contype = 'f' AND conrelid IN (SELECT (held ->> 0)::oid FROM json_array_elements(locks) AS held);
    END IF;
    RAISE LOG '{MARK} %', json_build_object(
        'event', tg_event, 'tag', tg_tag, 'at', extract(epoch FROM clock_timestamp()), 'detail', detail,
        'lock_timeout', current_setting('lock_timeout'), 'statement_timeout', current_setting('statement_timeout'),
        'logged', current_setting('log_min_duration_statement') = '0' AND current_setting('log_min_messages') = 'debug1',
        'counted', current_setting('pg_stat_statements.track', true) = 'all'
            AND current_setting('pg_stat_statements.track_utility', true) = 'on'
            AND current_setting('compute_query_id', true) <> 'off',
        'concurrently', tg_event = 'ddl_command_start' AND tg_tag IN ('CREATE INDEX', 'REINDEX')
            AND current_query() ~* 'concurrently',
        'locks', locks, 'keys', keys);
END
$trace$
"""
_TRIGGERS = {
    f"cutover_trace_{event}": event for event in ("ddl_command_start", "ddl_command_end", "sql_drop", "table_rewrite")
}


def install(connection: psycopg.Connection, further: Mapping[str, str]) -> None:
    """Readies the database that the connection is to; sessions that begin from now on are traced.

    It is given the `further` settings, too.
    """
    statements = [_FUNCTION, "ALTER EXTENSION plpgsql ADD FUNCTION pg_catalog.cutover_trace()"]
    for name, event in _TRIGGERS.items():
        statements += [
            f"CREATE EVENT TRIGGER {name} ON {event} EXECUTE FUNCTION pg_catalog.cutover_trace()",
            # Also in a session that has switched triggers off (session_replication_role).
            f"ALTER EVENT TRIGGER {name} ENABLE ALWAYS",
            f"ALTER EXTENSION plpgsql ADD EVENT TRIGGER {name}",
        ]
    statements.append(_for_database(f"SET {name} = ''{value}''" for name, value in (_SETTINGS | dict(further)).items()))
    # One message is one transaction.
    connection.execute(";\n".join(statements).encode())


def remove(connection: psycopg.Connection, further: Iterable[str]) -> None:
    """Takes all of it away again, also where only a part is there."""
    there = connection.execute(
        "SELECT evtname FROM pg_catalog.pg_event_trigger WHERE evtname = ANY (%s)", (list(_TRIGGERS),)
    ).fetchall()
    statements = []
    for (name,) in there:
        statements += [f"ALTER EXTENSION plpgsql DROP EVENT TRIGGER {name}", f"DROP EVENT TRIGGER {name}"]
    function = "pg_catalog.cutover_trace()"
    if connection.execute("SELECT pg_catalog.to_regprocedure(%s)", (function,)).fetchone() != (None,):
        statements += [f"ALTER EXTENSION plpgsql DROP FUNCTION {function}", f"DROP FUNCTION {function}"]
    statements.append(_for_database(f"RESET {name}" for name in (*_SETTINGS, *further)))
    connection.execute(";\n".join(statements).encode())


def _for_database(changes: Iterable[str]) -> str:
    """A statement that makes the changes to the session's own database."""
    alter = " ".join(f"EXECUTE format('ALTER DATABASE %I {change}', current_database());" for change in changes)
    return f"DO $do$ BEGIN {alter} END $do$"
