"""Every table whose rows differ between two databases."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import TYPE_CHECKING

from pytest_cutover.content.compare import Side, compare_sides
from pytest_cutover.content.differences import RowDifferences
from pytest_cutover.content.fingerprint import TableContent, read_contents
from pytest_cutover.content.layout import Layout, Stored, layout_of, stored_relations
from pytest_cutover.content.session import side_by_side, snapshot

if TYPE_CHECKING:
    from pytest_cutover.database import Database
    from pytest_cutover.postgresql import PostgresDatabase


def differing_tables(
    before: Database, after: Database, may_change: Mapping[str, Collection[str]] | None = None
) -> list[RowDifferences]:
    """How the rows differ, for each table where they do and each table that only one side has, by name.

    Columns that only one side has are not compared. Foreign tables are left out: `uncompared` names them. `may_change` is
    as of `Database.differences_to`.

    Raises:
        QueryError: the rows of a table cannot be read.
    """
    return [each for each in before.differences_to(after, may_change or {}) if each]


def all_tables(
    before: PostgresDatabase, after: PostgresDatabase, may_change: Mapping[str, Collection[str]]
) -> list[RowDifferences]:
    """As `differing_tables`, with the tables that do not differ too.

    `may_change` names, by table, the columns that do not tell two rows of a table without a key apart.
    """
    with snapshot(before.connection), snapshot(after.connection):
        old = stored_relations(before.connection, before.catalog)
        new = stored_relations(after.connection, after.catalog)
        shared = {name: layout_of(old[name], new[name]) for name in old if name in new}
        was, now = _contents(before, after, old, new, shared)
        found = []
        for name in sorted(old.keys() | new.keys()):
            if name not in new:
                found.append(RowDifferences(name, was[name].rows, 0, deleted=was[name].rows, only_in="before"))
            elif name not in old:
                found.append(RowDifferences(name, 0, now[name].rows, added=now[name].rows, only_in="after"))
            else:
                sides = Side(before.connection, old[name]), Side(after.connection, new[name])
                contents = was[name], now[name]
                found.append(compare_sides(*sides, shared[name], may_change.get(name, ()), contents))
        return found


def _contents(
    before: PostgresDatabase,
    after: PostgresDatabase,
    old: Mapping[str, Stored],
    new: Mapping[str, Stored],
    shared: Mapping[str, Layout],
) -> tuple[dict[str, TableContent], dict[str, TableContent]]:
    """The contents of both sides by table; of a table that only one side has the count is all that matters."""

    def read(database: PostgresDatabase, stored: Mapping[str, Stored]) -> dict[str, TableContent]:
        wanted = [(each, shared.get(name) or Layout((), (), False)) for name, each in stored.items()]
        return dict(zip(stored, read_contents(database.connection, wanted), strict=True))

    if before.connection is after.connection:
        return read(before, old), read(after, new)
    return side_by_side(lambda: read(before, old), lambda: read(after, new))
