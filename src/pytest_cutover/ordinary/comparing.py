"""In what two runs of one migration differ that are not of the same account."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields, replace
from typing import Any

from pytest_cutover.catalog import Catalog, diff
from pytest_cutover.catalog.acl import Acl
from pytest_cutover.catalog.objects import CatalogObject, Column
from pytest_cutover.content import differing_tables
from pytest_cutover.content.differences import RowDifferences, rows
from pytest_cutover.database import Database
from pytest_cutover.ordinary.model import Refused
from pytest_cutover.state import table_of

_OWNER = "owner"


def are_alike(after: Database, ordinary: Database, role: str) -> bool:
    """True where both runs left the same, whoever owns and has granted it; sequences may stand elsewhere."""
    catalogs = unowned(after.catalog, role), unowned(ordinary.catalog, role)
    return not diff(*catalogs, sequences=False) and not differing_tables(after, ordinary)


def compare(after: Database, same: Database, ordinary: Database, role: str) -> tuple[list[Refused], list[str]]:
    """What the ordinary run left otherwise than `same`, where the same role was a superuser; and what cannot be compared.

    In what `same` differs from `after` no two runs agree, as in the time of day or the name of who runs it.
    """
    found = []
    restless = {
        each.object
        for each in diff(unowned(after.catalog, role), unowned(same.catalog, role), sequences=False).all
        if each.kind != "altered"
    }
    for each in diff(same.catalog, ordinary.catalog, sequences=False).all:
        if each.object not in restless and not each.goes_with:
            told = {"dropped": "does not leave", "added": "leaves", "altered": "leaves otherwise"}[each.kind]
            table = table_of(same.catalog, each.object) or each.object.removeprefix("table:")
            found.append(
                Refused(
                    each.object, f"an ordinary owner's run {told} {each.object} ({each.detail or each.kind})", table
                )
            )
    varying = {each.table: each for each in differing_tables(after, same)}
    uncompared = []
    for rows_ in differing_tables(same, ordinary):
        if rows_.only_in is not None:
            continue  # The table itself is among the objects.
        known = varying.get(rows_.table)
        if known is None or (known.only_values and not _is_within(rows_, known)):
            found.append(_other_rows(rows_.table, rows_.summary))
        elif not known.only_values:
            if known.before == known.after != rows_.after:
                counts = f"{rows(rows_.after)} instead of {rows_.before:,}"
                found.append(_other_rows(rows_.table, counts))
            else:
                uncompared.append(rows_.table)
    return found, uncompared


def _is_within(found: RowDifferences, known: RowDifferences) -> bool:
    """True where only values differ, and only of columns that differ in each run."""
    return found.only_values and found.columns.keys() <= known.columns.keys()


def _other_rows(table: str, how: str) -> Refused:
    return Refused(f"table:{table}", f"an ordinary owner's run leaves other rows in {table}: {how}", table)


def unowned(catalog: Catalog, role: str) -> Catalog:
    """The catalog with `owner` for each object's owner, without grantors and what the role was given by us."""
    changed: dict[str, dict[str, CatalogObject]] = {}
    for each in fields(catalog):
        objects = getattr(catalog, each.name)
        if isinstance(objects, Mapping):
            changed[each.name] = {name: _unowned(found, catalog, role) for name, found in objects.items()}
    return replace(catalog, **changed)  # type: ignore[arg-type]


def _unowned(found: CatalogObject, catalog: Catalog, role: str) -> CatalogObject:
    table = catalog.tables.get(found.table) if isinstance(found, Column) else None
    owner = table.owner if table is not None else getattr(found, "owner", None)
    changes: dict[str, Any] = {}
    if getattr(found, "owner", None):
        changes["owner"] = _OWNER
    if getattr(found, "acl", ()):
        changes["acl"] = _ungranted(found.acl, owner, role)  # type: ignore[attr-defined]
    return replace(found, **changes) if changes else found


def _ungranted(acl: Acl, owner: str | None, role: str) -> Acl:
    return tuple(
        sorted(
            {
                grant._replace(grantee=_OWNER if grant.grantee == owner else grant.grantee, grantor="")
                for grant in acl
                if grant.grantee != role or owner == role
            }
        )
    )
