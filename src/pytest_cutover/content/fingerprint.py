"""How many rows a table has, and a fingerprint of what they hold."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import psycopg

from pytest_cutover.catalog import Catalog
from pytest_cutover.content import queries
from pytest_cutover.content.layout import Layout, Stored, layout_of, stored_relations, uncompared
from pytest_cutover.content.session import reading, snapshot
from pytest_cutover.errors import QueryError

_BATCH = 200
"""Statements sent to the server without waiting."""

_OLDEST = 140000
"""The oldest server with the aggregate bit_xor."""

WHOLE_ROW = "*"
"""The one entry of `TableContent.columns` where a table has no key."""


@dataclass(frozen=True)
class TableContent:
    """The exact number of rows, and per column a hash of all its values, each with its row's key.

    Two tables with equal contents hold the same rows, in whatever order, up to a chance of one in 2^64. A column of the
    key stands for the set of keys. A table without a usable key (`keyed` is False, `key` empty) is compared as a bag of
    rows: its one entry `*` is the sum of the rows' hashes. Contents compare only within one server version.
    """

    rows: int
    key: tuple[str, ...]
    columns: dict[str, int | str]
    keyed: bool


def table_contents(
    connection: psycopg.Connection,
    catalog: Catalog,
    tables: Collection[str] | None = None,
    columns: Mapping[str, Collection[str]] | None = None,
) -> dict[str, TableContent]:
    """The content of every relation that holds rows (or of these), by name, as one snapshot sees it.

    A partitioned table counts as a whole, not each partition; an inheriting table counts alone. Foreign tables are left
    out: `uncompared` names them. Large objects appear as `pg_catalog.pg_largeobject`, with their list in
    `pg_catalog.pg_largeobject_metadata`, where there are any. `columns` gives the columns that count besides the key,
    for the tables where not all do.

    Raises:
        QueryError: the rows of a table cannot be read, or there is no such table.
    """
    with snapshot(connection):
        stored = stored_relations(connection, catalog)
        for table in tables or ():
            if table not in stored:
                raise QueryError(
                    f"the rows of {table} cannot be compared: {uncompared(catalog).get(table, 'no such table')}"
                )
        chosen = [each for name, each in stored.items() if tables is None or name in tables]
        layouts = [layout_of(each, each) for each in chosen]
        if columns is not None:
            layouts = [
                layout.only(columns[each.name]) if each.name in columns else layout
                for each, layout in zip(chosen, layouts, strict=True)
            ]
        contents = read_contents(connection, list(zip(chosen, layouts, strict=True)))
    return {each.name: content for each, content in zip(chosen, contents, strict=True)}


def read_contents(connection: psycopg.Connection, wanted: Sequence[tuple[Stored, Layout]]) -> list[TableContent]:
    """The content of each relation in turn, hashed as its layout says.

    Raises:
        QueryError: the rows of one cannot be read, or the server is older than PostgreSQL 14.
    """
    if connection.info.server_version < _OLDEST:
        version = connection.info.server_version // 10000
        raise QueryError(f"the server is PostgreSQL {version}; what tables hold can be compared from 14 on")
    contents = []
    for start in range(0, len(wanted), _BATCH):
        batch = wanted[start : start + _BATCH]
        for (_, layout), row in zip(batch, _run(connection, batch), strict=True):
            contents.append(_content(layout, row))
    return contents


def _run(connection: psycopg.Connection, batch: Sequence[tuple[Stored, Layout]]) -> list[tuple[int | str, ...]]:
    asked = [(stored.name, queries.fingerprint(stored, layout)) for stored, layout in batch]
    if len(asked) == 1 or not psycopg.Pipeline.is_supported():
        return [_ask(connection, name, query) for name, query in asked]
    connection.execute("SAVEPOINT pipeline")
    try:
        with connection.pipeline():
            cursors = [connection.execute(query.encode(), prepare=False, binary=True) for _, query in asked]
            return [cursor.fetchall()[0] for cursor in cursors]
    except psycopg.Error:
        # A pipeline does not tell which statement failed; one by one they do.
        connection.execute("ROLLBACK TO SAVEPOINT pipeline")
        return [_ask(connection, name, query) for name, query in asked]


def _ask(connection: psycopg.Connection, name: str, query: str) -> tuple[int | str, ...]:
    with reading(name):
        return connection.execute(query.encode(), prepare=False, binary=True).fetchall()[0]


def _content(layout: Layout, row: tuple[int | str, ...]) -> TableContent:
    count, first, *others = row
    names = layout.key_names
    hashes: dict[str, int | str]
    if names:
        hashes = dict.fromkeys(names, first)
        hashes |= {each.name: found for each, found in zip(layout.values, others, strict=True)}
    else:
        hashes = {WHOLE_ROW: first}
    return TableContent(int(count), names, hashes, bool(names))
