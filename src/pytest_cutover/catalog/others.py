"""The rarer kinds of objects, read by one query into one shape."""

from __future__ import annotations


def query(version: int) -> str:
    """One row per object: kind, name in parts, attributes as word, value, word, value, …"""
    return """
SELECT 'statistics' AS kind, n.nspname::text AS schema, s.stxname::text AS name,
       ARRAY['definition', pg_get_statisticsobjdef(s.oid)] AS attributes, s.stxrelid AS relation,
       pg_get_userbyid(s.stxowner)::text AS owner, NULL::text[] AS acl, d.description AS comment
FROM pg_statistic_ext s JOIN pg_namespace n ON n.oid = s.stxnamespace
LEFT JOIN pg_description d ON d.objoid = s.oid AND d.classoid = 'pg_statistic_ext'::regclass
WHERE n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
ORDER BY 1, 2, 3
"""
