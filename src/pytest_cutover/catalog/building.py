"""Builds the catalog from the rows of the queries. Pure: no server is needed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pytest_cutover.catalog.acl import parse_acl
from pytest_cutover.catalog.model import (
    Catalog,
    CatalogObject,
    Column,
    Constraint,
    DomainConstraint,
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
from pytest_cutover.errors import CutoverError
from pytest_cutover.names import format_name, quote_part

_TABLE_KINDS = {"r": "table", "p": "partitioned", "f": "foreign"}
_VIEW_KINDS = {"v": False, "m": True}
_PERSISTENCE = {"p": "permanent", "u": "unlogged"}
_REPLICA_IDENTITY = {"d": "default", "n": "nothing", "f": "full", "i": "index"}
_IDENTITY = {None: None, "a": "always", "d": "by default"}
_GENERATED = {None: None, "s": "stored", "v": "virtual"}
_STORAGE = {None: None, "p": "plain", "e": "external", "m": "main", "x": "extended"}
_COMPRESSION = {None: None, "p": "pglz", "l": "lz4"}
_CONSTRAINT_TYPES = {
    "p": "primary_key", "u": "unique", "f": "foreign_key", "c": "check", "x": "exclusion", "n": "not_null",
    "t": "trigger",
}
_ENABLED = {"O": "enabled", "D": "disabled", "R": "replica", "A": "always"}
_COMMANDS = {"*": "ALL", "r": "SELECT", "a": "INSERT", "w": "UPDATE", "d": "DELETE"}
_FUNCTION_KINDS = {"f": "function", "p": "procedure", "a": "aggregate", "w": "window"}
_VOLATILITY = {"i": "immutable", "s": "stable", "v": "volatile"}
_PARALLEL = {"s": "safe", "r": "restricted", "u": "unsafe"}
_TYPE_KINDS = {"e": "enum", "d": "domain", "c": "composite", "r": "range", "b": "base", "p": "shell"}
_OWNERSHIP = {None: False, "a": False, "i": True}

_Word = TypeVar("_Word")
_Object = TypeVar("_Object", bound=CatalogObject)


def _word(words: Mapping[Any, _Word], code: Any, what: str) -> _Word:
    """The word for a code of the catalog.

    Raises:
        CutoverError: the code is not known here.
    """
    try:
        return words[code]
    except KeyError:
        raise CutoverError(
            f"the server reports an unknown {what} {code!r}; this version of pytest-cutover does not know it"
        ) from None


def build(version: int, records: Mapping[str, list[Any]]) -> Catalog:
    """The catalog that the rows of the queries describe."""
    relations = {row.oid: format_name(row.schema, row.name) for row in records["relations"]}
    columns, names = _columns(records["columns"], relations)
    constraints = _constraints(records["constraints"], relations, names)
    constraint_of_index = {
        row.index: f"{relations[row.relation]}.{quote_part(row.name)}"
        for row in records["constraints"]
        if row.type in ("p", "u", "x")
    }
    views = {row.oid for row in records["relations"] if row.kind in _VIEW_KINDS}
    return Catalog(
        version,
        schemas=_by_name(Schema(row.name, row.owner, parse_acl(row.acl), row.comment) for row in records["schemas"]),
        tables=_by_name(_table(row) for row in records["relations"] if row.oid not in views),
        columns=_by_name(
            column for oid in relations if oid not in views for column in columns.get(oid, ())
        ),
        constraints=_by_name(constraints),
        indexes=_by_name(_indexes(records["indexes"], relations, names, constraint_of_index)),
        sequences=_by_name(_sequences(records["sequences"], records["positions"], relations, names)),
        views=_by_name(_view(row, columns) for row in records["relations"] if row.oid in views),
        functions=_by_name(_function(row) for row in records["functions"]),
        triggers=_by_name(_trigger(row, relations) for row in records["triggers"]),
        policies=_by_name(_policy(row, relations) for row in records["policies"]),
        rules=_by_name(
            Rule(relations[row.relation], row.name, row.definition, _word(_ENABLED, row.enabled, "rule state"),
                 row.comment)
            for row in records["rules"]
        ),
        types=_by_name(_type(row, columns) for row in records["types"]),
        extensions=_by_name(
            Extension(row.name, row.version, row.schema, row.owner, row.comment) for row in records["extensions"]
        ),
        others={f"{each.kind}:{each.name}": each for each in (_other(row, relations) for row in records["others"])},
    )


def _by_name(objects: Iterable[_Object]) -> dict[str, _Object]:
    """The objects by their names.

    Raises:
        CutoverError: two have the same name.
    """
    named: dict[str, _Object] = {}
    for each in objects:
        name = each.full_name
        if named.setdefault(name, each) is not each:
            raise CutoverError(f"two objects of the database are called {each.kind_name}:{name}")
    return named


def _columns(
    rows: Iterable[Any], relations: Mapping[int, str]
) -> tuple[dict[int, list[Column]], dict[tuple[int, int], str]]:
    """The columns of each relation, and the name behind each relation and number."""
    grouped: dict[int, list[Column]] = {}
    names: dict[tuple[int, int], str] = {}
    for row in rows:
        names[row.relation, row.number] = row.name
        siblings = grouped.setdefault(row.relation, [])
        siblings.append(
            Column(
                relations.get(row.relation, ""), row.name, len(siblings) + 1, row.type, not row.not_null, row.default,
                _word(_IDENTITY, row.identity, "kind of identity"),
                _word(_GENERATED, row.generated, "kind of generated column"),
                row.collation, _word(_STORAGE, row.storage, "storage"),
                _word(_COMPRESSION, row.compression, "compression"), row.statistics,
                _sorted(row.options), _sorted(row.server_options), parse_acl(row.acl), row.comment,
            )
        )
    return grouped, names


def _sorted(items: list[str] | None) -> tuple[str, ...]:
    return tuple(sorted(items)) if items else ()


def _table(row: Any) -> Table:
    parents = tuple(format_name(*parent) for parent in row.parents or ())
    return Table(
        row.schema, row.name, _word(_TABLE_KINDS, row.kind, "kind of table"),
        _word(_PERSISTENCE, row.persistence, "persistence"), row.owner, row.rls_enabled, row.rls_forced,
        () if row.is_partition else parents, parents[0] if row.is_partition else None, row.partition_bound,
        row.partition_key, row.of_type,
        _sorted((row.options or []) + [f"toast.{option}" for option in row.toast_options or []]),
        row.access_method, row.tablespace, _word(_REPLICA_IDENTITY, row.replica_identity, "replica identity"),
        row.server, _sorted(row.server_options), parse_acl(row.acl), row.comment,
    )


def _view(row: Any, columns: Mapping[int, list[Column]]) -> View:
    return View(
        row.schema, row.name, _word(_VIEW_KINDS, row.kind, "kind of view"), row.definition, row.owner,
        tuple(columns.get(row.oid, ())), row.populated, _sorted(row.options), row.access_method, row.tablespace,
        parse_acl(row.acl), row.comment,
    )


def _constraints(
    rows: Iterable[Any], relations: Mapping[int, str], names: Mapping[tuple[int, int], str]
) -> list[Constraint]:
    rows = list(rows)
    by_oid = {row.oid: f"{relations[row.relation]}.{quote_part(row.name)}" for row in rows}
    return [
        Constraint(
            relations[row.relation], row.name, _word(_CONSTRAINT_TYPES, row.type, "type of constraint"),
            _without_not_valid(row.definition, row.validated), row.validated, row.deferrable, row.deferred,
            tuple([names[row.relation, number] for number in row.key or ()]),
            format_name(row.references_schema, row.references_name) if row.references_name is not None else None,
            tuple(row.references_columns or ()),
            tuple(
                f"{format_name(schema, table)} {_word(_ENABLED, state, 'trigger state')}"
                for schema, table, state in row.suspended or ()
            ),
            by_oid.get(row.parent), row.comment,
        )
        for row in rows
    ]


def _without_not_valid(definition: str, validated: bool) -> str:
    return definition if validated else definition.removesuffix(" NOT VALID")


def _indexes(
    rows: Iterable[Any],
    relations: Mapping[int, str],
    names: Mapping[tuple[int, int], str],
    constraint_of: Mapping[int, str],
) -> list[Index]:
    rows = list(rows)
    by_oid = {row.oid: format_name(row.schema, row.name) for row in rows}
    indexes = []
    for row in rows:
        numbers = [int(number) for number in row.columns.split()]
        keys = row.expressions or [names[row.relation, number] for number in numbers[: row.keys]]
        indexes.append(
            Index(
                row.schema, row.name, relations[row.relation], row.definition, row.method, tuple(keys),
                tuple([names[row.relation, number] for number in numbers[row.keys :]]), row.predicate, row.unique,
                row.primary, row.valid, row.ready, row.clustered, row.replica_identity, row.tablespace,
                tuple(row.statistics or ()), constraint_of.get(row.oid), by_oid.get(row.parent), row.comment,
            )
        )
    return indexes


def _sequences(
    rows: Iterable[Any],
    positions: Iterable[Any],
    relations: Mapping[int, str],
    names: Mapping[tuple[int, int], str],
) -> list[Sequence]:
    standing = {row.oid: (row.last_value, row.is_called) for row in positions}
    sequences = []
    for row in rows:
        last_value, is_called = row.last_value, row.is_called
        if is_called is None:
            last_value, is_called = (last_value, True) if last_value is not None else standing.get(row.oid, (None, None))
        owned_by = None
        if row.relation in relations:
            owned_by = f"{relations[row.relation]}.{quote_part(names[row.relation, row.number])}"
        sequences.append(
            Sequence(
                row.schema, row.name, row.type, row.start, row.increment, row.minimum, row.maximum, row.cache,
                row.cycle, _word(_PERSISTENCE, row.persistence, "persistence"), row.owner, owned_by,
                _word(_OWNERSHIP, row.dependency, "ownership of a sequence"), last_value, is_called,
                parse_acl(row.acl), row.comment,
            )
        )
    return sequences


def _function(row: Any) -> Function:
    body = row.body if row.library is None else f"{row.library}, {row.body}"
    return Function(
        row.schema, row.name, _argument_types(row.argument_types, row.hidden or ()),
        _word(_FUNCTION_KINDS, row.kind, "kind of function"), row.arguments, row.returns, row.language,
        body if row.aggregate is None else row.aggregate, _word(_VOLATILITY, row.volatility, "volatility"), row.owner,
        row.strict, row.security_definer, row.leakproof, _word(_PARALLEL, row.parallel, "parallel safety"), row.cost,
        row.rows, row.support, tuple(row.transforms or ()), _sorted(row.settings), parse_acl(row.acl), row.comment,
    )


def _argument_types(listed: str, hidden: Iterable[str]) -> str:
    """The types as a plan spells them: without the schema where it is `public`, unless a built-in has the name."""
    if "public." not in listed:
        return listed
    kept = {f"public.{quote_part(name)}" for name in hidden}
    types = []
    for each in _split_types(listed):
        bare = each.removesuffix("[]")
        types.append(each if bare in kept else each.removeprefix("public."))
    return ", ".join(types)


def _split_types(listed: str) -> list[str]:
    """The types between the commas; a comma inside double quotes belongs to a name."""
    parts, quoted, start = [], False, 0
    for position, character in enumerate(listed):
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            parts.append(listed[start:position])
            start = position + 2
    return [*parts, listed[start:]]


def _trigger(row: Any, relations: Mapping[int, str]) -> Trigger:
    parent = None
    if row.parent_name is not None:
        parent = f"{format_name(row.parent_schema, row.parent_table)}.{quote_part(row.parent_name)}"
    return Trigger(
        relations[row.relation], row.name, row.definition, _word(_ENABLED, row.enabled, "trigger state"), parent,
        row.comment,
    )


def _policy(row: Any, relations: Mapping[int, str]) -> Policy:
    return Policy(
        relations[row.relation], row.name, _word(_COMMANDS, row.command, "command of a policy"), tuple(row.roles),
        row.permissive, row.using, row.check, row.comment,
    )


def _type(row: Any, columns: Mapping[int, list[Column]]) -> Type:
    return Type(
        row.schema, row.name, _word(_TYPE_KINDS, row.kind, "kind of type"), row.owner, tuple(row.labels or ()),
        row.base, not row.not_null, row.default, row.collation,
        tuple(
            DomainConstraint(name, _without_not_valid(definition, validated == "true"), validated == "true", comment)
            for name, definition, validated, comment in row.constraints or ()
        ),
        tuple(columns.get(row.relation, ())), tuple(row.details or ()), parse_acl(row.acl), row.comment,
    )


def _other(row: Any, relations: Mapping[int, str]) -> Other:
    pairs = zip(row.attributes[::2], row.attributes[1::2], strict=True)
    return Other(
        row.kind, format_name(row.schema or "public", row.name), tuple(pairs), relations.get(row.relation), row.owner,
        parse_acl(row.acl), row.comment,
    )
