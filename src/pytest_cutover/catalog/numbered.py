"""Which columns take their values from a sequence."""

from __future__ import annotations

import re
from typing import NamedTuple

from pytest_cutover.catalog.model import Catalog
from pytest_cutover.names import format_name, quote_part, split_name

_NEXT = re.compile(r"\(?nextval\('(.+)'::regclass\)\)?(::\w+)?")
_WHOLE_NUMBERS = ("smallint", "integer", "bigint", "numeric")


class Numbered(NamedTuple):
    """A column of whole numbers, and the sequence that numbers its rows."""

    table: str
    column: str
    sequence: str


def numbered_columns(catalog: Catalog) -> list[Numbered]:
    """The columns that own a sequence which does not begin anew, or have one in their default."""
    found = set()
    for name, sequence in catalog.sequences.items():
        if sequence.owned_by is not None:
            column = split_name(sequence.owned_by)[-1]
            found.add(Numbered(sequence.owned_by[: -len(quote_part(column)) - 1], column, name))
    for each in catalog.columns.values():
        # A number with a letter ahead of it has an order of its own.
        if each.type in _WHOLE_NUMBERS and (match := _NEXT.fullmatch(each.default or "")):
            found.add(Numbered(each.table, each.name, format_name(*split_name(match[1].replace("''", "'")))))
    return sorted(
        each
        for each in found
        if each.table in catalog.tables
        and each.sequence in catalog.sequences
        and not catalog.sequences[each.sequence].cycle
    )
