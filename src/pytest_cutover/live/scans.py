"""What a statement would read, by the planner's own estimate: looked at before it runs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from pytest_cutover.errors import NotChecked
from pytest_cutover.names import DEFAULT_SCHEMA, quote_identifier
from pytest_cutover.plan.values import Size
from pytest_cutover.postgresql import PostgresDatabase

_PAGES = "SELECT current_setting('seq_page_cost'), current_setting('random_page_cost'), current_setting('block_size')"
_SIZES = """
SELECT coalesce(pg_catalog.pg_relation_size(pg_catalog.to_regclass(name)), 0)
FROM unnest(%s::text[]) WITH ORDINALITY AS given(name, position) ORDER BY position
"""
_BY_INDEX = ("Index Scan", "Index Only Scan", "Bitmap Heap Scan")


@dataclass(frozen=True)
class PageCost:
    """What the planner reckons for a page that is read in order and for any other, and how many bytes a page has."""

    in_order: float
    at_random: float
    bytes: int


@dataclass(frozen=True)
class Scanned:
    """How many bytes a statement reads, and of which relation the most of them are."""

    bytes: Size
    relation: str


class Scales:
    """Has the server plan each statement ahead of running it, and refuses what would read more than the limit."""

    def __init__(self, database: PostgresDatabase, limit: Size) -> None:
        self.limit = limit
        self._database = database
        self._weighed: set[object] = set()

    def forget(self) -> None:
        """Weighs every statement anew."""
        self._weighed.clear()

    def weigh(self, sql: str, parameters: Sequence[Any] | None, by_range: Collection[str]) -> None:
        """Returns where the statement may run; `by_range` is that of `scanned`.

        Raises:
            NotChecked: it would read too much.
            QueryError: the server refuses it.
        """
        statement = (sql, None if parameters is None else tuple(map(str, parameters)))
        if statement in self._weighed:
            return
        plan = self._ask(f"EXPLAIN (VERBOSE, FORMAT JSON) {sql}", parameters)[0][0][0]["Plan"]
        found = scanned(plan, self._page_cost, self.limit, self._sizes, by_range)
        if found is not None:
            raise NotChecked(
                f"it would read about {found.bytes} of the live database in one statement, most of it of "
                f"{found.relation}, and {self.limit} are allowed; `max_scan` under [live] allows more"
            )
        self._weighed.add(statement)

    def _ask(self, sql: str, parameters: Sequence[Any] | None = None) -> list[tuple[Any, ...]]:
        # A live database's own way of asking would weigh this, too.
        return PostgresDatabase.query(self._database, sql, parameters).rows

    @cached_property
    def _page_cost(self) -> PageCost:
        in_order, at_random, size = self._ask(_PAGES)[0]
        return PageCost(float(in_order), float(at_random), int(size))

    def _sizes(self, relations: list[str]) -> list[int]:
        return [int(size) for (size,) in self._ask(_SIZES, (relations,))]


def scanned(
    plan: Mapping[str, Any], cost: PageCost, limit: int, sizes: Callable[[list[str]], list[int]],
    by_range: Collection[str] = (),
) -> Scanned | None:  # fmt: skip
    """What a plan (EXPLAIN VERBOSE, as JSON) reads, where that is more than the limit; None where it is not.

    It is at most the size of all that is scanned, and at most what the total cost pays for. `sizes` gives the bytes of
    relations by their quoted names, 0 where a relation has no pages here. `by_range` are tables that are read by ranges
    of a key: looked up in an index they do not count, since a range is small whatever the planner thinks of it. Neither
    do the server's own tables.
    """
    nodes = [node for node in _nodes(plan) if "Relation Name" in node and node.get("Schema") != "pg_catalog"]
    nodes = [node for node in nodes if not (node["Node Type"] in _BY_INDEX and _name(node) in by_range)]
    page = cost.at_random if all(node["Node Type"] == "Sample Scan" for node in nodes) else cost.in_order
    page = min(page, cost.at_random)
    affordable = float(plan["Total Cost"]) / page * cost.bytes if page > 0 else float("inf")
    if not nodes or affordable <= limit:
        return None
    names = [_name(node) for node in nodes]
    # What is kept on another server has no size here: its cost alone says something.
    most = int(min(affordable, 2**60))
    found = [
        most if node["Node Type"] == "Foreign Scan" else size for node, size in zip(nodes, sizes(names), strict=True)
    ]
    total = min(sum(found), affordable)
    if total <= limit:
        return None
    largest = max(range(len(nodes)), key=lambda position: found[position])
    return Scanned(Size(int(total)), str(nodes[largest]["Relation Name"]))


def _name(node: Mapping[str, Any]) -> str:
    return f"{quote_identifier(node.get('Schema', DEFAULT_SCHEMA))}.{quote_identifier(node['Relation Name'])}"


def _nodes(plan: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    yield plan
    for child in plan.get("Plans", []):
        yield from _nodes(child)
