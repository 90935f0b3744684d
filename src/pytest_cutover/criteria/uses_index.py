"""A query can use its index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar

import psycopg
from pydantic import Field

from pytest_cutover.catalog import Catalog, Index
from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind, did_you_mean, told
from pytest_cutover.criteria.fields import Select
from pytest_cutover.criteria.inventory import flaw
from pytest_cutover.database import Database
from pytest_cutover.errors import QueryError, describe_error
from pytest_cutover.finding import Finding
from pytest_cutover.names import DEFAULT_SCHEMA, parse_relation
from pytest_cutover.plan.values import TableName
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sql import names_in
from pytest_cutover.sqlite.plans import index_use

_SORTS = ("Sort", "Incremental Sort")
_END_TO_END = "read from end to end: the query does not look up its first column"
_SKIP_SCANS_SINCE = 180000


@dataclass(frozen=True)
class _Scan:
    """One node of a plan that reads an index, with the condition that it looks up (empty: it reads all of it)."""

    node: str
    schema: str
    index: str
    condition: str


class UsesIndex(DatabaseKind):
    """The planner chooses the index for the query on the restored data, or could look the rows up in it."""

    KIND: ClassVar[str] = "uses_index"
    GROUP: ClassVar[str] = "queries"
    PROVES: ClassVar[str] = (
        "EXPLAIN shows the index in the query's plan: the finding says chosen. Where the planner prefers to read the whole "
        "table, as it should for a small one, it was asked again with sequential scans switched off: usable means that it "
        "then looks the rows up by the index's first column, or reads them in its order. An index that is only read from end "
        "to end does not hold."
    )
    CANNOT: ClassVar[str] = (
        "Statistics and size decide what production's planner chooses. How fast the query is is for `query_time`."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='sql = "SELECT id FROM flights WHERE callsign = \'AB1\'"\nindex = "by_callsign_cid"',
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign text, cid int);\n"
        "INSERT INTO flights SELECT n, 'AB' || n, n FROM generate_series(1, 50) AS n;",
        passing="CREATE INDEX by_callsign_cid ON flights (callsign, cid);",
        failing="CREATE INDEX by_callsign_cid ON flights (cid, callsign);",
        message="by_callsign_cid could only be read from end to end",
        plan='changes.added = ["index:by_callsign_cid"]',
    )

    sql: Select = Field(description="one SELECT")
    index: TableName = Field(description="the index's name, with its schema where that is not public")

    def find(self, before: Database, after: Database) -> Finding:
        """Finds whether the planner chooses the index, and if not, whether it could use it."""
        holds, message, actual = self._use(after)
        try:
            held_before, _, was = self._use(before)
        except QueryError as error:
            return Finding(holds, message, before=told(error), expected=f"uses {self.index}", actual=actual)
        return Finding(
            holds, message, before=was, expected=f"uses {self.index}", actual=actual, held_before=held_before
        )

    def _use(self, database: Database) -> tuple[bool, str, str]:
        """Whether the index serves the query, a sentence, and a short answer."""
        found = database.catalog.indexes.get(self.index)
        if found is None:
            hint = did_you_mean(self.index, list(database.catalog.indexes))
            return False, f"there is no index {self.index}{hint}", "no such index"
        if flaw(found):
            return False, f"index {self.index} {flaw(found)}", "not valid"
        if database.dialect == "sqlite":
            return self._use_in_sqlite(database)
        names = _with_partitions(database.catalog, found)
        chosen = _explain(database, self.sql)
        scans = [each for each in _scans(chosen) if (each.schema, each.index) in names]
        if scans:
            return self._chosen(scans, found, database.catalog)
        forced = _explain(database, self.sql, whole_tables=False)
        scans = [each for each in _scans(forced) if (each.schema, each.index) in names]
        if not scans:
            return (
                False,
                f"the planner cannot use {self.index} for the query: it takes {_instead(forced)}",
                "not usable",
            )
        gives_order = _sorts(chosen) and not _sorts(forced)
        if not gives_order and not any(_looks_up(scan, found, database.catalog) for scan in scans):
            return False, f"{self.index} could only be {_END_TO_END}", "not usable"
        return (
            True, f"{self.index} is usable, but the planner prefers {_instead(chosen)} on the restored data",
            "usable, not chosen",
        )  # fmt: skip

    def _use_in_sqlite(self, database: Database) -> tuple[bool, str, str]:
        """SQLite names the index that it takes; whether it could take another one it does not say."""
        found = index_use(database, self.sql, parse_relation(self.index).name)
        if found.looks_up or found.gives_order:
            how = "to look rows up" if found.looks_up else "for its order"
            return True, f"the planner chooses {self.index} {how}", "chosen"
        if found.scanned:
            return False, f"the planner chooses {self.index}, but it is {_END_TO_END}", "chosen, read end to end"
        return False, f"the planner does not use {self.index} for the query: {found.instead}", "not chosen"

    def _chosen(self, scans: list[_Scan], index: Index, catalog: Catalog) -> tuple[bool, str, str]:
        """The planner may choose a scan that looks nothing up and yet reads the whole index, for want of a better one."""
        node = scans[0].node
        blind = all(scan.condition and not _looks_up(scan, index, catalog) for scan in scans)
        # From 18 on PostgreSQL can skip through an index without its first column.
        if blind and catalog.server_version < _SKIP_SCANS_SINCE:
            return (
                False,
                f"the planner chooses {self.index} ({node}), but it is {_END_TO_END}",
                "chosen, read end to end",
            )
        return True, f"the planner chooses {self.index} ({node})", "chosen"


def _explain(database: Database, sql: str, *, whole_tables: bool = True) -> dict[str, Any]:
    """The plan of the query's statement; nothing of the session is changed."""
    assert isinstance(database, PostgresDatabase)
    try:
        with database.connection.transaction(force_rollback=True):
            if not whole_tables:
                database.connection.execute("SET LOCAL enable_seqscan = off")
            row = database.connection.execute(f"EXPLAIN (VERBOSE, FORMAT JSON) {sql}".encode()).fetchone()
    except psycopg.Error as error:
        raise QueryError(describe_error(error), error.sqlstate) from error
    assert row is not None
    plan: dict[str, Any] = row[0][0]["Plan"]
    return plan


