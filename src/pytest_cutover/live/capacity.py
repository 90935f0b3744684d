"""How many connections a server has left."""

from __future__ import annotations

from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.live.looking import forget_statistics
from pytest_cutover.plan.model import Live

# Sessions of other roles are counted without any privilege here. `reserved_connections` is there since version 16.
_CONNECTIONS = """
SELECT current_setting('max_connections')::int,
       current_setting('superuser_reserved_connections')::int
         + coalesce(current_setting('reserved_connections', true), '0')::int,
       (SELECT coalesce(sum(numbackends), 0) FROM pg_catalog.pg_stat_database)::int,
       (SELECT datconnlimit FROM pg_catalog.pg_database WHERE datname = current_database()),
       (SELECT numbackends FROM pg_catalog.pg_stat_database WHERE datname = current_database()),
       (SELECT rolconnlimit FROM pg_catalog.pg_roles WHERE rolname = %s),
       (SELECT count(*) FROM pg_catalog.pg_stat_activity WHERE usename = %s)::int
"""


def find_connections(database: Database, role: str | None, limits: Live) -> Finding:
    """Whether enough connections are free on the server, in this database, and for the role that migrates."""
    forget_statistics(database)
    allowed, reserved, used, of_database, in_database, of_role, by_role = database.query(
        _CONNECTIONS, (role, role)
    ).rows[0]
    free = [(allowed - reserved - used, f"of {allowed:,}, with {used:,} in use and {reserved:,} reserved")]
    if of_database >= 0:
        free.append((of_database - in_database, f"of the {of_database:,} that this database allows"))
    if of_role is not None and of_role >= 0:
        free.append((of_role - by_role, f"of the {of_role:,} that the role {role} is allowed"))
    left, where = min(free)
    holds = left >= limits.connections_left
    return Finding(
        holds, f"{max(left, 0):,} {'connection is' if left == 1 else 'connections are'} free {where}"
        + ("" if holds else f"; expected are at least {limits.connections_left:,}"),
        expected=f"at least {limits.connections_left:,} free", actual=f"{max(left, 0):,} free",
    )  # fmt: skip
