"""An object in one line, for one that was added or dropped."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pytest_cutover.catalog import objects
from pytest_cutover.catalog.objects import (
    Column,
    Constraint,
    DomainConstraint,
    Function,
    Index,
    Other,
    Policy,
    Table,
    Type,
    View,
)


def describe(each: Any) -> str:
    """The object in a line: what it is, not what it is called."""
    return _DESCRIBE[type(each)](each)


def _column(each: Column) -> str:
    words = [each.type]
    if each.collation:
        words.append(f"collation {each.collation}")
    if not each.nullable:
        words.append("NOT NULL")
    if each.generated:
        words.append(f"generated {each.generated} as ({each.default})")
    elif each.default is not None:
        words.append(f"default {each.default}")
    if each.identity:
        words.append(f"identity {each.identity}")
    return " ".join(words)


def _table(each: Table) -> str:
    words = "table" if each.kind == "table" else f"{each.kind} table"
    if each.persistence != "permanent":
        words = f"{each.persistence} {words}"
    if each.partition_of:
        words += f", partition of {each.partition_of}"
    return words + _owner(each.owner)


def _owner(owner: str | None) -> str:
    """Who owns it, where the engine has owners."""
    return f", owner {owner}" if owner else ""


def _constraint(each: Constraint | DomainConstraint) -> str:
    return each.definition if each.validated else f"{each.definition} NOT VALID"


def _index(each: Index) -> str:
    return each.definition if each.valid else f"{each.definition} (INVALID)"


def _policy(each: Policy) -> str:
    words = f"{'permissive' if each.permissive else 'restrictive'} for {each.command} to {', '.join(each.roles)}"
    if each.using is not None:
        words += f" using ({each.using})"
    return words if each.check is None else f"{words} with check ({each.check})"


def _type(each: Type) -> str:
    if each.kind == "enum":
        return "enum " + ", ".join(f"'{label}'" for label in each.labels)
    if each.kind == "composite":
        return "composite " + ", ".join(f"{part.name} {part.type}" for part in each.attributes)
    if each.kind == "domain":
        collation = f" collation {each.collation}" if each.collation else ""
        return f"domain over {each.base}{collation}" + "".join(f" {_constraint(part)}" for part in each.constraints)
    return each.kind


def _other(each: Other) -> str:
    return ", ".join(f"{word} {value}" for word, value in each.attributes if value is not None)


_DESCRIBE: dict[type, Callable[[Any], str]] = {
    objects.Schema: lambda each: f"owner {each.owner}",
    Table: _table,
    Column: _column,
    Constraint: _constraint,
    DomainConstraint: _constraint,
    Index: _index,
    objects.Sequence: lambda each: each.type + (f", owned by {each.owned_by}" if each.owned_by else ""),
    View: lambda each: ("materialized view" if each.materialized else "view") + _owner(each.owner),
    Function: lambda each: f"{each.kind}" + (f" returns {each.returns}" if each.returns else ""),
    objects.Trigger: lambda each: (
        each.definition if each.enabled == "enabled" else f"{each.definition} ({each.enabled})"
    ),
    Policy: _policy,
    objects.Rule: lambda each: each.definition,
    Type: _type,
    objects.Extension: lambda each: f"version {each.version}",
    Other: _other,
}