def _nodes(plan: dict[str, Any], schema: str = DEFAULT_SCHEMA) -> Iterator[tuple[dict[str, Any], str]]:
    """Every node with the schema of the table that it reads: a bitmap's index scan has that of the scan above it."""
    own = plan.get("Schema", schema)
    yield plan, own
    for child in plan.get("Plans", []):
        yield from _nodes(child, own)


def _scans(plan: dict[str, Any]) -> list[_Scan]:
    return [
        _Scan(node["Node Type"], schema, node["Index Name"], node.get("Index Cond") or node.get("Order By") or "")
        for node, schema in _nodes(plan)
        if "Index Name" in node
    ]


def _sorts(plan: dict[str, Any]) -> bool:
    return any(node["Node Type"] in _SORTS for node, _ in _nodes(plan))


def _instead(plan: dict[str, Any]) -> str:
    """What the plan reads: `a Seq Scan of flights`, `an Index Scan of by_callsign`."""
    for node, _ in _nodes(plan):
        if "Index Name" in node:
            return f"an {node['Node Type']} of {node['Index Name']}".replace("an Bitmap", "a Bitmap")
    for node, _ in _nodes(plan):
        if "Relation Name" in node:
            return f"a {node['Node Type']} of {node['Relation Name']}"
    return f"a {plan['Node Type']}"


def _with_partitions(catalog: Catalog, index: Index) -> set[tuple[str, str]]:
    """Schema and name of the index and of the partitions' indexes that belong to it."""
    names, found = {index.full_name}, [index]
    grown = True
    while grown:
        more = [each for each in catalog.indexes.values() if each.parent in names and each.full_name not in names]
        names |= {each.full_name for each in more}
        found += more
        grown = bool(more)
    return {(each.schema, each.name) for each in found}


def _looks_up(scan: _Scan, index: Index, catalog: Catalog) -> bool:
    """True where the scan goes to a place in the index; a B-tree is sought by its first column."""
    if not scan.condition or index.method != "btree":
        return bool(scan.condition)
    first = index.columns[0]
    columns = {column.name for column in catalog.columns_of(index.table)}
    try:
        wanted = {first} if first in columns else names_in(first)
        return bool(wanted) and wanted <= names_in(scan.condition)
    except ValueError:
        # The plan prints a subquery as no SQL.
        return first in scan.condition
