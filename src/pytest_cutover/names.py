"""How plans, findings and diffs spell the objects of a database.

`kind:name`, as in `table:flights`, `column:flights.cid`, `index:idx_a`, `function:f(integer)`. A name is qualified
with its schema where that is not `public`. Names are exact, as the catalog stores them (no case folding); a part that
holds a dot or a double quote is written in double quotes, a double quote inside it doubled.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence
from typing import NamedTuple

DEFAULT_SCHEMA = "public"

OBJECT_KINDS = (
    "schema", "table", "column", "constraint", "index", "sequence", "view", "function", "trigger", "policy", "type",
    "extension", "rule", "statistics", "event_trigger", "publication", "subscription", "cast", "operator", "aggregate",
    "default_privileges", "foreign_server", "collation", "text_search", "setting", "database", "language",
    "access_method", "operator_class", "operator_family", "large_object", "foreign_data_wrapper", "user_mapping",
    "transform", "conversion", "security_label", "role",
)  # fmt: skip

_PART = re.compile(r'"((?:[^"]|"")+)"|([^."]+)')

_PARTS = {
    "table": 1, "view": 1, "index": 1, "sequence": 1, "type": 1,
    "column": 2, "constraint": 2, "trigger": 2, "policy": 2, "rule": 2,
}  # fmt: skip
"""How many parts a name has within its schema, of the kinds whose names are nothing but parts."""


class RelationName(NamedTuple):
    """A table-like object's schema and name, as the catalog stores them."""

    schema: str
    name: str

    def __str__(self) -> str:
        return format_name(self.schema, self.name)


def quote_part(part: str) -> str:
    """The part as it appears in an object name: bare, or in double quotes where it would be ambiguous."""
    if not part or "." in part or '"' in part:
        return '"' + part.replace('"', '""') + '"'
    return part


def format_name(schema: str, *parts: str) -> str:
    """The dotted name; the schema is left out where it is `public`."""
    shown = parts if schema == DEFAULT_SCHEMA else (schema, *parts)
    return ".".join([quote_part(part) for part in shown])


def split_name(text: str) -> list[str]:
    """The parts of a dotted name.

    Raises:
        ValueError: the text is empty, has an empty part or an unbalanced quote.
    """
    parts: list[str] = []
    position = 0
    while True:
        match = _PART.match(text, position)
        if match is None:
            raise ValueError(f"{text!r} is not a name; write name, schema.name, or quote a part that holds a dot")
        quoted, bare = match.groups()
        parts.append(quoted.replace('""', '"') if quoted is not None else bare)
        position = match.end()
        if position == len(text):
            return parts
        if text[position] != ".":
            raise ValueError(f"{text!r} is not a name: unexpected {text[position]!r}")
        position += 1


def parse_relation(text: str) -> RelationName:
    """The relation that `name` or `schema.name` means; without a schema it is in `public`.

    Raises:
        ValueError: the text has no or more than two parts.
    """
    parts = split_name(text)
    if len(parts) == 1:
        return RelationName(DEFAULT_SCHEMA, parts[0])
    if len(parts) == 2:
        return RelationName(parts[0], parts[1])
    raise ValueError(f"{text!r} has {len(parts)} parts; write name or schema.name")


def spell_object(kind: str, name: str) -> str:
    """The object's name as findings and diffs spell it: without needless quotes, and without the schema `public`.

    A name that is not made of parts, or of another number of them, is left as it is.
    """
    try:
        parts = split_name(name)
    except ValueError:
        return name
    within = _PARTS.get(kind)
    if within is None or len(parts) not in (within, within + 1):
        return name
    return format_name(parts[0], *parts[1:]) if len(parts) > within else format_name(DEFAULT_SCHEMA, *parts)


def quote_identifier(name: str) -> str:
    """The name as an SQL identifier, always in double quotes (PostgreSQL and SQLite)."""
    if "\x00" in name:
        raise ValueError("a database name cannot hold a NUL character")
    return '"' + name.replace('"', '""') + '"'


def quote_relation(text: str) -> str:
    """The relation of `parse_relation` as an SQL identifier."""
    relation = parse_relation(text)
    return f"{quote_identifier(relation.schema)}.{quote_identifier(relation.name)}"


def nearest(word: str, known: Sequence[str]) -> str:
    """` Did you mean "…"?` with the nearest known word, or nothing where none is near."""
    close = difflib.get_close_matches(word, known, n=1)
    return f' Did you mean "{close[0]}"?' if close else ""
