"""What a database's catalog says: all its objects by name."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from pytest_cutover.catalog.objects import (
    CatalogObject,
    Column,
    Constraint,
    Extension,
    Function,
    Index,
    Other,
    Policy,
    Rule,
    Schema,
    Sequence,
    Table,
    Trigger,
    Type,
    View,
)


def _in_order(mapping: Mapping[str, CatalogObject]) -> Iterable[tuple[str, CatalogObject]]:
    """The objects by name; columns by table and position, as they are read."""
    return mapping.items() if mapping and isinstance(next(iter(mapping.values())), Column) else sorted(mapping.items())


@dataclass(frozen=True)
class Catalog:
    """All objects of a database but the system's and those of extensions, by their names.

    `others` has "kind:name" as keys, all other mappings the name alone.
    """

    server_version: int
    schemas: Mapping[str, Schema] = field(default_factory=dict)
    tables: Mapping[str, Table] = field(default_factory=dict)
    columns: Mapping[str, Column] = field(default_factory=dict)
    constraints: Mapping[str, Constraint] = field(default_factory=dict)
    indexes: Mapping[str, Index] = field(default_factory=dict)
    sequences: Mapping[str, Sequence] = field(default_factory=dict)
    views: Mapping[str, View] = field(default_factory=dict)
    functions: Mapping[str, Function] = field(default_factory=dict)
    triggers: Mapping[str, Trigger] = field(default_factory=dict)
    policies: Mapping[str, Policy] = field(default_factory=dict)
    rules: Mapping[str, Rule] = field(default_factory=dict)
    types: Mapping[str, Type] = field(default_factory=dict)
    extensions: Mapping[str, Extension] = field(default_factory=dict)
    others: Mapping[str, Other] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Catalog of {len(self.tables)} tables, server {self.server_version}>"

    def objects(self) -> Mapping[str, CatalogObject]:
        """Every object by "kind:name", in a fixed order: kind by kind, then by name."""
        return self._objects

    def columns_of(self, table: str) -> tuple[Column, ...]:
        """The columns of a table or view in their order; empty where there is no such table."""
        if table in self.views:
            return self.views[table].columns
        return self._columns_by_table.get(table, ())

    def primary_key(self, table: str) -> tuple[str, ...]:
        """The columns of the table's primary key in the key's order; empty when it has none."""
        return self._primary_keys.get(table, ())

    def to_json(self) -> dict[str, Any]:
        """The catalog as plain lists, dictionaries and values."""
        from pytest_cutover.catalog.document import to_document

        return to_document(self)

    @classmethod
    def from_json(cls, document: dict[str, Any]) -> Catalog:
        """The catalog that `to_json` wrote.

        Raises:
            CutoverError: the document is of another format.
        """
        from pytest_cutover.catalog.document import from_document

        return from_document(document)

    @cached_property
    def _objects(self) -> dict[str, CatalogObject]:
        mappings: tuple[Mapping[str, CatalogObject], ...] = (
            self.schemas, self.extensions, self.types, self.tables, self.columns, self.constraints, self.indexes,
            self.sequences, self.views, self.functions, self.triggers, self.policies, self.rules,
        )  # fmt: skip
        named = {f"{each.kind_name}:{name}": each for mapping in mappings for name, each in _in_order(mapping)}
        return named | dict(_in_order(self.others))

    @cached_property
    def _columns_by_table(self) -> dict[str, tuple[Column, ...]]:
        grouped: dict[str, list[Column]] = {}
        for column in self.columns.values():
            grouped.setdefault(column.table, []).append(column)
        return {table: tuple(sorted(found, key=lambda each: each.position)) for table, found in grouped.items()}

    @cached_property
    def _primary_keys(self) -> dict[str, tuple[str, ...]]:
        return {each.table: each.columns for each in self.constraints.values() if each.type == "primary_key"}
