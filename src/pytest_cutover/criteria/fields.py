"""The keys of the kinds that hold SQL or a value: read and judged when the plan is read."""

from __future__ import annotations

import math
import re
from datetime import date, datetime, time
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, StringConstraints, ValidationInfo, WithJsonSchema

from pytest_cutover.language import language_of
from pytest_cutover.plan.values import parse_column_name


def _statements(text: str, info: ValidationInfo) -> str:
    language_of(info).parse_statements(text)
    return text


def _select(text: str, info: ValidationInfo) -> str:
    return language_of(info).parse_select(text)


def _predicate(text: str, info: ValidationInfo) -> str:
    return language_of(info).parse_predicate(text)


def _sqlstate(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Z]{5}", text) or text[:2] in ("00", "01", "02"):
        raise ValueError("write the five characters of an error's SQLSTATE, as 23505")
    return text


def _number(value: object) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise ValueError("write a number")
    return value


def _scalar(value: object) -> bool | int | float | str:
    if isinstance(value, (bool, str)):
        return value
    if isinstance(value, (int, float)) and math.isfinite(value):
        return value
    raise ValueError("write a number, a text, true or false; a date as the text that PostgreSQL prints, in UTC")


def _value(value: object) -> Any:
    if isinstance(value, (date, datetime, time)):
        return value
    try:
        return _scalar(value)
    except ValueError:
        raise ValueError("write a number, a text, a date, true or false") from None


def _bound(value: object) -> Any:
    if isinstance(value, bool):
        raise ValueError("write a number, a date or a text")  # noqa: TRY004 (pydantic wants ValueError)
    return _value(value)


def _agreeing(value: object) -> dict[str, str]:
    if isinstance(value, list) and all(isinstance(name, str) for name in value):
        value = {name: name for name in value}
    if not isinstance(value, dict) or not value:
        raise ValueError('write a list of columns, or { own = "other" } where their names differ')
    return {parse_column_name(own): parse_column_name(other) for own, other in value.items()}


Select = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_select)]
"""One SELECT that only reads."""

Predicate = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_predicate)]
"""One condition on a row."""

Statements = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_statements)]
"""Statements that run in a transaction which is undone."""

SqlState = Annotated[str, AfterValidator(_sqlstate)]
"""The SQLSTATE of an error, as 23505."""

Number = Annotated[Any, BeforeValidator(_number), WithJsonSchema({"type": "number"})]
"""An int or a float, not true or false."""

Scalar = Annotated[Any, BeforeValidator(_scalar), WithJsonSchema({"title": "number, text, true or false"})]
"""A bool, int, float or str."""

Value = Annotated[Any, BeforeValidator(_value), WithJsonSchema({"title": "number, text, date, true or false"})]
"""A value as TOML writes it."""

Bound = Annotated[Any, BeforeValidator(_bound), WithJsonSchema({"title": "number, date or text"})]
"""A value with an order."""

Agreeing = Annotated[
    dict[str, str], BeforeValidator(_agreeing), WithJsonSchema({"title": 'list of columns, or { own = "other" }'})
]
"""Columns of one table and the columns of another that they agree with."""
