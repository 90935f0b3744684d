"""A catalog as JSON and back. Fields that hold their default are left out."""

from __future__ import annotations

from dataclasses import MISSING
from typing import Any

from pytest_cutover.catalog import objects
from pytest_cutover.catalog.acl import Grant
from pytest_cutover.catalog.model import Catalog
from pytest_cutover.catalog.objects import Column, DomainConstraint
from pytest_cutover.errors import CutoverError

FORMAT = 1

_CLASSES: dict[str, Any] = {
    "schemas": objects.Schema, "tables": objects.Table, "columns": objects.Column, "constraints": objects.Constraint,
    "indexes": objects.Index, "sequences": objects.Sequence, "views": objects.View, "functions": objects.Function,
    "triggers": objects.Trigger, "policies": objects.Policy, "rules": objects.Rule, "types": objects.Type,
    "extensions": objects.Extension, "others": objects.Other,
}  # fmt: skip

_NESTED: dict[tuple[type, str], Any] = {
    (objects.View, "columns"): Column,
    (objects.Type, "attributes"): Column,
    (objects.Type, "constraints"): DomainConstraint,
}


def to_document(catalog: Catalog) -> dict[str, Any]:
    """The catalog as plain lists, dictionaries and values."""
    document: dict[str, Any] = {"format": FORMAT, "server_version": catalog.server_version}
    for name in _CLASSES:
        document[name] = [_to_plain(each) for each in getattr(catalog, name).values()]
    return document


def from_document(document: dict[str, Any]) -> Catalog:
    """The catalog that `to_document` wrote.

    Raises:
        CutoverError: the document is of another format.
    """
    if document.get("format") != FORMAT:
        raise CutoverError(f"a saved catalog has format {document.get('format')!r}; this version reads {FORMAT}")
    try:
        mappings = {
            name: {_key(name, each): each for each in (_from_plain(cls, item) for item in document[name])}
            for name, cls in _CLASSES.items()
        }
        return Catalog(document["server_version"], **mappings)
    except (KeyError, TypeError, AttributeError) as error:
        raise CutoverError(f"a saved catalog is damaged: {type(error).__name__}: {error}") from error


def _key(mapping: str, each: Any) -> str:
    return f"{each.kind}:{each.name}" if mapping == "others" else str(each.full_name)


def _to_plain(each: Any) -> dict[str, Any]:
    plain: dict[str, Any] = {}
    for name, default in objects.FIELDS[type(each)].items():
        value = getattr(each, name)
        if default is not MISSING and value == default:
            continue
        if (type(each), name) in _NESTED:
            value = [_to_plain(part) for part in value]
        elif isinstance(value, tuple):
            value = [list(part) if isinstance(part, tuple) else part for part in value]
        plain[name] = value
    return plain


def _from_plain(cls: Any, plain: dict[str, Any]) -> Any:
    values = dict(plain)
    for name, value in plain.items():
        if not isinstance(value, list):
            continue
        nested = _NESTED.get((cls, name))
        if nested is not None:
            values[name] = tuple(_from_plain(nested, part) for part in value)
        elif name == "acl":
            values[name] = tuple(Grant(*part) for part in value)
        else:
            values[name] = tuple(tuple(part) if isinstance(part, list) else part for part in value)
    return cls(**values)
