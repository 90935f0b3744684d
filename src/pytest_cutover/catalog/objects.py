"""The objects of a catalog, one frozen dataclass per kind.

`full_name` is the object's name as `pytest_cutover.names` spells it and its key in the mappings of `Catalog`. A
table's name inside another object (`Column.table`) is spelled the same way. Types, expressions and definitions are as
PostgreSQL prints them with an empty search path. Nothing here is different in two restores of one dump: no oids.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass, fields
from typing import Any, ClassVar

from pytest_cutover.catalog.acl import Acl
from pytest_cutover.names import format_name, quote_part


@dataclass(frozen=True, slots=True)
class CatalogObject(ABC):
    """What all objects have in common."""

    KIND: ClassVar[str]

    @property
    @abstractmethod
    def full_name(self) -> str:
        """The name as plans spell it, without the kind."""

    @property
    def kind_name(self) -> str:
        """The kind as plans spell it."""
        return self.KIND


@dataclass(frozen=True, slots=True)
class InSchema(CatalogObject):
    """An object that lies in a schema."""

    schema: str
    name: str

    @property
    def full_name(self) -> str:
        return format_name(self.schema, self.name)


@dataclass(frozen=True, slots=True)
class OfTable(CatalogObject):
    """An object that belongs to a table or view and whose name is unique only there."""

    table: str
    name: str

    @property
    def full_name(self) -> str:
        return f"{self.table}.{quote_part(self.name)}"


@dataclass(frozen=True, slots=True)
class Schema(CatalogObject):
    """A schema; the system's own are left out."""

    KIND = "schema"

    name: str
    owner: str
    acl: Acl = ()
    comment: str | None = None

    @property
    def full_name(self) -> str:
        return quote_part(self.name)


@dataclass(frozen=True, slots=True)
class Table(InSchema):
    """A table: `kind` is table, partitioned or foreign; `persistence` permanent or unlogged."""

    KIND = "table"

    kind: str
    persistence: str
    owner: str
    rls_enabled: bool = False
    rls_forced: bool = False
    inherits: tuple[str, ...] = ()
    partition_of: str | None = None
    partition_bound: str | None = None
    partition_key: str | None = None
    of_type: str | None = None
    options: tuple[str, ...] = ()
    access_method: str | None = None
    tablespace: str | None = None
    replica_identity: str = "default"
    server: str | None = None
    server_options: tuple[str, ...] = ()
    acl: Acl = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Column(OfTable):
    """A column. `position` counts the living columns from 1; `nullable` says that a row may hold NULL there.

    `collation`, `storage`, `compression`, `statistics` are None where they are the type's or the server's default;
    `identity` is "always" or "by default"; `generated` is "stored" or "virtual", its expression then in `default`.
    """

    KIND = "column"

    position: int
    type: str
    nullable: bool = True
    default: str | None = None
    identity: str | None = None
    generated: str | None = None
    collation: str | None = None
    storage: str | None = None
    compression: str | None = None
    statistics: int | None = None
    options: tuple[str, ...] = ()
    server_options: tuple[str, ...] = ()
    acl: Acl = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Constraint(OfTable):
    """A constraint of a table. `definition` is PostgreSQL's, without a closing NOT VALID: `validated` says that.

    `type` is primary_key, unique, foreign_key, check, exclusion, not_null or trigger. `references` is the other table
    of a foreign key. `suspended` names the tables where the triggers that enforce it do not fire as they should.
    `parent` is the constraint of the partitioned table that this one was made for.
    """

    KIND = "constraint"

    type: str
    definition: str
    validated: bool = True
    deferrable: bool = False
    deferred: bool = False
    columns: tuple[str, ...] = ()
    references: str | None = None
    references_columns: tuple[str, ...] = ()
    suspended: tuple[str, ...] = ()
    parent: str | None = None
    comment: str | None = None

    @property
    def enforced(self) -> bool:
        """Whether rows are held to it at all: since PostgreSQL 18 one may be NOT ENFORCED."""
        return not self.definition.endswith(" NOT ENFORCED")


