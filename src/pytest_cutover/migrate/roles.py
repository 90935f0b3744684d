"""What a migration does to the roles of its server: no database holds them, and no rollback of one gives them back."""

from __future__ import annotations

import psycopg

from pytest_cutover.catalog import Difference
from pytest_cutover.names import quote_part

Roles = dict[str, frozenset[tuple[str, str]]]
"""By role: what it is and has, as words for people and what is compared besides (the digest of a setting)."""

# LOGIN and the password are left out, since the account that runs the steps gets them from us. A setting may be a secret.
_ROLES = """
SELECT r.rolname, told.words, told.value
FROM pg_catalog.pg_roles AS r
LEFT JOIN LATERAL (
    SELECT attribute.words, '' AS value
    FROM (VALUES (r.rolsuper, 'SUPERUSER'), (r.rolbypassrls, 'BYPASSRLS'), (r.rolcreaterole, 'CREATEROLE'),
                 (r.rolcreatedb, 'CREATEDB'), (r.rolreplication, 'REPLICATION'), (NOT r.rolinherit, 'NOINHERIT'))
         AS attribute (holds, words)
    WHERE attribute.holds
    UNION ALL
    SELECT 'membership of ' || parent.rolname, ''
    FROM pg_catalog.pg_auth_members AS link JOIN pg_catalog.pg_roles AS parent ON parent.oid = link.roleid
    WHERE link.member = r.oid
    UNION ALL
    SELECT 'the setting ' || split_part(entry, '=', 1), md5(entry)
    FROM pg_catalog.pg_db_role_setting AS given, unnest(given.setconfig) AS entry
    WHERE given.setrole = r.oid AND given.setdatabase = 0
) AS told ON true
WHERE r.rolname NOT LIKE 'pg\\_%' AND r.rolname NOT LIKE 'pytest\\_cutover\\_%'
ORDER BY r.rolname, told.words
"""


def read_roles(connection: psycopg.Connection) -> Roles:
    """The roles of the server but its own and ours."""
    found: dict[str, set[tuple[str, str]]] = {}
    for role, words, value in connection.execute(_ROLES.encode()).fetchall():
        found.setdefault(role, set()).update({(words, value)} if words else ())
    return {role: frozenset(has) for role, has in found.items()}


def role_changes(before: Roles, after: Roles) -> tuple[Difference, ...]:
    """What differs, as `role:NAME`, one difference for each role; settings are named without their value."""
    found = []
    for role in sorted(before.keys() | after.keys()):
        name = f"role:{quote_part(role)}"
        if role not in after:
            found.append(Difference("dropped", name, ""))
            continue
        has, had = after[role], before.get(role, frozenset())
        gained = ", ".join(sorted({words for words, _ in has - had}))
        lost = ", ".join(sorted({words for words, _ in had - has} - {words for words, _ in has}))
        if role not in before:
            found.append(Difference("added", name, gained))
        elif gained or lost:
            told = " and ".join(part for part in (gained and f"got {gained}", lost and f"lost {lost}") if part)
            found.append(Difference("altered", name, told))
    return tuple(found)
