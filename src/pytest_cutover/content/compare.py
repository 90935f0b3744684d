"""Which rows of a table differ between two databases: exact counts, and keys to look at."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Any

import psycopg

from pytest_cutover.catalog import Catalog
from pytest_cutover.content import queries
from pytest_cutover.content.differences import SAMPLES, Keys, RowDifferences
from pytest_cutover.content.fingerprint import TableContent, read_contents
from pytest_cutover.content.layout import Layout, Stored, layout_of, stored_relations, uncompared
from pytest_cutover.content.merge import Row, aligned, stream
from pytest_cutover.content.session import reading, side_by_side, snapshot
from pytest_cutover.errors import QueryError

_BUCKET_ROWS = 256
"""Rows that one bucket is meant to hold."""

_MOST_BUCKETS_BITS = 16

_REMEMBERED = 100_000
"""Seeds remembered of each kind of difference, to find the first keys among them."""


@dataclass(frozen=True)
class Side:
    """One of the two databases: its connection, and the table in it."""

    connection: psycopg.Connection
    stored: Stored


def compare_rows(
    before: psycopg.Connection,
    after: psycopg.Connection,
    before_catalog: Catalog,
    after_catalog: Catalog,
    table: str,
    may_change: Collection[str] = (),
) -> RowDifferences:
    """How the table's rows differ, in the columns that both sides have.

    Rows are matched by a key that both sides guarantee. Where there is none they are compared as a bag, and then
    `may_change` names columns that do not tell two rows apart.

    Raises:
        QueryError: one side lacks the table, or its rows cannot be read.
    """
    with snapshot(before), snapshot(after):
        sides = []
        for connection, catalog in ((before, before_catalog), (after, after_catalog)):
            stored = stored_relations(connection, catalog)
            if table not in stored:
                why = uncompared(catalog).get(table, "not on both sides")
                raise QueryError(f"the rows of {table} cannot be compared: {why}")
            sides.append(Side(connection, stored[table]))
        return compare_sides(sides[0], sides[1], layout_of(sides[0].stored, sides[1].stored), may_change)


def compare_sides(
    before: Side,
    after: Side,
    layout: Layout,
    may_change: Collection[str] = (),
    contents: tuple[TableContent, TableContent] | None = None,
) -> RowDifferences:
    """As `compare_rows`, within the snapshots of both sides; `contents` are the fingerprints, where already read.

    Raises:
        QueryError: the rows cannot be read, a key is there twice, or the parts do not add up to the whole.
    """
    old, new = contents or side_by_side(lambda: _content(before, layout), lambda: _content(after, layout))
    table = before.stored.name
    found = RowDifferences(table, old.rows, new.rows, key=layout.key_names, keyed=old.keyed)
    if old != new:
        differ = [each.name for each in layout.values if old.columns.get(each.name) != new.columns.get(each.name)]
        compare = _by_key if layout.key else _as_bag
        found = compare(before, after, layout.only(differ) if layout.key else layout, found, may_change)
    if found.before - found.deleted != found.after - found.added or found.changed > found.before - found.deleted:
        raise QueryError(
            f"{table}: the differing rows do not add up to the row counts {found.before} and {found.after}"
        )
    if bool(found) != (old != new):
        raise QueryError(f"{table}: the fingerprints say that rows differ, and no such row was found")
    return found


def _content(side: Side, layout: Layout) -> TableContent:
    return read_contents(side.connection, [(side.stored, layout)])[0]


@dataclass
class _Tally:
    """What the merge of two streams has counted so far, and the seeds of the first rows of each kind."""

    columns: tuple[str, ...]
    limit: int
    added: int = 0
    deleted: int = 0
    changed: int = 0
    cells: dict[str, int] = field(default_factory=dict)
    seeds: dict[str, list[int]] = field(default_factory=dict)

    def take(self, before: list[Row], after: list[Row]) -> None:
        """Counts two parts that hold the same range of seeds."""
        if before == after:
            return
        old, new = {row[0]: row for row in before}, {row[0]: row for row in after}
        if len(old) < len(before) or len(new) < len(after):
            raise QueryError("two rows have the same key: its index is damaged")
        self.deleted += self._remember("deleted", [seed for seed in old if seed not in new])
        self.added += self._remember("added", [seed for seed in new if seed not in old])
        pairs = [(was, row) for seed, row in new.items() if (was := old.get(seed)) is not None and was != row]
        self.changed += self._remember("changed", [row[0] for _, row in pairs])
        for position, name in enumerate(self.columns, 1):
            cells = [row[0] for was, row in pairs if was[position] != row[position]]
            if cells:
                self.cells[name] = self.cells.get(name, 0) + self._remember(f"column {name}", cells)

    def _remember(self, kind: str, seeds: list[int]) -> int:
        kept = self.seeds.setdefault(kind, [])
        kept += seeds[: self.limit - len(kept)]
        return len(seeds)


def _by_key(
    before: Side, after: Side, layout: Layout, found: RowDifferences, may_change: Collection[str]
) -> RowDifferences:
    tally = _Tally(tuple(each.name for each in layout.values), SAMPLES if layout.plain else _REMEMBERED)
    with ExitStack() as stack:
        blocks = _both_streams(stack, before, after, *_differing_rows(before, after, layout, found))
        try:
            for old, new in aligned(*blocks):
                tally.take(old, new)
        except QueryError as error:
            raise QueryError(f"{found.table}: {error}", error.sqlstate) from error
    late = {kind: seeds for kind, seeds in tally.seeds.items() if kind != "deleted"}
    named = _keys(after, layout, late) | _keys(before, layout, {"deleted": tally.seeds.get("deleted", [])})
    return RowDifferences(
        found.table, found.before, found.after, tally.added, tally.deleted, tally.changed,
        {name: tally.cells[name] for name in tally.columns if name in tally.cells}, found.key,
        named.get("added", ()), named.get("deleted", ()), named.get("changed", ()),
        {name: named[f"column {name}"] for name in tally.columns if name in tally.cells},
    )  # fmt: skip


def _differing_rows(before: Side, after: Side, layout: Layout, found: RowDifferences) -> tuple[str, str]:
    """The queries for the rows of the buckets that differ, or for all rows where these are few or most."""
    rows = max(found.before, found.after)
    bits = min((rows // _BUCKET_ROWS).bit_length(), _MOST_BUCKETS_BITS)
    if bits < 2:
        return queries.rows(before.stored, layout), queries.rows(after.stored, layout)
    shift = 64 - bits
    if layout.plain:
        ends = [_all(side, queries.span(side.stored, layout))[0] for side in (before, after)]
        least, greatest = (choose(each for end in ends for each in end if each is not None) for choose in (min, max))
        shift = max((greatest - least).bit_length() - bits, 0)
    old, new = side_by_side(lambda: _buckets(before, layout, shift), lambda: _buckets(after, layout, shift))
    differ = [number for number in old.keys() | new.keys() if old.get(number) != new.get(number)]
    wanted = differ if 2 * len(differ) < len(old.keys() | new.keys()) else None
    return queries.rows(before.stored, layout, shift, wanted), queries.rows(after.stored, layout, shift, wanted)


def _buckets(side: Side, layout: Layout, shift: int) -> dict[int, tuple[int, ...]]:
    return {row[0]: row[1:] for row in _all(side, queries.buckets(side.stored, layout, shift))}


def _all(side: Side, query: str) -> list[tuple[Any, ...]]:
    with reading(side.stored.name):
        return side.connection.execute(query.encode(), prepare=False, binary=True).fetchall()


def _both_streams(
    stack: ExitStack, before: Side, after: Side, old: str, new: str
) -> tuple[Iterator[list[Row]], Iterator[list[Row]]]:
    return (
        stack.enter_context(stream(before.connection, "cutover_before", before.stored.name, old)),
        stack.enter_context(stream(after.connection, "cutover_after", after.stored.name, new)),
    )


def _keys(side: Side, layout: Layout, seeds: dict[str, list[int]]) -> dict[str, Keys]:
    """The first keys of each kind, in the order of the key."""
    if layout.plain:
        return {kind: tuple((seed,) for seed in some[:SAMPLES]) for kind, some in seeds.items()}
    kinds: dict[int, list[str]] = {}
    for kind, some in seeds.items():
        for seed in some:
            kinds.setdefault(seed, []).append(kind)
    named: dict[str, list[tuple[Any, ...]]] = {kind: [] for kind in seeds}
    missing = sum(min(len(some), SAMPLES) for some in seeds.values())
    if missing:
        with stream(
            side.connection, "cutover_keys", side.stored.name, queries.keys(side.stored, layout, kinds)
        ) as blocks:
            for seed, *key in _flat(blocks):
                for kind in kinds[seed]:
                    if len(named[kind]) < SAMPLES:
                        named[kind].append(tuple(key))
                        missing -= 1
                if not missing:
                    break
    return {kind: tuple(keys) for kind, keys in named.items()}


def _flat(blocks: Iterable[list[Row]]) -> Iterator[Row]:
    for block in blocks:
        yield from block


def _as_bag(
    before: Side, after: Side, layout: Layout, found: RowDifferences, may_change: Collection[str]
) -> RowDifferences:
    """Rows that are there more often on one side, without the columns that may change; and how often these did."""

    def difference(columns: Collection[str]) -> tuple[int, int]:
        added = deleted = 0
        bag = layout.bag(columns)
        with ExitStack() as stack:
            texts = queries.bag(before.stored, bag), queries.bag(after.stored, bag)
            for old, new in aligned(*_both_streams(stack, before, after, *texts)):
                if old != new:
                    was, now = {row[0]: row[1] for row in old}, {row[0]: row[1] for row in new}
                    moves = [now.get(row, 0) - was.get(row, 0) for row in now.keys() | was.keys()]
                    added += sum(move for move in moves if move > 0)
                    deleted -= sum(move for move in moves if move < 0)
        return added, deleted

    names = [each.name for each in layout.columns]
    fixed = [name for name in names if name not in may_change]
    added, deleted = difference(fixed)
    if len(fixed) == len(names):
        return RowDifferences(found.table, found.before, found.after, added, deleted, keyed=False)
    changed = difference(names)[1] - deleted
    cells = {name: difference([*fixed, name])[1] - deleted for name in names if name in may_change}
    if sum(cells.values()) < changed:
        # Values moved from row to row: each column holds what it held, so any of them may be the one.
        cells = dict.fromkeys(cells, changed)
    return RowDifferences(
        found.table, found.before, found.after, added, deleted, changed,
        {name: count for name, count in cells.items() if count}, keyed=False,
    )  # fmt: skip
