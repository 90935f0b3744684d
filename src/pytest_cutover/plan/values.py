"""The small languages inside a plan: durations, ranges, object names."""

from __future__ import annotations

import re
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, PlainSerializer, WithJsonSchema

from pytest_cutover.names import OBJECT_KINDS, parse_relation, spell_object, split_name

_UNITS_S = {"ms": 0.001, "s": 1.0, "min": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)")


def parse_duration(value: object) -> float:
    """The seconds that a text such as `500ms`, `10s`, `10min`, `2h`, `7d` means.

    Raises:
        ValueError: it is no such text, or zero.
    """
    match = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("write a number and a unit: 500ms, 10s, 10min, 2h or 7d")
    seconds = float(match[1]) * _UNITS_S[match[2]]
    if seconds <= 0:
        raise ValueError("a duration must be longer than nothing")
    return seconds


def parse_percent(value: object) -> float:
    """The share of a hundred that a text such as `1%` or `0.5%` means, as 1.0 or 0.5.

    Raises:
        ValueError: it is no such text, nothing, or all and more.
    """
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", value.strip()) if isinstance(value, str) else None
    if match is None or not 0 < float(match[1]) < 100:
        raise ValueError("write a share between nothing and all: 1% or 0.5%")
    return float(match[1])


def format_duration(seconds: float) -> str:
    """The seconds in the unit a person would choose: `340 ms`, `2.51 s`, `4 min 05 s`, `7 d 0 h`."""
    if seconds < 1:
        return f"{seconds * 1000:.0f} ms"
    if seconds < 60:
        return f"{seconds:.2f} s"
    if seconds < 3600:
        return f"{int(seconds // 60)} min {int(seconds % 60):02d} s"
    if seconds < 86400:
        return f"{int(seconds // 3600)} h {int(seconds % 3600 // 60):02d} min"
    return f"{int(seconds // 86400)} d {int(seconds % 86400 // 3600)} h"


class Size(int):
    """Bytes, written with a unit: `500kB`, `64MB`, `10GB`, `1TB`, each 1024 times the one before, as PostgreSQL has it."""

    _UNITS: ClassVar[tuple[str, ...]] = ("B", "kB", "MB", "GB", "TB")

    @classmethod
    def parse(cls, value: object) -> Size:
        """The size that a text means.

        Raises:
            ValueError: it is no such text, or nothing.
        """
        if isinstance(value, Size):
            return value
        match = re.fullmatch(r"(\d+)\s*([kMGT]?B)", value.strip()) if isinstance(value, str) else None
        if match is None or int(match[1]) == 0:
            raise ValueError("write a number and a unit: 500kB, 64MB, 10GB or 1TB")
        return cls(int(match[1]) * 1024 ** cls._UNITS.index(match[2]))

    def __str__(self) -> str:
        size, unit = float(self), 0
        while size >= 1024 and unit < len(self._UNITS) - 1:
            size, unit = size / 1024, unit + 1
        return f"{size:.3g}{self._UNITS[unit]}" if size < 1000 else f"{size:.0f}{self._UNITS[unit]}"


class Range:
    """A set of whole numbers without gaps: `5`, `3..5`, `>=1000`, `<=10`, `>0`, `<3`."""

    _PATTERN = re.compile(r"(\d+)\s*\.\.\s*(\d+)|(>=|<=|>|<)\s*(\d+)|(\d+)")

    def __init__(self, minimum: int, maximum: int | None, text: str) -> None:
        self.minimum = minimum
        self.maximum = maximum
        self.text = text

    @classmethod
    def parse(cls, value: object) -> Range:
        """The range that a whole number or a text means.

        Raises:
            ValueError: it is neither.
        """
        if isinstance(value, Range):
            return value
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return cls(value, value, str(value))
        match = cls._PATTERN.fullmatch(value.strip()) if isinstance(value, str) else None
        if match is None:
            raise ValueError('write a whole number, a range "3..5", or ">=1000"')
        low, high, operator, bound, single = match.groups()
        if low is not None:
            if int(low) > int(high):
                raise ValueError(f'"{value}" is empty: {low} is more than {high}')
            return cls(int(low), int(high), f"{low}..{high}")
        if single is not None:
            return cls(int(single), int(single), single)
        number = int(bound)
        if operator == "<" and number == 0:
            raise ValueError('"<0" is empty: a count is never negative')
        minimum, maximum = {
            ">=": (number, None), ">": (number + 1, None), "<=": (0, number), "<": (0, number - 1),
        }[operator]  # fmt: skip
        return cls(minimum, maximum, f"{operator}{number}")

    def __contains__(self, number: int) -> bool:
        return self.minimum <= number and (self.maximum is None or number <= self.maximum)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Range) and (self.minimum, self.maximum) == (other.minimum, other.maximum)

    def __hash__(self) -> int:
        return hash((self.minimum, self.maximum))

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        return f"Range({self.text!r})"


def _parse_object_name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError('write "kind:name", as in "column:flights.cid"')  # noqa: TRY004 (pydantic wants ValueError)
    kind, colon, name = value.partition(":")
    if not colon or not name or kind not in OBJECT_KINDS:
        raise ValueError(f'write "kind:name", as in "column:flights.cid"; kinds: {", ".join(OBJECT_KINDS)}')
    return f"{kind}:{spell_object(kind, name)}"


def _parse_table_name(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError("write the name of a table, as schema.name outside public")  # noqa: TRY004
    return str(parse_relation(value))


def parse_column_name(value: object) -> str:
    """The name of one column, without its double quotes where it has some.

    Raises:
        ValueError: it is no text, empty, or holds a dot outside of double quotes.
    """
    if not isinstance(value, str) or not value:
        raise ValueError("write the name of a column")
    if len(split_name(value)) != 1:
        raise ValueError(f'"{value}" has a dot; write the column alone (in double quotes where its name has a dot)')
    return split_name(value)[0]


def _as_text(value: Any) -> str:
    return str(value)


Duration = Annotated[
    float, BeforeValidator(parse_duration), WithJsonSchema({"type": "string", "title": "duration, as 500ms or 7d"})
]
"""Seconds, written with a unit."""

Count = Annotated[
    Range,
    BeforeValidator(Range.parse),
    PlainSerializer(_as_text),
    WithJsonSchema({"type": "string", "title": "number or range, as 5, 3..5 or >=1000"}),
]
"""A whole number or a range of them."""

Percent = Annotated[float, BeforeValidator(parse_percent), WithJsonSchema({"type": "string", "title": "share, as 1%"})]
"""A share of a hundred, written with its sign."""

Bytes = Annotated[
    Size, BeforeValidator(Size.parse), PlainSerializer(_as_text),
    WithJsonSchema({"type": "string", "title": "size, as 64MB or 10GB"}),
]  # fmt: skip
"""A number of bytes, written with a unit."""

ObjectName = Annotated[str, BeforeValidator(_parse_object_name)]
"""`kind:name` of `pytest_cutover.names`."""

TableName = Annotated[str, BeforeValidator(_parse_table_name)]
"""`name` or `schema.name`."""

ColumnName = Annotated[str, BeforeValidator(parse_column_name)]
"""One column's name."""
