"""What SQLite's EXPLAIN QUERY PLAN says of an index."""

from __future__ import annotations

import re
from dataclasses import dataclass

from pytest_cutover.database import Database
from pytest_cutover.sqlite.tokens import code

_USES = re.compile(
    r"^(SEARCH|SCAN) (?:TABLE )?(\S+).*? USING (?:COVERING |AUTOMATIC (?:PARTIAL )?(?:COVERING )?)?INDEX (\S+)"
)
_ORDERING = ("ORDER", "GROUP", "DISTINCT", "MIN", "MAX")


@dataclass(frozen=True)
class IndexUse:
    """How a query uses an index: it looks something up, it reads it in its order, or neither. `instead` is what it does."""

    looks_up: bool
    gives_order: bool
    scanned: bool
    instead: str


def index_use(database: Database, sql: str, index: str) -> IndexUse:
    """How SQLite would run the query, with regard to the index.

    Raises:
        QueryError: it is refused.
    """
    details = [str(row[3]) for row in database.query(f"EXPLAIN QUERY PLAN {sql}").rows]
    uses = [match for match in map(_USES.match, details) if match is not None and match[3] == index]
    searched = any(match[1] == "SEARCH" for match in uses)
    scanned = bool(uses) and not searched
    sorts = any(detail.startswith("USE TEMP B-TREE") for detail in details)
    wanted = any(token.word in _ORDERING for token in code(sql))
    return IndexUse(searched, scanned and wanted and not sorts, scanned, "; ".join(details[:3]))
