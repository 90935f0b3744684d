"""Which relations hold rows, by what key a row is known, and what two sides have in common."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import NamedTuple

import psycopg

from pytest_cutover.catalog import Catalog, Index
from pytest_cutover.content.hashing import CAST, is_integer, method, value_hash
from pytest_cutover.names import format_name, quote_identifier, quote_relation

LARGE_OBJECTS = "pg_catalog.pg_largeobject"
"""The table behind all large objects: one row per page. Empty ones are in the other, which lists them."""

LARGE_OBJECT_LIST = "pg_catalog.pg_largeobject_metadata"


@dataclass(frozen=True)
class Stored:
    """A relation that holds rows. `keys` are the column sets that identify a row, the best first."""

    name: str
    columns: Mapping[str, str]
    keys: tuple[tuple[str, ...], ...] = ()
    whole: bool = False
    populated: bool = True

    @property
    def source(self) -> str:
        """What to select from: with its partitions, but without inheriting tables, which are relations of their own."""
        if not self.populated:
            columns = ", ".join(f"NULL::{kind} AS {quote_identifier(name)}" for name, kind in self.columns.items())
            return f"(SELECT {columns} LIMIT 0) AS nothing"
        return quote_relation(self.name) if self.whole else f"ONLY {quote_relation(self.name)}"


class Hashed(NamedTuple):
    """A column and how it is hashed."""

    name: str
    how: str


@dataclass(frozen=True)
class Layout:
    """How a table's rows are hashed, the same on both sides: its key (empty: none) and all columns, keys among them.

    `plain` says that the key is one whole number, which then is itself the seed of every hash of its row.
    """

    key: tuple[Hashed, ...]
    columns: tuple[Hashed, ...]
    plain: bool

    @property
    def key_names(self) -> tuple[str, ...]:
        """The names of the key's columns."""
        return tuple(each.name for each in self.key)

    @property
    def values(self) -> tuple[Hashed, ...]:
        """The columns outside the key."""
        names = set(self.key_names)
        return tuple(each for each in self.columns if each.name not in names)

    def only(self, columns: Collection[str]) -> Layout:
        """The same key and, of the other columns, only these."""
        kept = {*columns, *self.key_names}
        return replace(self, columns=tuple(each for each in self.columns if each.name in kept))

    def bag(self, columns: Collection[str]) -> Layout:
        """No key, and only these columns."""
        return Layout((), tuple(each for each in self.columns if each.name in columns), False)

    @property
    def seed(self) -> str:
        """The SQL expression that makes 64 bits of a row's key."""
        if self.plain:
            return f"{quote_identifier(self.key[0].name)}::int8"
        seed = "0::int8"
        for each in self.key:
            seed = value_hash(each.how, quote_identifier(each.name), seed)
        return seed


def layout_of(before: Stored, after: Stored) -> Layout:
    """How the columns that both sides have are compared: by exact representation, by text where the type differs."""
    columns = tuple(
        Hashed(name, method(kind) if method(kind) == method(after.columns[name]) else CAST)
        for name, kind in before.columns.items()
        if name in after.columns
    )
    shared = {frozenset(key) for key in after.keys}
    key = next((key for key in before.keys if frozenset(key) in shared), ())
    hashed = {each.name: each for each in columns}
    plain = len(key) == 1 and is_integer(before.columns[key[0]]) and is_integer(after.columns[key[0]])
    return Layout(tuple(hashed[name] for name in key), columns, plain)


