"""What a query should return, and whether it does; shared by `query` and `queries`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation

from pytest_cutover.criteria.checking import Answer, rows
from pytest_cutover.plan.values import Range

Scalar = bool | int | float | str


@dataclass(frozen=True)
class Judgement:
    """Whether the answer is as expected, and what it was, without the values of rows."""

    holds: bool
    actual: str


@dataclass(frozen=True)
class OneValue:
    """One row with one column that holds this value."""

    value: Scalar

    def __str__(self) -> str:
        return str(self.value).lower() if isinstance(self.value, bool) else str(self.value)

    def judge(self, answer: Answer) -> Judgement:
        """Compares the one value; NULL and anything but one value do not hold."""
        shape = _not_one_value(answer)
        if shape:
            return Judgement(False, shape)
        found = answer.rows[0][0]
        return Judgement(_equal(found, self.value), _shown(found))


@dataclass(frozen=True)
class ValueBetween:
    """One row with one column that holds a number between the bounds, each included."""

    minimum: Decimal | None
    maximum: Decimal | None

    def __str__(self) -> str:
        if self.minimum is not None and self.maximum is not None:
            return f"{self.minimum} to {self.maximum}"
        return f"at least {self.minimum}" if self.minimum is not None else f"at most {self.maximum}"

    def judge(self, answer: Answer) -> Judgement:
        """Compares the one number; NULL, NaN and anything but one number do not hold."""
        shape = _not_one_value(answer)
        if shape:
            return Judgement(False, shape)
        number = _number(answer.rows[0][0])
        holds = (
            number is not None
            and (self.minimum is None or number >= self.minimum)
            and (self.maximum is None or number <= self.maximum)
        )
        return Judgement(holds, _shown(answer.rows[0][0]))


@dataclass(frozen=True)
class RowCountIn:
    """So many rows."""

    count: Range

    def __str__(self) -> str:
        if self.count == Range.parse(0):
            return "no rows"
        return "1 row" if str(self.count) == "1" else f"{self.count} rows"

    def judge(self, answer: Answer) -> Judgement:
        """Compares the number of rows."""
        return Judgement(answer.total in self.count, "no rows" if answer.total == 0 else rows(answer.total))


Expectation = OneValue | ValueBetween | RowCountIn

EMPTY = RowCountIn(Range.parse(0))

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_BETWEEN = re.compile(r"(-?\d+(?:\.\d+)?)\s*\.\.\s*(-?\d+(?:\.\d+)?)")
_BOUND = re.compile(r"(>=|<=)\s*(-?\d+(?:\.\d+)?)")


def parse_expectation(text: str) -> Expectation:
    """The expectation that a comment means: `43`, `3..5`, `>=3`, `true`, `empty`, `rows 2`, `rows 2..10`.

    Raises:
        ValueError: it means none.
    """
    if text == "empty":
        return EMPTY
    if text in ("true", "false"):
        return OneValue(text == "true")
    if text.startswith("rows ") and text[5:].strip():
        return RowCountIn(Range.parse(text[5:].strip()))
    if _NUMBER.fullmatch(text):
        return OneValue(float(text) if "." in text else int(text))
    between, bound = _BETWEEN.fullmatch(text), _BOUND.fullmatch(text)
    if between:
        low, high = Decimal(between[1]), Decimal(between[2])
        if low > high:
            raise ValueError(f"{low} is more than {high}")
        return ValueBetween(low, high)
    if bound:
        number = Decimal(bound[2])
        return ValueBetween(number, None) if bound[1] == ">=" else ValueBetween(None, number)
    raise ValueError("write a number, a range 3..5, >=3, true, false, empty, or rows 2")


def parse_sqlite_expectation(text: str) -> Expectation:
    """As `parse_expectation`, for an engine that answers 1 where another answers true.

    Raises:
        ValueError: it means none.
    """
    if text in ("true", "false"):
        raise ValueError("SQLite has no true and false; write 1 or 0")
    return parse_expectation(text)


def _not_one_value(answer: Answer) -> str:
    """What the answer is where it is not one row of one column; else nothing."""
    if answer.total != 1:
        return "no rows" if answer.total == 0 else rows(answer.total)
    return f"{len(answer.rows[0])} columns" if len(answer.rows[0]) != 1 else ""


def _equal(found: object, expected: Scalar) -> bool:
    if isinstance(expected, bool) or isinstance(found, bool):
        return found is expected
    if isinstance(expected, str):
        return isinstance(found, str) and found == expected
    if isinstance(expected, float) and isinstance(found, float):
        return found == expected
    number, wanted = _number(found), _number(expected)
    return number is not None and number == wanted


def _number(found: object) -> Decimal | None:
    if isinstance(found, bool) or not isinstance(found, (int, float, Decimal)):
        return None
    try:
        number = Decimal(repr(found)) if isinstance(found, float) else Decimal(found)
    except InvalidOperation:
        return None
    return None if number.is_nan() else number


def _shown(found: object) -> str:
    """The value where it is a number, true or false; of anything else only what it is."""
    if found is None:
        return "NULL"
    if isinstance(found, bool):
        return str(found).lower()
    if isinstance(found, int) or (isinstance(found, float) and math.isfinite(found)):
        return str(found)
    if isinstance(found, Decimal):
        return f"{found:f}" if found.is_finite() else str(found)
    return "a text" if isinstance(found, str) else f"a {type(found).__name__}"
