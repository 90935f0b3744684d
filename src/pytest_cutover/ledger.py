"""The books of a migration: per table, rows before = kept + changed as declared + deleted as declared.

What the books hold a plan to, beyond the ranges it declares:

* A table that the plan declares dropped takes its rows along, and that is no violation unless `rows` says how many are
  deleted: `deleted = 0` demands that it was empty. One that is gone undeclared is a violation if it had rows.
* A table that the plan declares added is expected to be empty unless `rows` says how many rows it gets.
* A column in `changed` that did not change, or is new, is no violation: `changed` allows, a range demands.
* A table or column in `rows` that neither side has, or whose rows cannot be compared, is a violation.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from pytest_cutover.catalog import Catalog
from pytest_cutover.content import RowDifferences, uncompared
from pytest_cutover.content.differences import rows as count_rows
from pytest_cutover.content.layout import partition_root
from pytest_cutover.database import Database
from pytest_cutover.errors import CutoverError
from pytest_cutover.finding import Evidence
from pytest_cutover.plan.model import Changes, RowChanges

_NOTHING = RowChanges.model_validate({})
"""What a table may do that the plan does not name."""


@dataclass(frozen=True)
class TableLedger:
    """One table's rows: how many there were and are, and what became of them. `columns` counts changed cells.

    Raises:
        CutoverError: the parts do not add up.
    """

    before: int
    after: int
    added: int = 0
    deleted: int = 0
    changed: int = 0
    columns: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        cells = self.columns.values()
        balanced = (
            self.before == self.kept + self.changed + self.deleted
            and self.after == self.kept + self.changed + self.added
            and min(self.kept, self.added, self.deleted, self.changed) >= 0
            and all(0 < count <= self.changed for count in cells)
            and (self.changed == 0) == (not self.columns)
            and sum(cells) >= self.changed
        )
        if not balanced:
            raise CutoverError(f"the books of a table do not balance: {self!r}")

    @property
    def kept(self) -> int:
        """The rows that are as they were."""
        return self.before - self.changed - self.deleted

    @property
    def untouched(self) -> bool:
        """True where no row was added, deleted or changed."""
        return not (self.added or self.deleted or self.changed)


@dataclass(frozen=True)
class Ledger:
    """Every table's rows, and what is not as declared: one sentence each, with the keys as evidence.

    `not_compared` are the tables whose rows are on another server.
    """

    tables: dict[str, TableLedger]
    violations: list[str]
    evidence: list[Evidence]
    not_compared: dict[str, str] = field(default_factory=dict)


def read_ledger(before: Database, after: Database, changes: Changes) -> Ledger:
    """The ledger of what happened between the two databases, held against what the plan declares.

    Raises:
        QueryError: the rows of a table cannot be read.
        CutoverError: the books do not balance.
    """
    books = _Books(before.catalog, after.catalog, changes)
    found = before.differences_to(after, {name: declared.changed for name, declared in changes.rows.items()})
    for each in found:
        books.enter(each)
    books.close({each.table for each in found})
    return Ledger(books.tables, books.violations, books.evidence, books.not_compared)


class _Books:
    """The ledger while it is being written."""

    def __init__(self, before: Catalog, after: Catalog, changes: Changes) -> None:
        self.before = before
        self.after = after
        self.changes = changes
        self.tables: dict[str, TableLedger] = {}
        self.violations: list[str] = []
        self.evidence: list[Evidence] = []
        self.not_compared = uncompared(before) | uncompared(after)

    def enter(self, found: RowDifferences) -> None:
        """Books one table."""
        self.tables[found.table] = TableLedger(
            found.before, found.after, found.added, found.deleted, found.changed, dict(found.columns)
        )
        declared = self.changes.rows.get(found.table)
        if found.only_in == "before":
            self._gone(found, declared)
        elif found.only_in == "after":
            self._new(found, declared)
        else:
            self._both(found, declared or _NOTHING)

    def close(self, known: set[str]) -> None:
        """Books what is declared of tables and columns that are not there."""
        for table, declared in self.changes.rows.items():
            if table not in known:
                self.violations.append(f"{table}: its rows are declared to change, but {self._why_unknown(table)}.")
                continue
            if not any(table in catalog.tables or table in catalog.views for catalog in (self.before, self.after)):
                continue
            names = {each.name for catalog in (self.before, self.after) for each in catalog.columns_of(table)}
            for column in declared.changed:
                if column not in names:
                    self.violations.append(f"{table}: the column {column} is declared to change, but there is none.")

    def _why_unknown(self, table: str) -> str:
        root = partition_root(self.after, table) or partition_root(self.before, table)
        if table in self.not_compared:
            return self.not_compared[table]
        if root is not None:
            return f"it is a partition: declare the rows of {root}"
        if table in self.before.views or table in self.after.views:
            return "it is a view"
        return "there is no such table before or after"

    def _gone(self, found: RowDifferences, declared: RowChanges | None) -> None:
        said = declared is not None and "deleted" in declared.model_fields_set
        declared = declared or _NOTHING
        self._range(found, declared, "added")
        if said:
            self._range(found, declared, "deleted")
        elif found.before and not self._declared(self.changes.dropped, found.table, self.before):
            self.violations.append(
                f"{found.table}: the table is gone with its {count_rows(found.before)}, which is not declared."
            )

    def _new(self, found: RowDifferences, declared: RowChanges | None) -> None:
        self._range(found, declared or _NOTHING, "added")
        self._range(found, declared or _NOTHING, "deleted")

    def _both(self, found: RowDifferences, declared: RowChanges) -> None:
        self._range(found, declared, "added")
        self._range(found, declared, "deleted")
        for column, count in found.columns.items():
            if column in declared.changed:
                continue
            cells = "1 value of the column" if count == 1 else f"{count:,} values of the column"
            self.violations.append(f"{found.table}: {cells} {column} changed, which is not declared.{_bag(found)}")
            if found.key:
                title = f"{found.table}: {column} changed"
                self.evidence.append(Evidence.of(title, found.key, found.column_keys.get(column, ()), count))

    def _range(self, found: RowDifferences, declared: RowChanges, what: str) -> None:
        count = found.added if what == "added" else found.deleted
        allowed = declared.added if what == "added" else declared.deleted
        if count in allowed:
            return
        were = "row was" if count == 1 else "rows were"
        expected = "none" if allowed.maximum == 0 else str(allowed)
        self.violations.append(f"{found.table}: {count:,} {were} {what}, declared: {expected}.{_bag(found)}")
        if found.key and count:
            keys = found.added_keys if what == "added" else found.deleted_keys
            self.evidence.append(Evidence.of(f"{found.table}: rows {what}", found.key, keys, count))

    @staticmethod
    def _declared(names: list[str], table: str, catalog: Catalog) -> bool:
        """True where the plan names the table or materialized view, or its schema."""
        relation = catalog.tables.get(table) or catalog.views.get(table)
        schema = {f"schema:{relation.schema}"} if relation is not None else set()
        return not schema.union({f"table:{table}", f"view:{table}"}).isdisjoint(names)


def _bag(found: RowDifferences) -> str:
    if found.keyed or found.only_in is not None:
        return ""
    return " Its rows were compared as a bag: no key holds on both sides."
