"""How long those who use a database would have waited for its busy tables while it was migrated.

For each table three clients ask every few milliseconds: a reader and a writer for the lock that such a one takes on the table
(`tables`), and a writer of single rows for whether it would get them (`rows`). They change nothing, fire no trigger, use no
number of a sequence, and hold no snapshot for which CREATE INDEX CONCURRENTLY would wait.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace

from pytest_cutover.canaries.client import Client
from pytest_cutover.canaries.model import INTERVAL_S, Access, Wait
from pytest_cutover.canaries.rows import RowClient
from pytest_cutover.canaries.tables import MODES, TableClient
from pytest_cutover.database import Database
from pytest_cutover.names import DEFAULT_SCHEMA, format_name, split_name
from pytest_cutover.plan.model import Changes
from pytest_cutover.target import Target

__all__ = ["INTERVAL_S", "MOST", "Wait", "busy_tables", "watching"]

MOST = 3
"""So many tables are watched where the plan names none."""

_MEMBERS = ("column", "constraint", "trigger", "policy", "rule")
_READY_S = 10.0


def busy_tables(named: Sequence[str] | None, asserted: Iterable[str], changes: Changes, before: Database) -> list[str]:
    """The tables to watch: those that the plan names, else the largest of those that its `[changes]` touch.

    Besides them those of which a criterion says how long somebody may wait.
    """
    busy = _largest(changes, before) if named is None else list(named)
    return list(dict.fromkeys([*busy, *asserted]))


def _largest(changes: Changes, before: Database) -> list[str]:
    there = before.catalog.tables
    touched = {_table_of(name, before) for name in (*changes.added, *changes.dropped, *changes.altered)}
    touched |= set(changes.rows)
    rows = {table: before.contents[table].rows for table in touched if table in there and table in before.contents}
    return sorted(sorted(rows), key=lambda table: -rows[table])[:MOST]


def _table_of(name: str, before: Database) -> str:
    kind, _, rest = name.partition(":")
    if kind == "index":
        index = before.catalog.indexes.get(rest)
        return index.table if index is not None else ""
    if kind not in _MEMBERS:
        return rest if kind == "table" else ""
    *table, _ = split_name(rest)
    return format_name(*(table if len(table) > 1 else [DEFAULT_SCHEMA, *table]))


@contextmanager
def watching(target: Target, tables: Sequence[str]) -> Iterator[list[Wait]]:
    """Within it the tables are watched; the list is filled when it is over."""
    found: list[Wait] = []
    clients: list[Client] = []
    for table in tables:
        clients += [TableClient(target, table, access) for access in MODES]
        clients.append(RowClient(target, table))
    try:
        for client in clients:
            client.thread.start()
        for client in clients:
            client.ready.wait(_READY_S)
        began = time.perf_counter()
        yield found
    finally:
        ended = time.perf_counter()
        for client in clients:
            client.stopping.set()
        for client in clients:
            client.end()
    told = {(client.table, client.access): client.told(began, ended) for client in clients}
    found += [_with_table(wait, told) if wait.access == "row" else wait for wait in told.values()]


def _with_table(row: Wait, told: Mapping[tuple[str, Access], Wait]) -> Wait:
    """The wait of a writer of rows, who waits for the table as any writer does, too."""
    table = told[row.table, "write"]
    if not row.tries or table.longest <= row.longest:
        return row
    at_most = max(row.at_most or 0.0, table.longest)
    return replace(row, longest=table.longest, at=table.at, total=max(row.total, table.total), at_most=at_most)
