"""What a monitor writes down at each run, so that days can be compared: figures of use, no row's value."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from pytest_cutover.catalog import Catalog
from pytest_cutover.errors import NotChecked, QueryError
from pytest_cutover.live import limits
from pytest_cutover.live.orphans import count_orphans, unenforced
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.live.sqlite import LiveSqlite
from pytest_cutover.live.statements import Ran, read_statements
from pytest_cutover.live.touched import added_indexes, touched_tables
from pytest_cutover.live.usage import file_size, read_indexes, read_tables
from pytest_cutover.plan.model import Changes

T = TypeVar("T")


@dataclass
class Figures:
    """The figures of one run. `unseen` says by name why one could not be had, `uncounted` which orphans. The
    `unique` indexes are of use at every write."""

    statements: list[Ran] = field(default_factory=list)
    indexes: list[dict[str, Any]] = field(default_factory=list)
    tables: list[dict[str, Any]] = field(default_factory=list)
    orphans: dict[str, int] = field(default_factory=dict)
    unseen: dict[str, str] = field(default_factory=dict)
    uncounted: dict[str, str] = field(default_factory=dict)
    earlier: Sequence[Mapping[str, Any]] = ()
    unique: frozenset[str] = frozenset()

    def to_json(self) -> dict[str, Any]:
        """The figures as plain data, for the history."""
        return {
            "statements": [each.to_json() for each in self.statements], "indexes": self.indexes, "tables": self.tables,
            "orphans": self.orphans,
        }  # fmt: skip

    @property
    def notes(self) -> list[str]:
        """What a reader of the figures must know."""
        return [f"The figures lack the {name}: {why}." for name, why in self.unseen.items()]


def take_figures(
    database: LivePostgres | LiveSqlite, changes: Changes, earlier: Sequence[Mapping[str, Any]]
) -> Figures:  # fmt: skip
    """The figures of now, those of earlier runs beside them; what cannot be had in time is named."""
    figures = Figures(earlier=earlier)
    catalog: Catalog = database.catalog
    tables = [name for name in touched_tables(changes, (catalog,)) if name in catalog.tables]

    def taken(name: str, read: Callable[[], T], otherwise: T) -> T:
        try:
            with database.checking(f"({name})"):
                return read()
        except (QueryError, NotChecked) as error:
            figures.unseen[name] = str(error)
            return otherwise

    if isinstance(database, LivePostgres):
        nothing: tuple[list[Ran], str] = ([], "")
        figures.statements, why = taken("statements", lambda: read_statements(database), nothing)
        if why:
            figures.unseen["statements"] = why
        figures.tables = taken("tables", lambda: read_tables(database, tables), [])
        indexes = added_indexes(changes, catalog)
        figures.indexes = taken("indexes", lambda: read_indexes(database, indexes), [])
        figures.unique = frozenset(name for name in indexes if catalog.indexes[name].unique)
    else:
        figures.tables = taken("size", lambda: file_size(database), [])
    for key in unenforced(catalog, tables, sqlite=database.dialect == "sqlite"):
        try:
            with database.checking(f"(orphans of {key.full_name})", limits.SNAPSHOT_S):
                figures.orphans[key.full_name] = count_orphans(database, key)
        except (QueryError, NotChecked) as error:
            figures.uncounted[key.full_name] = str(error)
    return figures
