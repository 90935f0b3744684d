"""Reading a database as one of its roles: in a session of its own, read-only, always undone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass

import psycopg

from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked, QueryError, describe_error
from pytest_cutover.names import quote_relation
from pytest_cutover.postgresql import PostgresDatabase

LIMIT_S = 60
"""How long a statement as another role may take, where the session has no limit already."""

_LIMIT = "SELECT set_config('statement_timeout', %s, true) WHERE current_setting('statement_timeout') = '0'"

_TOLD = """
SELECT r.rolsuper, r.rolbypassrls, pg_has_role(r.oid, c.relowner, 'USAGE'), c.relrowsecurity, c.relforcerowsecurity,
       pg_get_userbyid(c.relowner), has_any_column_privilege(r.oid, c.oid, 'SELECT'),
       has_schema_privilege(r.oid, c.relnamespace, 'USAGE'), c.relkind IN ('r', 'p'),
       EXISTS (SELECT FROM pg_policy AS p WHERE p.polrelid = c.oid AND p.polpermissive AND p.polcmd IN ('*', 'r')
               AND (0 = ANY (p.polroles) OR EXISTS (
                   SELECT FROM unnest(p.polroles) AS named(role)
                   WHERE named.role <> 0 AND pg_has_role(r.oid, named.role, 'USAGE')))),
       has_table_privilege(r.oid, c.oid, 'SELECT')
FROM pg_catalog.pg_roles AS r, pg_catalog.pg_class AS c
WHERE r.rolname = %s AND c.oid = %s::pg_catalog.regclass
"""


@dataclass(frozen=True)
class Standing:
    """How a role stands to a table or view under row-level security.

    `owns` is also true of a member of the owning role. `readable` is true where it may SELECT at least one column,
    `admitted` where a permissive policy for reading is meant for it. A view has no security of its own: `is_table`.
    """

    superuser: bool
    bypasses: bool
    owns: bool
    enabled: bool
    forced: bool
    owner: str
    readable: bool
    reaches_schema: bool
    is_table: bool
    admitted: bool
    reads_every_column: bool

    @property
    def exemption(self) -> str:
        """Why no policy is asked for this role; empty where policies are."""
        if self.superuser:
            return "is a superuser"
        if self.bypasses:
            return "has BYPASSRLS"
        if self.is_table and self.owns and not self.forced:
            return f"owns the table (as {self.owner}), and row-level security is not forced"
        return ""

    @property
    def refusal(self) -> str:
        """Why the role may read no column of it at all; empty where it may."""
        if not self.reaches_schema:
            return "may not use its schema"
        return "" if self.readable else "has no SELECT privilege on it"


def standing(database: Database, role: str, table: str) -> Standing | None:
    """How the role stands to the table, None where there is no such role.

    Raises:
        QueryError: there is no such table.
    """
    found = database.query(_TOLD, (role, quote_relation(table))).rows
    return Standing(*found[0]) if found else None


@contextmanager
def acting_as(database: Database, role: str, settings: Mapping[str, str]) -> Iterator[psycopg.Connection]:
    """A read-only transaction as the role, with the settings; it is always undone.

    The session is new, since a setting that was ever made leaves an empty text behind where there was none. A
    superuser takes over the role altogether, so that session_user is the role, too.

    Raises:
        NotChecked: our account may not act as the role.
        QueryError: the server refuses a setting.
    """
    assert isinstance(database, PostgresDatabase), "these kinds are PostgreSQL's alone"
    try:
        opened = database.target.connect(read_only=True, autocommit=False)
    except psycopg.Error as error:
        raise NotChecked(f"the server gave no answer: {describe_error(error)}") from error
    with opened as connection:
        try:
            # A policy is a query of its own, which may never end.
            connection.execute(_LIMIT, (f"{LIMIT_S}s",))
            superuser = connection.execute("SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = session_user")
            switch = "session_authorization" if (superuser.fetchone() or (False,))[0] else "role"
            try:
                connection.execute(
                    "SELECT set_config(%s, %s, true), set_config('row_security', 'on', true)", (switch, role)
                )
            except psycopg.Error as error:
                raise NotChecked(f"our account may not act as {role}: {describe_error(error)}") from error
            try:
                for name, value in settings.items():
                    connection.execute("SELECT set_config(%s, %s, true)", (name, value))
            except psycopg.Error as error:
                raise QueryError(describe_error(error), error.sqlstate) from error
            yield connection
        finally:
            connection.rollback()
