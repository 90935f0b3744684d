"""How much tables and indexes are used, and how large they are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pytest_cutover.database import Database
from pytest_cutover.live.looking import forget_statistics
from pytest_cutover.names import quote_relation

# A partitioned table has no size and no statistics of its own; of another one pg_partition_tree knows nothing.
_TABLES = """
SELECT t.name, sum(pg_catalog.pg_total_relation_size(p.relid))::bigint, coalesce(sum(s.seq_scan), 0)::bigint,
       coalesce(sum(s.seq_tup_read), 0)::bigint
FROM unnest(%s::text[], %s::text[]) AS t(name, quoted)
CROSS JOIN LATERAL (SELECT pg_catalog.to_regclass(t.quoted) AS relid
                    UNION SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(t.quoted))) AS p
LEFT JOIN pg_catalog.pg_stat_all_tables AS s ON s.relid = p.relid
GROUP BY t.name ORDER BY t.name
"""
_INDEXES = """
SELECT t.name, sum(pg_catalog.pg_relation_size(p.relid))::bigint, coalesce(sum(s.idx_scan), 0)::bigint
FROM unnest(%s::text[], %s::text[]) AS t(name, quoted)
CROSS JOIN LATERAL (SELECT pg_catalog.to_regclass(t.quoted) AS relid
                    UNION SELECT relid FROM pg_catalog.pg_partition_tree(pg_catalog.to_regclass(t.quoted))) AS p
LEFT JOIN pg_catalog.pg_stat_all_indexes AS s ON s.indexrelid = p.relid
GROUP BY t.name ORDER BY t.name
"""
_MOST_READ = """
SELECT CASE WHEN schemaname = 'public' THEN '' ELSE schemaname || '.' END || relname,
       pg_catalog.pg_total_relation_size(relid)::bigint, seq_scan, seq_tup_read
FROM pg_catalog.pg_stat_user_tables WHERE seq_tup_read > 0 ORDER BY seq_tup_read DESC, relid LIMIT 10
"""


def read_tables(database: Database, tables: Sequence[str]) -> list[dict[str, Any]]:
    """Bytes with indexes, sequential scans and the rows that these read, of the tables and of those most read in whole."""
    forget_statistics(database)
    rows = database.query(_TABLES, (list(tables), [quote_relation(name) for name in tables])).rows
    rows += [row for row in database.query(_MOST_READ).rows if row[0] not in tables]
    return [{"name": name, "bytes": size, "seq_scans": scans, "seq_rows": read} for name, size, scans, read in rows]


def read_indexes(database: Database, indexes: Sequence[str]) -> list[dict[str, Any]]:
    """Bytes and scans of the indexes."""
    forget_statistics(database)
    rows = database.query(_INDEXES, (list(indexes), [quote_relation(name) for name in indexes])).rows
    return [{"name": name, "bytes": size, "scans": scans} for name, size, scans in rows]


def file_size(database: Database) -> list[dict[str, Any]]:
    """The size of a SQLite file, as of one table."""
    size = int(database.scalar("SELECT page_count * page_size FROM pragma_page_count, pragma_page_size"))
    return [{"name": "(the whole file)", "bytes": size}]
