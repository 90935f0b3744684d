"""The words for kinds of objects, what they count in a catalog, and how a name in a plan finds its object."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Annotated, Any, Literal

from pydantic import AfterValidator

from pytest_cutover.catalog import Catalog, Constraint, Index, Trigger, View
from pytest_cutover.criteria.definitions import same_type
from pytest_cutover.names import DEFAULT_SCHEMA, parse_relation, quote_part, split_name
from pytest_cutover.plan.values import ObjectName

ObjectWord = Literal[
    "tables", "views", "materialized_views", "foreign_tables", "columns", "constraints", "primary_keys", "foreign_keys",
    "unique_constraints", "check_constraints", "exclusion_constraints", "indexes", "sequences", "functions", "triggers",
    "policies", "types", "enums", "domains", "schemas", "extensions", "rules",
]  # fmt: skip
"""What `object` may be."""

_Choose = Callable[[Catalog], Iterable[tuple[str, Any]]]


def _constraints(*kinds: str) -> _Choose:
    # NOT NULL is left out: only PostgreSQL 18 and later keep it as a constraint, so a count would depend on the server.
    return lambda catalog: (item for item in catalog.constraints.items() if item[1].type in kinds)


def _tables(*kinds: str) -> _Choose:
    return lambda catalog: (item for item in catalog.tables.items() if item[1].kind in kinds)


def _types(*kinds: str) -> _Choose:
    return lambda catalog: (item for item in catalog.types.items() if not kinds or item[1].kind in kinds)


_CHOOSE: dict[str, _Choose] = {
    "tables": _tables("table", "partitioned", "virtual"),
    "foreign_tables": _tables("foreign"),
    "views": lambda catalog: (item for item in catalog.views.items() if not item[1].materialized),
    "materialized_views": lambda catalog: (item for item in catalog.views.items() if item[1].materialized),
    "columns": lambda catalog: (
        item
        for item in catalog.columns.items()
        if catalog.tables[item[1].table].kind in ("table", "partitioned", "virtual")
    ),
    "constraints": _constraints("primary_key", "unique", "foreign_key", "check", "exclusion", "trigger"),
    "primary_keys": _constraints("primary_key"),
    "foreign_keys": _constraints("foreign_key"),
    "unique_constraints": _constraints("unique"),
    "check_constraints": _constraints("check"),
    "exclusion_constraints": _constraints("exclusion"),
    "indexes": lambda catalog: catalog.indexes.items(),
    "sequences": lambda catalog: catalog.sequences.items(),
    "functions": lambda catalog: catalog.functions.items(),
    "triggers": lambda catalog: catalog.triggers.items(),
    "policies": lambda catalog: catalog.policies.items(),
    "types": _types(),
    "enums": _types("enum"),
    "domains": _types("domain"),
    "schemas": lambda catalog: catalog.schemas.items(),
    "extensions": lambda catalog: catalog.extensions.items(),
    "rules": lambda catalog: catalog.rules.items(),
}

_PARTS = {
    "table": 2, "view": 2, "index": 2, "sequence": 2, "type": 2, "function": 2, "aggregate": 2,
    "column": 3, "constraint": 3, "trigger": 3, "policy": 3, "rule": 3,
}  # fmt: skip
"""How many parts a name has with its schema, by kind."""

_KIND_OF_WORD = {
    "tables": "table", "foreign_tables": "table", "views": "view", "materialized_views": "view", "columns": "column",
    "indexes": "index", "sequences": "sequence", "functions": "function", "triggers": "trigger", "policies": "policy",
    "types": "type", "enums": "type", "domains": "type", "schemas": "schema", "extensions": "extension",
    "rules": "rule",
}  # fmt: skip


def names_of(catalog: Catalog, word: str, schema: str | None = None) -> list[str]:
    """The names of the objects that the word means, in one schema or in all but the system's."""
    return sorted(name for name, item in _CHOOSE[word](catalog) if schema is None or _schema_of(item) == schema)


def kind_of_word(word: str) -> str:
    """The kind of object that the word counts: `foreign_keys` → `constraint`."""
    return _KIND_OF_WORD.get(word, "constraint")


def plain_name(kind: str, name: str) -> str:
    """The name as the catalog's keys spell it: without `public`, and a function's argument types in full."""
    if kind in ("function", "aggregate"):
        head, bracket, arguments = name.partition("(")
        if not bracket or not arguments.endswith(")"):
            raise ValueError(f'"{name}" lacks the argument types; write f(integer, text), or f() where there are none')
        return f"{_without_public(head, 2)}({arguments}"
    parts = _PARTS.get(kind)
    return name if parts is None else _without_public(name, parts)


def _without_public(name: str, with_schema: int) -> str:
    parts = split_name(name)
    if len(parts) > with_schema or len(parts) < with_schema - 1:
        raise ValueError(f'"{name}" has {len(parts)} parts; write {_shape(with_schema)}')
    if len(parts) == with_schema and parts[0] == DEFAULT_SCHEMA:
        parts = parts[1:]
    return ".".join(quote_part(part) for part in parts)


def _shape(with_schema: int) -> str:
    return "name or schema.name" if with_schema == 2 else "table.name or schema.table.name"


def _spelled(text: str) -> str:
    kind, _, name = text.partition(":")
    return f"{kind}:{plain_name(kind, name)}"


NamedObject = Annotated[ObjectName, AfterValidator(_spelled)]
"""`kind:name`, the name without `public`."""


def find_object(catalog: Catalog, text: str) -> Any:
    """The object of that `kind:name`, None where there is none; argument types may be aliases, as in f(int)."""
    found = catalog.objects().get(text)
    kind, _, name = text.partition(":")
    if found is None and kind in ("function", "aggregate"):
        head, _, arguments = name.removesuffix(")").partition("(")
        for other, function in catalog.functions.items():
            same_name = function.kind_name == kind and other.partition("(")[0] == head
            if same_name and _same_arguments(arguments, function.argument_types):
                return function
    return found


def _same_arguments(left: str, right: str) -> bool:
    mine, theirs = _split_arguments(left), _split_arguments(right)
    return len(mine) == len(theirs) and all(same_type(a, b) for a, b in zip(mine, theirs, strict=True))


def _split_arguments(text: str) -> list[str]:
    found, depth, current = [], 0, ""
    for character in text:
        depth += {"(": 1, ")": -1}.get(character, 0)
        if character == "," and depth == 0:
            found.append(current.strip())
            current = ""
        else:
            current += character
    return [*found, current.strip()] if current.strip() else found


def same_kind(catalog: Catalog, kind: str) -> list[str]:
    """The names of all objects of a kind, as `kind:name`."""
    return [name for name in catalog.objects() if name.startswith(f"{kind}:")]


def flaw(found: Any) -> str:
    """Why an object that is there has no effect; empty where it has."""
    if isinstance(found, Index):
        return "" if found.valid and found.ready else "is not valid: no query uses it"
    if isinstance(found, Constraint):
        if found.suspended:
            return "is switched off: its triggers do not fire"
        if not found.enforced:
            return "is NOT ENFORCED: no row is held to it"
        return "" if found.validated else "is not validated: rows that were there may violate it"
    if isinstance(found, Trigger):
        return "" if found.enabled not in ("disabled", "replica") else f"is {found.enabled}: it does not fire"
    if isinstance(found, View):
        return "" if found.populated else "is not populated: it cannot be read"
    return ""


def _schema_of(item: Any) -> str:
    if hasattr(item, "table") and not isinstance(item, Index):
        return parse_relation(item.table).schema
    if hasattr(item, "schema"):
        return str(item.schema)
    return str(item.name)
