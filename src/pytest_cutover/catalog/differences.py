"""How two catalogs differ, object by object."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Literal

from pytest_cutover.catalog.acl import Acl
from pytest_cutover.catalog.describing import describe
from pytest_cutover.catalog.model import Catalog
from pytest_cutover.catalog.objects import (
    CatalogObject,
    Column,
    Constraint,
    Index,
    OfTable,
    Other,
    Sequence,
    Table,
    Trigger,
)
from pytest_cutover.catalog.wording import changes, order_change
from pytest_cutover.names import quote_part

_MAINTAIN_SINCE = 170000
_NOT_NULL_CONSTRAINTS_SINCE = 180000
_CHOSEN_NAME = re.compile(r"_not_null\d*$")
"""How the name of a NOT NULL constraint ends that nobody gave it."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One object that one side lacks or that is not the same on both sides.

    `goes_with` names the object whose own difference brings this one along, as a dropped table does for its columns;
    it is empty where the difference stands for itself.
    """

    kind: Literal["added", "dropped", "altered"]
    object: str
    detail: str
    goes_with: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.object}" + (f": {self.detail}" if self.detail else "")


@dataclass(frozen=True)
class CatalogDiff:
    """All differences. `added`, `dropped` and `altered` leave out those that go with another one."""

    all: tuple[Difference, ...]

    def __bool__(self) -> bool:
        return bool(self.all)

    def __str__(self) -> str:
        return "\n".join(str(each) for each in (*self.dropped, *self.added, *self.altered)) or "no difference"

    @cached_property
    def added(self) -> tuple[Difference, ...]:
        """Objects that only the second catalog has."""
        return self._of("added")

    @cached_property
    def dropped(self) -> tuple[Difference, ...]:
        """Objects that only the first catalog has."""
        return self._of("dropped")

    @cached_property
    def altered(self) -> tuple[Difference, ...]:
        """Objects that both have and that are not the same."""
        return self._of("altered")

    def _of(self, kind: str) -> tuple[Difference, ...]:
        return tuple(each for each in self.all if each.kind == kind and not each.goes_with)


def diff(before: Catalog, after: Catalog, *, sequences: bool = True) -> CatalogDiff:
    """What must be done to the first catalog to get the second one.

    Without `sequences` the positions of sequences are left out. A renamed object is one dropped and one added. Where
    the servers' major versions differ, what only one of them knows (the MAINTAIN privilege, named NOT NULL
    constraints) is left out. The name of a NOT NULL constraint is compared only where somebody gave it one.
    """
    before, after = _comparable(before, after), _comparable(after, before)
    after = _with_names_of(before, after)
    old, new = before.objects(), after.objects()
    found: dict[str, Difference] = {}
    for name, each in old.items():
        if name not in new:
            found[name] = Difference("dropped", name, describe(each))
    for name, each in new.items():
        if name not in old:
            found[name] = Difference("added", name, describe(each))
        elif each != old[name] or isinstance(each, Table):
            owners = (_owner(old[name], before), _owner(each, after))
            told = changes(old[name], each, owners, sequences=sequences)
            if isinstance(each, Table):
                moved = order_change("column", _names(before, each), _names(after, each))
                told += [moved] if moved else []
            if told:
                found[name] = Difference("altered", name, "; ".join(told))
    return CatalogDiff(
        tuple(replace(difference, goes_with=_cause(difference, found, before, after)) for difference in found.values())
    )


def _comparable(catalog: Catalog, other: Catalog) -> Catalog:
    """The catalog without what the other one's server does not know."""
    known = other.server_version // 10000 * 10000
    own = catalog.server_version // 10000 * 10000
    if own >= _NOT_NULL_CONSTRAINTS_SINCE > known:
        kept = {name: each for name, each in catalog.constraints.items() if each.type != "not_null"}
        catalog = replace(catalog, constraints=kept)
    if own >= _MAINTAIN_SINCE > known:
        tables = {name: replace(each, acl=_without_maintain(each.acl)) for name, each in catalog.tables.items()}
        views = {name: replace(each, acl=_without_maintain(each.acl)) for name, each in catalog.views.items()}
        catalog = replace(catalog, tables=tables, views=views)
    return catalog


