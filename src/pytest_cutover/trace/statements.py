"""What the server counted of each statement that ran in one database, wherever it ran: the library pg_stat_statements.

It counts for the sessions of the traced database alone, by settings of that database. Its view is in the server's
maintenance database, whose own extension it is: the traced one has neither. A statement that failed is not counted.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

import psycopg

from pytest_cutover.errors import describe_error
from pytest_cutover.names import quote_identifier
from pytest_cutover.sql import whole_shape_of
from pytest_cutover.target import Target
from pytest_cutover.trace.model import Executed
from pytest_cutover.trace.triggers import MARK

LIBRARY = "pg_stat_statements"
_SETTINGS = {"pg_stat_statements.track": "all", "pg_stat_statements.track_utility": "on", "compute_query_id": "on"}
NOT_LOADED = f"this server has not loaded {LIBRARY}"
_DISTURBED = (
    f"the migration, or a setting of its role or of a function, changes what {LIBRARY} counts or forgets: leave its settings, "
    "its reset and compute_query_id alone"
)
_EVICTED = (
    "the server counts fewer different statements than the migration sent, and forgot {} times those that ran least"
)
_LOST = f"the server's {LIBRARY} does not hold all of the migration"

DISTURBS = re.compile(r"\bpg_stat_statements\s*(\.\s*\"?track|_reset\b)|\bcompute_query_id\b", re.IGNORECASE)
"""What a statement says that changes the counting. One that only makes the extension, or reads its view, does not."""
_DEFINES = re.compile(r"\s*(CREATE|ALTER|DROP|GRANT|REVOKE|COMMENT)\b", re.IGNORECASE)
_PLACE = """
SELECT n.nspname FROM pg_catalog.pg_extension AS e JOIN pg_catalog.pg_namespace AS n ON n.oid = e.extnamespace
WHERE e.extname = 'pg_stat_statements'
"""
_STATE = "SELECT dealloc, stats_reset FROM {schema}.pg_stat_statements_info"
_STATEMENTS = """
SELECT query, toplevel, pg_catalog.pg_get_userbyid(userid)::text, calls, rows, (total_exec_time / 1000)::float8
FROM {schema}.pg_stat_statements
WHERE dbid = (SELECT oid FROM pg_catalog.pg_database WHERE datname = %s) ORDER BY total_exec_time DESC, queryid, userid, toplevel
"""
# What reads the library's names out of somebody's words, but for the extension's own functions.
_LEFT = """
SELECT EXISTS (
    SELECT FROM pg_catalog.pg_proc AS p JOIN pg_catalog.pg_language AS l ON l.oid = p.prolang AND l.lanname NOT IN ('c', 'internal')
    WHERE p.prosrc ~* %(names)s OR p.proconfig::text ~* %(names)s
) OR EXISTS (
    SELECT FROM pg_catalog.pg_db_role_setting WHERE setrole <> 0 AND setconfig::text ~* %(names)s
      AND setdatabase IN (0, (SELECT oid FROM pg_catalog.pg_database WHERE datname = current_database()))
)
"""
_NAMES = r"pg_stat_statements\s*(\.\s*\"?track|_reset)|compute_query_id"
CONTROL = f'SELECT %s AS "{MARK}"'
"""A statement of our own, sent once ahead of the migration and once behind it, that must have been counted."""
_CONTROLS = 2
_BY_NAME_SINCE = 180000
"""From then on a table is known by its name alone (RangeTblEntry's eref in queryjumblefuncs.c)."""


class Statistics:
    """The counting of one database. `missing` says why it is not had, or lacks something; empty where all of it is."""

    def __init__(self, maintenance: Target, database: str) -> None:
        self.missing = ""
        self.tells_schemas = True
        self._maintenance, self._database = maintenance, database
        self._schema = ""
        self._since: object = None
        try:
            self._begin()
        except psycopg.Error as error:
            self.missing = f"{LIBRARY} could not be readied: {describe_error(error)}"

    def _begin(self) -> None:
        with self._maintenance.connect() as connection:
            loaded = connection.execute("SHOW shared_preload_libraries").fetchone() or ("",)
            if LIBRARY not in re.split(r"[\s,\"]+", str(loaded[0])):
                self.missing = NOT_LOADED
                return
            connection.execute(f"CREATE EXTENSION IF NOT EXISTS {LIBRARY}")
            place = connection.execute(_PLACE).fetchone()
            assert place is not None
            self._schema = quote_identifier(place[0])
            self.tells_schemas = connection.info.server_version < _BY_NAME_SINCE
            connection.execute(f"SELECT {self._schema}.pg_stat_statements_reset()".encode())
            _, self._since = self._state(connection)

    @property
    def settings(self) -> Mapping[str, str]:
        """What the traced database is set to meanwhile."""
        return {} if self.missing else _SETTINGS

    def read(self, traced: Target, *, disturbed: bool) -> list[Executed]:
        """What ran, the longest first. `disturbed` says that the migration's own words change the counting."""
        if self.missing:
            return []
        try:
            with self._maintenance.connect() as connection:
                forgotten, since = self._state(connection)
                query = _STATEMENTS.format(schema=self._schema).encode()
                rows = connection.execute(query, (self._database,)).fetchall()
            with traced.connect(settings={"pg_stat_statements.track": "none"}) as connection:
                left = connection.execute(_LEFT.encode(), {"names": _NAMES}).fetchone()
        except psycopg.Error as error:
            self.missing = f"{LIBRARY} could not be read: {describe_error(error)}"
            return []
        controls = sum(calls for text, _, _, calls, _, _ in rows if _is_control(text))
        disturbed |= left != (False,) or any(_disturbs(text) for text, *_ in rows if text)
        if disturbed or since != self._since:
            self.missing = _DISTURBED
        elif forgotten:
            self.missing = _EVICTED.format(f"{forgotten:,}")
        elif controls != _CONTROLS or any(text is None for text, *_ in rows):
            self.missing = _LOST
        return [
            Executed(whole_shape_of(text), text, toplevel, role, calls, count, seconds)
            for text, toplevel, role, calls, count, seconds in rows if text is not None and MARK not in text
        ]  # fmt: skip

    def _state(self, connection: psycopg.Connection) -> tuple[int, object]:
        row = connection.execute(_STATE.format(schema=self._schema).encode()).fetchone()
        assert row is not None
        return int(row[0]), row[1]


def _is_control(text: str | None) -> bool:
    return text is not None and text.startswith("SELECT $1 AS ") and MARK in text


def _disturbs(text: str) -> bool:
    return DISTURBS.search(text) is not None and _DEFINES.match(whole_shape_of(text)) is None
