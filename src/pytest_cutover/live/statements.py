"""What pg_stat_statements knows, of any of its versions; no constant of a statement is kept."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

from pytest_cutover.database import Database
from pytest_cutover.live.looking import grant
from pytest_cutover.names import quote_identifier
from pytest_cutover.sql import shape_of, tables_read

KEPT = 30
"""So many statements are kept of those that took most in all, and of those that take most each time."""
MISSING = (
    "pg_stat_statements is not in this database, so slow statements are not seen: name it in shared_preload_libraries, and "
    "CREATE EXTENSION pg_stat_statements"
)

# The column's name is total_time in version 1.7 of the extension (PostgreSQL 12) and before.
_PLACE = """
SELECT n.nspname, (SELECT a.attname FROM pg_catalog.pg_attribute AS a JOIN pg_catalog.pg_class AS c ON c.oid = a.attrelid
                   WHERE c.relnamespace = n.oid AND c.relname = 'pg_stat_statements'
                     AND a.attname IN ('total_exec_time', 'total_time'))
FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
_OURS = "dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database())"
_STATEMENTS = """
SELECT id, role, query, calls, total FROM (
    SELECT *, row_number() OVER (ORDER BY total DESC, id) AS by_total,
           row_number() OVER (ORDER BY total / calls DESC, id) AS by_mean
    FROM (
        SELECT userid::text || '.' || queryid AS id, pg_catalog.pg_get_userbyid(userid)::text AS role, min(query) AS query,
               sum(calls)::bigint AS calls, sum({time})::float8 AS total
        FROM {schema}.pg_stat_statements WHERE queryid IS NOT NULL AND calls > 0 AND {ours} GROUP BY userid, queryid
    ) AS each
) AS ranked WHERE by_total <= {kept} OR by_mean <= {kept} ORDER BY by_total
"""
_HIDDEN = "SELECT count(*) FROM {schema}.pg_stat_statements WHERE queryid IS NULL AND {ours}"


@dataclass(frozen=True)
class Ran:
    """A statement since the statistics began: its shape without constants, whose, how often, and how long in all."""

    id: str
    role: str
    statement: str
    calls: int
    total_ms: float

    def to_json(self) -> dict[str, Any]:
        """The statement as plain data."""
        return asdict(self)


def read_statements(database: Database) -> tuple[list[Ran], str]:
    """The statements of this database that took longest, and why some or all of them are not seen, empty where all are.

    Raises:
        QueryError: the server refused it, as where the library is not loaded.
    """
    place = database.query(_PLACE).rows
    if not place:
        return [], MISSING
    schema, time = place[0]
    names = {"schema": quote_identifier(schema), "time": quote_identifier(time), "ours": _OURS, "kept": KEPT}
    found = [
        Ran(key, role, shape_of(query or ""), int(calls), round(float(total), 3))
        for key, role, query, calls, total in database.query(_STATEMENTS.format(**names)).rows
        if not _reads_catalog(query or "")
    ]
    hidden = int(database.scalar(_HIDDEN.format(**names)))
    return found, f"the statements of other roles may not be seen: {grant(database)}" if hidden else ""


def _reads_catalog(query: str) -> bool:
    """True where all that a statement reads is the system's: as our own questions, and those of other tools."""
    try:
        tables = tables_read(query)
    except ValueError:
        return False
    return bool(tables) and all(name.startswith(("pg_", "information_schema.")) for name in tables)
