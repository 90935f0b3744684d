"""Whether two databases are in the same state: object by object, row by row."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from pytest_cutover.catalog import Catalog, diff
from pytest_cutover.content import differing_tables
from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, exactly


@dataclass(frozen=True)
class StateDifferences:
    """How one database differs from another, each difference as `object: what`; and those that were accepted by name."""

    objects: tuple[tuple[str, str], ...]
    rows: tuple[tuple[str, str], ...]
    accepted: tuple[str, ...]
    evidence: tuple[Evidence, ...]

    @property
    def listed(self) -> list[str]:
        """Every difference that was not accepted, one text each."""
        return [f"{name}: {detail}" for name, detail in (*self.objects, *self.rows)]

    @property
    def named(self) -> str:
        """The differences, so that a waiver accepts these and no others."""
        return ", ".join(map(exactly, self.listed))

    def __bool__(self) -> bool:
        return bool(self.objects or self.rows)


def compare_states(
    expected: Database,
    found: Database,
    *,
    accepted: Collection[str] = (),
    forward_sequences: bool = False,
    varying: Mapping[str, Collection[str]] | None = None,
) -> StateDifferences:
    """How `found` differs from `expected`.

    `accepted` are object names whose difference is expected; naming a table accepts what belongs to it, rows
    included. With `forward_sequences` a sequence that only moved forward is no difference: numbers may be skipped,
    never handed out twice. `varying` names, by table, columns whose values are no difference.
    """
    varying = varying or {}
    objects, taken = [], []
    for each in diff(expected.catalog, found.catalog).all:
        names = {each.object}
        names |= {f"table:{table_of(catalog, each.object)}" for catalog in (expected.catalog, found.catalog)}
        if _is_not_null(each.object, expected.catalog, found.catalog):
            names.add(each.goes_with)
        if names & set(accepted):
            taken.append(each.object)
        elif not (forward_sequences and only_moved_forward(expected.catalog, found.catalog, each.object)):
            objects.append((each.object, each.detail or each.kind))
    rows: list[tuple[str, str]] = []
    evidence: list[Evidence] = []
    for each_table in differing_tables(expected, found, varying):
        name = f"table:{each_table.table}"
        differ = each_table.columns.keys()
        if differ and differ <= set(varying.get(each_table.table, ())) and each_table.only_values:
            continue
        if name in accepted:
            taken.append(name)
            continue
        rows.append((name, each_table.summary))
        evidence += each_table.evidence
    if evidence or not objects:
        return StateDifferences(tuple(objects), tuple(rows), tuple(taken), tuple(evidence))
    listed = Evidence.of("Objects that differ", ("object", "difference"), objects)
    return StateDifferences(tuple(objects), tuple(rows), tuple(taken), (listed,))


def _is_not_null(name: str, *catalogs: Catalog) -> bool:
    """True for the constraint by which newer servers keep that a column is NOT NULL."""
    kind, _, rest = name.partition(":")
    found = [catalog.constraints[rest] for catalog in catalogs if kind == "constraint" and rest in catalog.constraints]
    return any(each.type == "not_null" for each in found)


def table_of(catalog: Catalog, name: str) -> str | None:
    """The table that an object belongs to, None where it belongs to none."""
    kind, _, rest = name.partition(":")
    if kind == "index":
        index = catalog.indexes.get(rest)
        return index.table if index is not None else None
    if kind == "sequence":
        sequence = catalog.sequences.get(rest)
        column = catalog.columns.get(sequence.owned_by) if sequence is not None and sequence.owned_by else None
        return column.table if column is not None else None
    members = {
        "column": catalog.columns, "constraint": catalog.constraints, "trigger": catalog.triggers,
        "policy": catalog.policies, "rule": catalog.rules,
    }.get(kind)  # fmt: skip
    member = members.get(rest) if members is not None else None
    return member.table if member is not None else None


def only_moved_forward(expected: Catalog, found: Catalog, name: str) -> bool:
    """True where the object is a sequence that differs in nothing but its position, which moved on."""
    kind, _, sequence = name.partition(":")
    old, new = expected.sequences.get(sequence), found.sequences.get(sequence)
    if kind != "sequence" or old is None or new is None:
        return False
    if replace(old, last_value=new.last_value, is_called=new.is_called) != new:
        return False
    if old.last_value is None or new.last_value is None:
        return False
    was, now = (old.last_value, bool(old.is_called)), (new.last_value, bool(new.is_called))
    return now >= was if old.increment > 0 else (-now[0], now[1]) >= (-was[0], was[1])
