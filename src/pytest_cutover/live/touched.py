"""Which tables a migration touches, as far as the plan and the catalogs know."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

from pytest_cutover.catalog import Catalog
from pytest_cutover.names import format_name, split_name
from pytest_cutover.plan.model import Changes

_OF_TABLE = ("column", "constraint", "policy", "trigger", "rule")


def touched_tables(changes: Changes, catalogs: Iterable[Catalog]) -> tuple[str, ...]:
    """The tables and views that `[changes]` names, those of the indexes, constraints and so on that it names, and those
    that a named foreign key refers to, in the order of their names."""
    catalogs = tuple(catalogs)
    found = set(changes.rows)
    for name in (*changes.added, *changes.dropped, *changes.altered):
        kind, _, rest = name.partition(":")
        if kind in ("table", "view"):
            found.add(rest)
        elif kind in _OF_TABLE:
            found.add(_owner(rest))
        for catalog in catalogs:
            known = catalog.objects().get(name)
            found |= {each for key in ("table", "references") if (each := getattr(known, key, None))}
    return tuple(sorted(found))


def added_indexes(changes: Changes, catalog: Catalog) -> tuple[str, ...]:
    """The indexes that the migration adds and that are there, those of its constraints included."""
    names = {name.partition(":")[2] for name in changes.added if name.startswith("index:")}
    constraints = {name.partition(":")[2] for name in changes.added if name.startswith("constraint:")}
    return tuple(
        sorted(
            name for name, index in catalog.indexes.items()
            if name in names or index.constraint in constraints
        )
    )  # fmt: skip


def _owner(name: str) -> str:
    """The table in `table.name` or `schema.table.name`."""
    with suppress(ValueError):
        *owner, _ = split_name(name)
        if owner:
            return format_name(owner[0], owner[1]) if len(owner) == 2 else format_name("public", owner[0])
    return name
