"""Rows that refer to nothing, below foreign keys that the database does not enforce, or did not always."""

from __future__ import annotations

from collections.abc import Collection

from pytest_cutover.catalog import Catalog
from pytest_cutover.catalog.objects import Constraint
from pytest_cutover.database import Database
from pytest_cutover.names import quote_identifier


def unenforced(catalog: Catalog, tables: Collection[str], *, sqlite: bool) -> tuple[Constraint, ...]:
    """The foreign keys from or to one of the tables that are not validated or whose triggers do not fire.

    In SQLite these are all: it enforces them in a session that asks for it.
    """
    return tuple(
        each for _, each in sorted(catalog.constraints.items())
        if each.type == "foreign_key" and each.parent is None and (each.table in tables or each.references in tables)
        and (sqlite or not each.validated or each.suspended)
    )  # fmt: skip


def count_orphans(database: Database, key: Constraint) -> int:
    """How many rows refer to no row of the other table.

    Raises:
        QueryError: the tables cannot be read.
    """
    assert key.references is not None
    to_columns = key.references_columns or database.catalog.primary_key(key.references)
    child = [f"child.{quote_identifier(name)}" for name in key.columns]
    parent = [f"parent.{quote_identifier(name)}" for name in to_columns]
    refers = " AND ".join(f"{name} IS NOT NULL" for name in child)
    same = " AND ".join(f"{left} = {right}" for left, right in zip(child, parent, strict=True))
    return sum(
        int(
            database.scalar(
                f"SELECT count(*) FROM {database.relation(key.table)} AS child WHERE {part} AND {refers} AND NOT EXISTS "
                f"(SELECT 1 FROM {database.relation(key.references)} AS parent WHERE {same})"
            )
        )
        for part in database.parts(key.table, "child")
    )
