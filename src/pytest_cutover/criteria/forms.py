"""Timestamps of a live database: those in a plain form are counted by the database, the others are handed over."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from pytest_cutover.database import Database
from pytest_cutover.names import quote_identifier

# A day that every year has. The 29th of February is handed over.
_DAY = "(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_TIME = "(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:[.][0-9]+)?"


@dataclass(frozen=True)
class Unsettled:
    """How many values the columns hold that are not NULL, and each row with one that is in no plain form, by its key."""

    values: int
    key: tuple[str, ...]
    rows: tuple[tuple[tuple[Any, ...], tuple[Any, ...]], ...]


def unsettled(
    database: Database, table: str, columns: Sequence[str], typed: Collection[str], offsets: Mapping[str, str] | None
) -> Unsettled:
    """The values that are not ISO 8601 in UTC beyond doubt, nor of a form without a zone that `offsets` has an offset for.

    `typed` names the columns that are timestamps with a zone by their type.

    Raises:
        QueryError: the rows cannot be read.
    """
    key = database.catalog.primary_key(table)
    names = [quote_identifier(name) for name in columns]
    relation = database.relation(table)
    # What stands between date and time, and behind them.
    shapes = [("T", "Z"), *((between, "") for between in offsets or ())]
    plain = [_plain(database, name, column in typed, shapes) for name, column in zip(names, columns)]
    shown = [database.as_text(name) if database.dialect == "postgresql" else name for name in names]
    listed = ", ".join([*map(quote_identifier, key), *shown])
    counts = database.query(f"SELECT {', '.join(f'count({name})' for name in names)} FROM {relation}").rows[0]
    found = database.query(f"SELECT {listed} FROM {relation} WHERE NOT ({' AND '.join(plain)})").rows
    return Unsettled(sum(counts), key, tuple((tuple(row[: len(key)]), tuple(row[len(key) :])) for row in found))


def _plain(database: Database, name: str, typed: bool, shapes: Sequence[tuple[str, str]]) -> str:
    """SQL: the value is NULL or has one of the shapes; never NULL itself."""
    if database.dialect == "sqlite":
        # Another collation would not tell z from Z, nor see a blank at the end.
        tests = [
            f"{name} COLLATE BINARY IS strftime('%Y-%m-%d{between}%H:%M:%S{end}', {name}, '+0 days') AND {name} >= '0001'"
            for between, end in shapes
        ]
    elif typed:
        tests = [f"{name} >= '0001-01-01 00:00:00+00' AND {name} < '9999-12-31 00:00:00+00'"]
    else:
        forms = "|".join(f"{between}{_TIME}{end}" for between, end in shapes)
        tests = [f"{database.as_text(name)} ~ '^[1-9][0-9]{{3}}-{_DAY}(?:{forms})$'"]
    return f"({name} IS NULL OR {' OR '.join(f'({test})' for test in tests)})"
