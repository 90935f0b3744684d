"""SQL that turns a value into a 64-bit hash of its exact representation, seeded with the key of its row.

PostgreSQL's own hash functions follow equality, so several cannot be used as they are: `hash_numeric_extended` ignores
sign and scale and is linear in the weight, `hashint8extended` and `timestamp_hash_extended` fold 64 bits to 32,
`hashfloat8extended` returns the seed for zero, `hashbpcharextended` ignores trailing blanks, and an enum's hash
depends on its oid. What is used here tells apart whatever differs in text or in binary form. NULL hashes to NULL.
"""

from __future__ import annotations

import re

CAST = "cast"
"""The method for a column whose type differs between two sides: the text that a cast gives."""

OUTPUT = "output"
"""The method for every type without a faster one: the text that the type's output function gives."""

_METHODS = {
    "smallint": "int32",
    "integer": "int32",
    "bigint": "int64",
    "boolean": "boolean",
    "real": "float",
    "double precision": "float",
    "numeric": CAST,
    "text": "text",
    "character varying": "text",
    "uuid": "uuid",
    "date": "date",
    "timestamp without time zone": "timestamp",
    "timestamp with time zone": "timestamptz",
    "bytea": "bytea",
}

_SPANS = {"timestamp": "tsrange", "timestamptz": "tstzrange"}

_INTEGERS = frozenset({"smallint", "integer", "bigint"})

_MODIFIER = re.compile(r"\([\d,-]+\)")


def method(type_name: str) -> str:
    """How a column of this type is hashed; `type_name` is as `format_type` prints it with an empty search path."""
    return _METHODS.get(_MODIFIER.sub("", type_name, count=1), OUTPUT)


def is_integer(type_name: str) -> bool:
    """True for the types whose value fits a seed as it is."""
    return type_name in _INTEGERS


def value_hash(how: str, value: str, seed: str) -> str:
    """An SQL expression of type bigint: the hash of the SQL expression `value` under the bigint `seed`."""
    if how == "int32":
        return f"hashint4extended({value}, {seed})"
    if how == "int64":
        # The value also goes into the seed because the function folds it to 32 bits.
        return f"hashint8extended({value}, {seed} # {value})"
    if how == "boolean":
        return f"hashint4extended({value}::int4, {seed})"
    if how == "float":
        return (
            f"CASE WHEN {value} = 0 THEN {_text_hash(f'{value}::text', seed)}"
            f" ELSE hashfloat8extended({value}, {seed}) END"
        )
    if how == "uuid":
        return f"uuid_hash_extended({value}, {seed})"
    if how == "date":
        return (
            f"CASE WHEN isfinite({value}) THEN hashint4extended({value} - date '2000-01-01', {seed})"
            f" ELSE {_text_hash(f'{value}::text', seed)} END"
        )
    if how in ("timestamp", "timestamptz"):
        # Folded to 32 bits the time alone is not enough; as a float it lacks at most the last digits of far-off times.
        local = value if how == "timestamp" else f"timezone(interval '0', {value})"
        span = f"{_SPANS[how]}_subdiff({value}, {how} '2000-01-01 00:00+00')"
        return f"hashfloat8extended({span}, timestamp_hash_extended({local}, {seed}))"
    if how == "bytea":
        return f"hash_record_extended(ROW({value}), {seed})"
    if how == "text":
        return _text_hash(value, seed)
    if how == CAST:
        return _text_hash(f"{value}::text", seed)
    if how == OUTPUT:
        # num_nulls, since IS NULL is also true of a composite value whose fields are all NULL.
        return f"CASE num_nulls({value}) WHEN 0 THEN {_text_hash(f'concat({value})', seed)} END"
    raise AssertionError(how)


def _text_hash(text: str, seed: str) -> str:
    # A nondeterministic collation would make different texts hash alike.
    return f'hashtextextended({text} COLLATE "C", {seed})'