def _with_names_of(before: Catalog, after: Catalog) -> Catalog:
    """The second catalog, with a column's NOT NULL constraint called as in the first where nobody chose either name.

    The server makes it of the table's and the column's names as they are at that moment, and one that is free.
    """
    old = {(each.table, each.columns): each for each in before.constraints.values() if _is_unnamed(each)}
    renamed = {}
    for name, each in after.constraints.items():
        was = old.get((each.table, each.columns)) if _is_unnamed(each) else None
        if was is not None and was.name != each.name:
            renamed[name] = replace(each, name=was.name)
    while clashing := [
        name for name, each in renamed.items() if each.full_name in after.constraints.keys() - renamed.keys()
    ]:
        for name in clashing:
            del renamed[name]
    if not renamed:
        return after
    constraints = (renamed.get(name, each) for name, each in after.constraints.items())
    return replace(after, constraints={each.full_name: each for each in constraints})


def _is_unnamed(each: Constraint) -> bool:
    return each.type == "not_null" and _CHOSEN_NAME.search(each.name) is not None


def _without_maintain(acl: Acl) -> Acl:
    return tuple(grant for grant in acl if grant.privilege != "MAINTAIN")


def _names(catalog: Catalog, table: Table) -> list[str]:
    return [column.name for column in catalog.columns_of(table.full_name)]


def _owner(each: CatalogObject, catalog: Catalog) -> str:
    if isinstance(each, Column):
        return catalog.tables[each.table].owner
    return getattr(each, "owner", None) or ""


def _cause(difference: Difference, found: dict[str, Difference], before: Catalog, after: Catalog) -> str:
    """The name of the difference that this one goes with, empty where it stands for itself."""
    catalog = before if difference.kind == "dropped" else after
    for name, relation in _possible_causes(catalog.objects()[difference.object], catalog):
        cause = found.get(name)
        if cause is None:
            continue
        alike = cause.kind == difference.kind
        if relation == "part" and alike and difference.kind != "altered":
            return name
        if relation == "copy" and alike and (difference.kind != "altered" or cause.detail == difference.detail):
            return name
        if relation == "means" and (
            difference.kind != "altered" or _follows_a_renamed_column(difference.object, before, after)
        ):
            return name
    return ""


def _follows_a_renamed_column(name: str, before: Catalog, after: Catalog) -> bool:
    """True for a NOT NULL constraint that is the same but for what its column is called."""
    old, new = before.objects()[name], after.objects()[name]
    return (
        isinstance(old, Constraint)
        and isinstance(new, Constraint)
        and old.columns != new.columns
        and replace(new, columns=old.columns, definition=old.definition) == old
    )


def _possible_causes(each: CatalogObject, catalog: Catalog) -> Iterator[tuple[str, str]]:
    """What the object comes and goes with: as a part of it, as the copy of a parent, or as the means of a column."""
    if isinstance(each, (OfTable, Index, Other)) and each.table is not None:
        yield f"table:{each.table}", "part"
        yield f"view:{each.table}", "part"
    if isinstance(each, Constraint) and each.type == "not_null":
        for column in each.columns:
            yield f"column:{each.table}.{quote_part(column)}", "means"
    if isinstance(each, (Constraint, Index, Trigger)) and each.parent is not None:
        yield f"{each.KIND}:{each.parent}", "copy"
    if isinstance(each, Column) or (isinstance(each, Constraint) and each.type in ("check", "not_null")):
        for parent in _parents(catalog, each.table):
            yield f"{each.KIND}:{parent}.{quote_part(each.name)}", "copy"
    if isinstance(each, Constraint) and each.type == "trigger":
        yield f"trigger:{each.full_name}", "part"
    if isinstance(each, Index) and each.constraint is not None:
        yield f"constraint:{each.constraint}", "part"
    if isinstance(each, Sequence) and each.owned_by is not None:
        yield f"column:{each.owned_by}", "means" if each.identity else "part"


def _parents(catalog: Catalog, table: str) -> tuple[str, ...]:
    found = catalog.tables[table]
    return found.inherits if found.partition_of is None else (found.partition_of,)
