"""Builds the catalog from the rows of the queries. Pure: no server is needed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from operator import attrgetter
from typing import Any, TypeVar

from pytest_cutover.catalog import codes, objects
from pytest_cutover.catalog.acl import parse_acl
from pytest_cutover.catalog.model import Catalog
from pytest_cutover.catalog.objects import CatalogObject, Column, Constraint, Index, Other, Policy, Rule, Trigger
from pytest_cutover.catalog.rows import (
    make_column,
    make_extension,
    make_function,
    make_schema,
    make_table,
    make_type,
    make_view,
    name_suspended,
)
from pytest_cutover.errors import CutoverError
from pytest_cutover.names import DEFAULT_SCHEMA, format_name, quote_part

POSITIONS = "positions"
"""What the names of the queries begin with that tell where sequences stand."""

_VIEW_KINDS = ("v", "m")

_Object = TypeVar("_Object", bound=CatalogObject)


def build(version: int, records: Mapping[str, list[Any]]) -> Catalog:
    """The catalog that the rows of the queries describe.

    Raises:
        CutoverError: they hold a code that is not known, or two objects of one name.
    """
    return _Builder(records).build(version)


class _Builder:
    """Knows which relation and column an oid and a number mean."""

    def __init__(self, records: Mapping[str, list[Any]]) -> None:
        self._records = records
        self._relations = {row.oid: format_name(row.schema, row.name) for row in records["relations"]}
        self._own = {row.oid: self._relations[row.oid] for row in records["relations"] if not row.of_extension}
        self._names: dict[tuple[int, int], str] = {}
        self._columns: dict[int, list[Column]] = {}
        for row in records["columns"]:
            self._names[row.relation, row.number] = row.name
            siblings = self._columns.setdefault(row.relation, [])
            siblings.append(make_column(row, self._relations.get(row.relation, ""), len(siblings) + 1))

    def build(self, version: int) -> Catalog:
        records = self._records
        relations = [row for row in records["relations"] if row.oid in self._own]
        tables = [row for row in relations if row.kind not in _VIEW_KINDS]
        views = [row for row in relations if row.kind in _VIEW_KINDS]
        return Catalog(
            version,
            schemas=_by_name(map(make_schema, records["schemas"])),
            tables=_by_name(map(make_table, tables)),
            columns=_by_name(column for row in tables for column in self._columns.get(row.oid, ())),
            constraints=_by_name(self._constraints()),
            indexes=_by_name(self._indexes()),
            sequences=_by_name(self._sequences()),
            views=_by_name(make_view(row, self._columns.get(row.oid, ())) for row in views),
            functions=_by_name(map(make_function, records["functions"])),
            triggers=_by_name(map(self._trigger, self._members("triggers"))),
            policies=_by_name(map(self._policy, self._members("policies"))),
            rules=_by_name(map(self._rule, self._members("rules"))),
            types=_by_name(make_type(row, self._columns.get(row.relation, ())) for row in records["types"]),
            extensions=_by_name(map(make_extension, records["extensions"])),
            others=_by_name(map(self._other, records["others"]), lambda each: f"{each.kind}:{each.name}"),
        )

    def _members(self, name: str) -> list[Any]:
        """The rows that belong to relations of the database's own."""
        return [row for row in self._records[name] if row.relation in self._own]

    def _constraints(self) -> Iterator[Constraint]:
        rows = self._members("constraints")
        parents = {row.parent for row in rows if row.parent}
        parent_names = {row.oid: self._member(row) for row in rows if row.oid in parents}
        names = self._names
        for row in rows:
            relation = row.relation
            # By position: by name takes a third longer, and there are thousands.
            yield Constraint(
                self._relations[relation],
                row.name,
                codes.CONSTRAINT_TYPES[row.type],
                row.definition if row.validated else row.definition.removesuffix(" NOT VALID"),
                row.validated,
                row.deferrable,
                row.deferred,
                tuple([names[relation, number] for number in row.key if number > 0]) if row.key else (),
                self._relations[row.references] if row.references else None,
                (tuple([names[row.references, number] for number in row.references_key]) if row.references else ()),
                tuple(name_suspended(row.suspended)) if row.suspended else (),
                parent_names[row.parent] if row.parent else None,
                row.comment,
            )

    def _indexes(self) -> Iterator[Index]:
        rows = self._members("indexes")
        parents = {row.parent for row in rows if row.parent}
        parent_names = {row.oid: format_name(row.schema, row.name) for row in rows if row.oid in parents}
        serves = {row.index: self._member(row) for row in self._members("constraints") if row.type in ("p", "u", "x")}
        names = self._names
        for row in rows:
            relation = row.relation
            numbers = [int(number) for number in row.columns.split()]
            keys = row.expressions or [names[relation, number] for number in numbers[: row.keys]]
            yield Index(
                row.schema,
                row.name,
                self._relations[relation],
                row.definition,
                row.method,
                tuple(keys),
                tuple([names[relation, number] for number in numbers[row.keys :]]),
                row.predicate,
                row.unique,
                row.primary,
                row.valid,
                row.ready,
                row.clustered,
                row.replica_identity,
                row.tablespace,
                tuple(row.statistics or ()),
                serves.get(row.oid),
                parent_names[row.parent] if row.parent else None,
                row.comment,
            )

    def _sequences(self) -> Iterator[objects.Sequence]:
        standing = {
            row.oid: (row.last_value, row.is_called)
            for name in self._records
            if name.startswith(POSITIONS)
            for row in self._records[name]
        }
        for row in self._records["sequences"]:
            position = (row.last_value, row.is_called)
            if row.is_called is None:
                position = standing.get(row.oid, (None, None)) if row.last_value is None else (row.last_value, True)
            owner = self._relations.get(row.relation)
            yield objects.Sequence(
                schema=row.schema,
                name=row.name,
                type=row.type,
                start=row.start,
                increment=row.increment,
                minimum=row.minimum,
                maximum=row.maximum,
                cache=row.cache,
                cycle=row.cycle,
                persistence=codes.PERSISTENCE[row.persistence],
                owner=row.owner,
                owned_by=f"{owner}.{quote_part(self._names[row.relation, row.number])}" if owner is not None else None,
                identity=row.dependency == "i",
                last_value=position[0],
                is_called=position[1],
                acl=parse_acl(row.acl),
                comment=row.comment,
            )

    def _trigger(self, row: Any) -> Trigger:
        parent = None
        if row.parent_name is not None:
            parent = f"{self._relations[row.parent_relation]}.{quote_part(row.parent_name)}"
        return Trigger(
            table=self._relations[row.relation],
            name=row.name,
            definition=row.definition,
            enabled=codes.ENABLED[row.enabled],
            parent=parent,
            comment=row.comment,
        )

    def _policy(self, row: Any) -> Policy:
        return Policy(
            table=self._relations[row.relation],
            name=row.name,
            command=codes.COMMANDS[row.command],
            roles=tuple(row.roles),
            permissive=row.permissive,
            using=row.using,
            check=row.check,
            comment=row.comment,
        )

    def _rule(self, row: Any) -> Rule:
        return Rule(
            table=self._relations[row.relation],
            name=row.name,
            definition=row.definition,
            enabled=codes.ENABLED[row.enabled],
            comment=row.comment,
        )

    def _other(self, row: Any) -> Other:
        middle = format_name(row.schema or DEFAULT_SCHEMA, row.name) if row.name else ""
        return Other(
            kind=row.kind,
            name=f"{row.prefix}{middle}{row.suffix}",
            attributes=tuple(
                (word, codes.OTHERS[row.kind, word][value] if value and (row.kind, word) in codes.OTHERS else value)
                for word, value in zip(row.attributes[::2], row.attributes[1::2], strict=True)
            ),
            table=self._relations.get(row.relation),
            owner=row.owner,
            acl=parse_acl(row.acl),
            comment=row.comment,
        )

    def _member(self, row: Any) -> str:
        """The full name of what belongs to a relation."""
        return f"{self._relations[row.relation]}.{quote_part(row.name)}"


def _by_name(
    made: Iterable[_Object], name_of: Callable[[_Object], str] = attrgetter("full_name")
) -> dict[str, _Object]:
    """The objects by their names.

    Raises:
        CutoverError: two have the same name.
    """
    named: dict[str, _Object] = {}
    for each in made:
        name = name_of(each)
        if name in named:
            raise CutoverError(f"two objects of kind {each.kind_name} are called {name}; they cannot be told apart")
        named[name] = each
    return named
