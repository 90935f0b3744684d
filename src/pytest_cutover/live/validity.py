"""Indexes that take part in every write and in no query."""

from __future__ import annotations

from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.live.looking import Fault, grant, judge, some

# The progress of a build by another role has no index in it.
_INVALID = """
SELECT i.indexrelid::pg_catalog.regclass::text, i.indrelid::pg_catalog.regclass::text,
       CASE WHEN i.indisvalid THEN 'not ready' ELSE 'not valid' END,
       EXISTS (SELECT 1 FROM pg_catalog.pg_stat_progress_create_index AS p
               WHERE p.datname = current_database() AND p.index_relid = i.indexrelid)
FROM pg_catalog.pg_index AS i JOIN pg_catalog.pg_class AS c ON c.oid = i.indexrelid
WHERE NOT (i.indisvalid AND i.indisready AND i.indislive) AND c.relpersistence <> 't'
ORDER BY 1
"""
_BUILDS_UNSEEN = """
SELECT count(*) FROM pg_catalog.pg_stat_progress_create_index
WHERE datname = current_database() AND index_relid IS NULL
"""


def find_invalid_indexes(database: Database, *, building_is_fine: bool) -> Finding:
    """Whether every index is valid and ready; one that is being built is not, unless `building_is_fine`.

    Raises:
        NotChecked: our role may not see which index another one is building.
    """
    rows = database.query(_INVALID).rows
    invalid = [row for row in rows if not row[3]]
    building = [row for row in rows if row[3]]
    expected = "every index valid and ready"
    if invalid and database.scalar(_BUILDS_UNSEEN) and building_is_fine:
        return judge(
            [], [f"an index is being built by a role whose sessions may not be seen: {grant(database)}"], "", ""
        )
    faults = []
    if invalid:
        named = ", ".join(str(row[0]) for row in invalid)
        what = f"{some(len(invalid), 'index is', 'indexes are')} not valid: {named}"
        faults.append(Fault(
            what, f"{what}; no query uses one, and IF NOT EXISTS takes it for a good one: DROP INDEX, or REINDEX it",
            Evidence.of("Indexes that are not valid", ("index", "table", "state"), [row[:3] for row in invalid]),
        ))  # fmt: skip
    if building and not building_is_fine:
        named = ", ".join(str(row[0]) for row in building)
        what = f"{some(len(building), 'index is', 'indexes are')} being built: {named}"
        faults.append(Fault(what, what))
    return judge(faults, [], "every index is valid and ready" + (", one is being built" if building else ""), expected)
