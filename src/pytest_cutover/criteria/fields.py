"""The SQL keys of the kinds: read and judged when the plan is read."""

from __future__ import annotations

import re
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from pytest_cutover.sql import parse_predicate, parse_select, parse_statements


def _statements(text: str) -> str:
    parse_statements(text)
    return text


def _sqlstate(text: str) -> str:
    if not re.fullmatch(r"[0-9A-Z]{5}", text) or text[:2] in ("00", "01", "02"):
        raise ValueError("write the five characters of an error's SQLSTATE, as 23505")
    return text


Select = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(parse_select)]
"""One SELECT that only reads."""

Predicate = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(parse_predicate)]
"""One condition on a row."""

Statements = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1), AfterValidator(_statements)]
"""Statements that run in a transaction which is undone."""

SqlState = Annotated[str, AfterValidator(_sqlstate)]
"""The SQLSTATE of an error, as 23505."""