def stored_relations(connection: psycopg.Connection, catalog: Catalog) -> dict[str, Stored]:
    """Every relation whose rows are compared, by name: tables, partitioned tables as a whole, materialized views,
    tables of extensions, large objects where there are any."""
    skipped = uncompared(catalog)
    indexes: dict[str, list[Index]] = {}
    for index in catalog.indexes.values():
        indexes.setdefault(index.table, []).append(index)
    found = {}
    for name, table in catalog.tables.items():
        if name in skipped or table.partition_of is not None:
            continue
        columns = catalog.columns_of(name)
        sure = {each.name for each in columns if not each.nullable}
        kinds = {each.name: each.type for each in columns if each.generated != "virtual"}
        usable = [each for each in indexes.get(name, ()) if _identifies(catalog, each, sure & set(kinds))]
        usable.sort(key=lambda each: (not each.primary, len(each.columns), each.full_name))
        keys = tuple(each.columns for each in usable)
        found[name] = Stored(name, kinds, keys, table.kind == "partitioned")
    for name, view in catalog.views.items():
        if view.materialized:
            kinds = {each.name: each.type for each in view.columns}
            found[name] = Stored(name, kinds, populated=view.populated, whole=True)
    return found | _of_extensions(connection) | _large_objects(connection)


def uncompared(catalog: Catalog) -> dict[str, str]:
    """The tables whose rows are not compared, with the reason: those that other servers hold."""
    reasons = {
        name: "its rows are on another server" for name, each in catalog.tables.items() if each.kind == "foreign"
    }
    for name in list(reasons):
        parent = catalog.tables[name].partition_of
        while parent is not None:
            reasons[parent] = f"the rows of its partition {name} are on another server"
            parent = catalog.tables[parent].partition_of
    return reasons


def partition_root(catalog: Catalog, table: str) -> str | None:
    """The partitioned table that a partition's rows belong to, None where the table is no partition."""
    root = None
    while table in catalog.tables and (parent := catalog.tables[table].partition_of) is not None:
        root = table = parent
    return root


def _identifies(catalog: Catalog, index: Index, sure: Collection[str]) -> bool:
    """True where no two rows can be alike in the index's columns, and none of these is ever NULL."""
    if not (index.unique and index.valid and index.ready and index.method == "btree" and index.predicate is None):
        return False
    constraint = catalog.constraints.get(index.constraint) if index.constraint is not None else None
    if constraint is not None and constraint.deferrable:
        # What checks it late is a trigger, which a loader may have switched off.
        return False
    # A column may be called as an expression reads; only a column is written in quotes then.
    return all(
        name in sure and (name.isidentifier() or quote_identifier(name) in index.definition) for name in index.columns
    )


def _of_extensions(connection: psycopg.Connection) -> dict[str, Stored]:
    rows = connection.execute(
        """
        SELECT n.nspname, c.relname, c.relkind IN ('p', 'm'), c.relispopulated,
               array_agg(a.attname::text ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL),
               array_agg(format_type(a.atttypid, a.atttypmod) ORDER BY a.attnum) FILTER (WHERE a.attnum IS NOT NULL)
        FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
        JOIN pg_depend e ON e.classid = 'pg_class'::regclass AND e.objid = c.oid AND e.objsubid = 0 AND e.deptype = 'e'
        LEFT JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated <> 'v'
        WHERE c.relkind IN ('r', 'p', 'm') AND NOT c.relispartition
        GROUP BY c.oid, n.nspname ORDER BY n.nspname, c.relname
        """
    ).fetchall()
    return {
        (name := format_name(schema, relation)): Stored(
            name, dict(zip(names or (), kinds or (), strict=True)), whole=whole, populated=populated
        )
        for schema, relation, whole, populated, names, kinds in rows
    }


def _large_objects(connection: psycopg.Connection) -> dict[str, Stored]:
    row = connection.execute("SELECT EXISTS (SELECT FROM pg_catalog.pg_largeobject_metadata)").fetchone()
    if row is None or not row[0]:
        return {}
    pages = Stored(LARGE_OBJECTS, {"loid": "oid", "pageno": "integer", "data": "bytea"}, (("loid", "pageno"),))
    return {LARGE_OBJECTS: pages, LARGE_OBJECT_LIST: Stored(LARGE_OBJECT_LIST, {"oid": "oid"}, (("oid",),))}
