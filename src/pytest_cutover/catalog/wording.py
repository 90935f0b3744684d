"""What changed in an object, in words that a DBA uses."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pytest_cutover.catalog import objects
from pytest_cutover.catalog.acl import Acl, Grant
from pytest_cutover.catalog.describing import describe
from pytest_cutover.catalog.objects import (
    Column,
    Constraint,
    DomainConstraint,
    Function,
    Index,
    Policy,
    Table,
    Type,
    View,
)

LONGEST = 200
"""How many characters of a definition are shown; of a longer one only how it grew."""

FLAGS: dict[tuple[type, str], tuple[str, str]] = {
    (Table, "rls_enabled"): ("disabled", "enabled"),
    (Table, "rls_forced"): ("not forced", "forced"),
    (Column, "nullable"): ("NOT NULL", "nullable"),
    (Type, "nullable"): ("NOT NULL", "nullable"),
    (Constraint, "validated"): ("NOT VALID", "validated"),
    (DomainConstraint, "validated"): ("NOT VALID", "validated"),
    (Constraint, "deferrable"): ("not deferrable", "DEFERRABLE"),
    (Constraint, "deferred"): ("INITIALLY IMMEDIATE", "INITIALLY DEFERRED"),
    (Index, "unique"): ("not unique", "unique"),
    (Index, "primary"): ("not the primary key", "the primary key"),
    (Index, "valid"): ("INVALID", "valid"),
    (Index, "ready"): ("not ready for inserts", "ready for inserts"),
    (Index, "clustered"): ("not clustered on", "clustered on"),
    (Index, "replica_identity"): ("not the replica identity", "the replica identity"),
    (objects.Sequence, "cycle"): ("no cycle", "cycle"),
    (objects.Sequence, "identity"): ("not of an identity column", "of an identity column"),
    (View, "materialized"): ("view", "materialized view"),
    (View, "populated"): ("not populated", "populated"),
    (Function, "strict"): ("called on NULL input", "strict"),
    (Function, "security_definer"): ("security invoker", "SECURITY DEFINER"),
    (Function, "leakproof"): ("not leakproof", "leakproof"),
    (Policy, "permissive"): ("restrictive", "permissive"),
}
"""The words for false and true of every flag in the objects."""

_FLAG_LABELS = {"rls_enabled": "row-level security ", "rls_forced": "row-level security "}

_LABELS = {"of_type": "of type", "server_options": "foreign options", "using": "USING", "check": "WITH CHECK"}

_SETS = {
    "options": "option", "server_options": "foreign option", "settings": "setting", "inherits": "parent",
    "roles": "role", "details": "detail", "transforms": "transform", "statistics": "statistics target of column",
}  # fmt: skip
_TEXTS = frozenset({"definition", "body", "using", "check", "comment"})
_COVERED: dict[type, frozenset[str]] = {
    Constraint: frozenset({"columns", "references", "references_columns"}),
    Index: frozenset({"method", "columns", "included", "predicate"}),
}
"""What the definition says too; it is told only where the definition is the same."""


def changes(before: Any, after: Any, owners: tuple[str, str] = ("", ""), *, sequences: bool = True) -> list[str]:
    """What changed, attribute by attribute; empty where nothing did.

    `owners` are the owners before and after: a new owner takes over the privileges of the old one, which is no change
    of its own.
    """
    told: list[str] = []
    cls = type(after)
    redefined = cls in _COVERED and _bare_definition(before) != _bare_definition(after)
    for name in objects.FIELDS[cls]:
        old, new = getattr(before, name), getattr(after, name)
        # A column's place is compared for the table as a whole.
        if old == new or name == "position" or (redefined and name in _COVERED[cls]):
            continue
        if cls is Constraint and name == "definition" and not redefined:
            continue
        if cls is objects.Sequence and name in ("last_value", "is_called"):
            if sequences and (name == "last_value" or before.last_value == after.last_value):
                told.append(f"position {_position(before)} → {_position(after)}")
            continue
        told += _change(cls, name, old, new, owners)
    return told


def _change(cls: type, name: str, old: Any, new: Any, owners: tuple[str, str]) -> list[str]:
    if name == "acl":
        return _acl_changes(old, new, owners)
    if isinstance(new, bool) and isinstance(old, bool):
        words = FLAGS[cls, name]
        return [f"{_FLAG_LABELS.get(name, '')}{words[old]} → {words[new]}"]
    if name == "labels":
        return _label_changes(old, new)
    if (cls, name) in ((View, "columns"), (Type, "attributes")):
        return _part_changes("column" if cls is View else "attribute", old, new, owners)
    if (cls, name) == (Type, "constraints"):
        return _part_changes("constraint", old, new, owners)
    if name == "attributes":
        return _pair_changes(dict(old), dict(new))
    if name == "suspended":
        return [f"enforcing triggers {_list(old) or 'enabled'} → {_list(new) or 'enabled'}"]
    if name == "enabled" or (cls, name) == (Table, "persistence"):
        return [f"{old} → {new}"]
    if name in _SETS and isinstance(new, tuple):
        return _set_changes(_SETS[name], old, new)
    label = _LABELS.get(name, name.replace("_", " "))
    if name in _TEXTS:
        return [_text_change(label, old, new)]
    return [_scalar_change(label, _shown(old), _shown(new))]


def _bare_definition(each: Any) -> str:
    """The definition without what the flags of a constraint say too."""
    definition: str = each.definition
    if isinstance(each, Constraint) and each.deferrable:
        definition = definition.removesuffix(" INITIALLY DEFERRED").removesuffix(" DEFERRABLE")
    return definition


def _position(sequence: Any) -> str:
    if sequence.last_value is None:
        return "unreadable"
    return str(sequence.last_value) if sequence.is_called else f"{sequence.last_value} (not used yet)"


def _shown(value: Any) -> str | None:
    if isinstance(value, tuple):
        return _list(value) or None
    return None if value is None else str(value)


def _list(values: Iterable[Any]) -> str:
    return ", ".join(str(value) for value in values)


def _scalar_change(label: str, old: str | None, new: str | None) -> str:
    if old is None:
        return f"{label} {new} added"
    if new is None:
        return f"{label} {old} dropped"
    return f"{label} {old} → {new}"


def _text_change(label: str, old: str | None, new: str | None) -> str:
    old_text, new_text = _short(old), _short(new)
    if label == "comment":
        old_text, new_text = (text and f'"{text}"' for text in (old_text, new_text))
    if (old is None) == (old_text is None) and (new is None) == (new_text is None):
        return _scalar_change(label, old_text, new_text)
    if old is None or new is None:
        return f"{label} {'added' if old is None else 'dropped'}"
    old_lines, new_lines = old.count("\n") + 1, new.count("\n") + 1
    grew = f" ({old_lines} → {new_lines} lines)" if old_lines != new_lines else ""
    return f"{label} changed{grew}"


def _short(text: str | None) -> str | None:
    """The text on one line, None where it is too long to show."""
    if text is None:
        return None
    flat = " ".join(text.split()).removesuffix(";")
    return flat if len(flat) <= LONGEST else None


def _set_changes(label: str, old: Sequence[str], new: Sequence[str]) -> list[str]:
    """What came and what went; `key=value` with another value is one change, another order alone is one too."""
    gone = [item for item in old if item not in new]
    come = [item for item in new if item not in old]
    old_values = dict(item.split("=", 1) for item in gone if "=" in item)
    new_values = dict(item.split("=", 1) for item in come if "=" in item)
    both = [key for key in old_values if key in new_values]
    told = [f"{label} {key} {old_values[key]} → {new_values[key]}" for key in both]
    told += [f"{label} {item} dropped" for item in gone if item.split("=", 1)[0] not in both]
    told += [f"{label} {item} added" for item in come if item.split("=", 1)[0] not in both]
    return told or [f"{label} order {_list(old)} → {_list(new)}"]


def _label_changes(old: Sequence[str], new: Sequence[str]) -> list[str]:
    told = [f"label '{label}' dropped" for label in old if label not in new]
    for position, label in enumerate(new):
        if label not in old:
            told.append(f"label '{label}' added " + (f"after '{new[position - 1]}'" if position else "as the first"))
    moved = order_change("label", old, new)
    return told + ([moved] if moved else [])


def order_change(what: str, old: Sequence[str], new: Sequence[str]) -> str | None:
    """How the order of what both sides have changed, None where it did not; the equal ends are left out."""
    old_set, new_set = set(old), set(new)
    first = [name for name in old if name in new_set]
    second = [name for name in new if name in old_set]
    if first == second:
        return None
    while first[0] == second[0]:
        first, second = first[1:], second[1:]
    while first[-1] == second[-1]:
        first, second = first[:-1], second[:-1]
    return f"{what} order changed: {_list(first)} → {_list(second)}"


def _part_changes(what: str, old: Sequence[Any], new: Sequence[Any], owners: tuple[str, str]) -> list[str]:
    """What changed in the named parts of an object: a view's columns, a domain's constraints."""
    old_parts = {part.name: part for part in old}
    new_parts = {part.name: part for part in new}
    told = [f"{what} {name} dropped" for name in old_parts if name not in new_parts]
    for name, part in new_parts.items():
        if name not in old_parts:
            told.append(f"{what} {name} added: {describe(part)}")
        else:
            told += [f"{what} {name}: {each}" for each in changes(old_parts[name], part, owners)]
    # Constraints have no order of their own: the catalog lists them by name.
    moved = None if what == "constraint" else order_change(what, list(old_parts), list(new_parts))
    return told + ([moved] if moved else [])


def _pair_changes(old: Mapping[str, str | None], new: Mapping[str, str | None]) -> list[str]:
    words = list(dict.fromkeys([*old, *new]))
    return [_text_change(word, old.get(word), new.get(word)) for word in words if old.get(word) != new.get(word)]


def _acl_changes(old: Acl, new: Acl, owners: tuple[str, str]) -> list[str]:
    """The grants that came and went, those of one grantee together."""
    was, now = owners
    if was != now:
        old = tuple(
            grant._replace(
                grantee=now if grant.grantee == was else grant.grantee,
                grantor=now if grant.grantor == was else grant.grantor,
            )
            for grant in old
        )
    return [
        *_grants(set(old) - set(new), now, "dropped"),
        *_grants(set(new) - set(old), now, "added"),
    ]


def _grants(grants: set[Grant], owner: str, what: str) -> list[str]:
    grouped: dict[str, list[str]] = {}
    for grant in sorted(grants):
        tail = f" to {grant.grantee}"
        if grant.grantable:
            tail += " with grant option"
        if grant.grantor != owner:
            tail += f" (granted by {grant.grantor})"
        grouped.setdefault(tail, []).append(grant.privilege)
    return [f"grant {_list(privileges)}{tail} {what}" for tail, privileges in grouped.items()]