@dataclass(frozen=True, slots=True)
class Index(InSchema):
    """An index. `columns` are its keys (an expression where it is none), `constraint` the one that it serves."""

    KIND = "index"

    table: str
    definition: str
    method: str
    columns: tuple[str, ...]
    included: tuple[str, ...] = ()
    predicate: str | None = None
    unique: bool = False
    primary: bool = False
    valid: bool = True
    ready: bool = True
    clustered: bool = False
    replica_identity: bool = False
    tablespace: str | None = None
    statistics: tuple[str, ...] = ()
    constraint: str | None = None
    parent: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Sequence(InSchema):
    """A sequence. `last_value` and `is_called` are its position, None where it may not be read."""

    KIND = "sequence"

    type: str
    start: int
    increment: int
    minimum: int
    maximum: int
    cache: int
    cycle: bool
    persistence: str
    owner: str
    owned_by: str | None = None
    identity: bool = False
    last_value: int | None = None
    is_called: bool | None = None
    acl: Acl = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class View(InSchema):
    """A view or materialized view with its columns; `populated` has a meaning only for the latter."""

    KIND = "view"

    materialized: bool
    definition: str
    owner: str
    columns: tuple[Column, ...] = ()
    populated: bool = True
    options: tuple[str, ...] = ()
    access_method: str | None = None
    tablespace: str | None = None
    acl: Acl = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Function(CatalogObject):
    """A function, procedure, aggregate or window function, told apart by its argument types as in `f(integer)`."""

    KIND = "function"

    schema: str
    name: str
    argument_types: str
    kind: str
    arguments: str
    returns: str | None
    language: str
    body: str
    volatility: str
    owner: str
    strict: bool = False
    security_definer: bool = False
    leakproof: bool = False
    parallel: str = "unsafe"
    cost: float = 100.0
    rows: float = 0.0
    support: str | None = None
    transforms: tuple[str, ...] = ()
    settings: tuple[str, ...] = ()
    acl: Acl = ()
    comment: str | None = None

    @property
    def full_name(self) -> str:
        return f"{format_name(self.schema, self.name)}({self.argument_types})"

    @property
    def kind_name(self) -> str:
        return "aggregate" if self.kind == "aggregate" else self.KIND


@dataclass(frozen=True, slots=True)
class Trigger(OfTable):
    """A trigger of a table or view. `enabled` is enabled, disabled, replica or always."""

    KIND = "trigger"

    definition: str
    enabled: str = "enabled"
    parent: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Policy(OfTable):
    """A row-level security policy. `command` is ALL or one of SELECT, INSERT, UPDATE, DELETE."""

    KIND = "policy"

    command: str
    roles: tuple[str, ...]
    permissive: bool = True
    using: str | None = None
    check: str | None = None
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Rule(OfTable):
    """A rewrite rule, views' own left out. `enabled` as for a trigger."""

    KIND = "rule"

    definition: str
    enabled: str = "enabled"
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class DomainConstraint:
    """A constraint of a domain, its definition without a closing NOT VALID."""

    name: str
    definition: str
    validated: bool = True
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Type(InSchema):
    """A type: `kind` is enum, domain, composite, range, base or shell. What the kind has no use for is empty."""

    KIND = "type"

    kind: str
    owner: str
    labels: tuple[str, ...] = ()
    base: str | None = None
    nullable: bool = True
    default: str | None = None
    collation: str | None = None
    constraints: tuple[DomainConstraint, ...] = ()
    attributes: tuple[Column, ...] = ()
    details: tuple[str, ...] = ()
    acl: Acl = ()
    comment: str | None = None


@dataclass(frozen=True, slots=True)
class Extension(CatalogObject):
    """An installed extension. The objects that belong to it are not in the catalog."""

    KIND = "extension"

    name: str
    version: str
    schema: str
    owner: str
    comment: str | None = None

    @property
    def full_name(self) -> str:
        return quote_part(self.name)


@dataclass(frozen=True, slots=True)
class Other(CatalogObject):
    """An object of a rarer kind: its attributes as pairs of a word and a value, None where it has none.

    `table` is the table that it goes with, if any.
    """

    kind: str
    name: str
    attributes: tuple[tuple[str, str | None], ...] = ()
    table: str | None = None
    owner: str | None = None
    acl: Acl = ()
    comment: str | None = None

    @property
    def full_name(self) -> str:
        return self.name

    @property
    def kind_name(self) -> str:
        return self.kind


FIELDS: dict[type, dict[str, Any]] = {
    cls: {each.name: each.default for each in fields(cls)}
    for cls in (
        Schema, Table, Column, Constraint, Index, Sequence, View, Function, Trigger, Policy, Rule, Type,
        DomainConstraint, Extension, Other,
    )
}  # fmt: skip
"""The fields of every class above with their defaults, `dataclasses.MISSING` where there is none."""
