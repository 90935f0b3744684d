"""Rows become objects without a server; what is not known is an error."""

from __future__ import annotations

from collections import namedtuple
from typing import Any

import pytest

from pytest_cutover.catalog import building, codes, rows
from pytest_cutover.errors import CutoverError

NAMES = (
    "schemas", "relations", "columns", "constraints", "indexes", "sequences", "functions", "triggers", "policies",
    "rules", "types", "extensions", "others",
)  # fmt: skip


def _rows(**rows: list[dict[str, Any]]) -> dict[str, list[Any]]:
    """Rows as the queries give them, from dictionaries."""
    return {name: [namedtuple("Row", row)(**row) for row in rows.get(name, [])] for name in NAMES}


def test_no_rows_make_an_empty_catalog() -> None:
    assert building.build(170000, _rows()).objects() == {}


def test_an_unknown_code_is_an_error() -> None:
    row = dict.fromkeys(
        ("oid", "owner", "acl", "start", "increment", "minimum", "maximum", "cache", "cycle", "relation", "number",
         "dependency", "readable", "comment")
    )  # fmt: skip
    row |= {"schema": "public", "name": "s", "type": "bigint", "last_value": 1, "is_called": True, "persistence": "Q"}

    with pytest.raises(CutoverError, match="unknown persistence 'Q'; this version of pytest-cutover does not know it"):
        building.build(170000, _rows(sequences=[row]))


@pytest.mark.parametrize("words", [each for each in vars(codes).values() if isinstance(each, codes.Words)])
def test_no_code_has_a_silent_default(words: codes.Words) -> None:
    with pytest.raises(CutoverError, match="the server reports an unknown"):
        words["?"]


def test_two_objects_of_one_name_are_an_error() -> None:
    row = {"name": "a", "owner": "o", "acl": None, "comment": None}

    with pytest.raises(CutoverError, match="two objects of kind schema are called a"):
        building.build(170000, _rows(schemas=[row, row]))


@pytest.mark.parametrize(
    ("listed", "hiding", "expected"),
    [
        ("", [], ""),
        ("integer, character varying", [], "integer, character varying"),
        ("public.mood, public.mood[], app.x", [], "mood, mood[], app.x"),
        ("public.text, text", ["text"], "public.text, text"),
        ("public.text[]", ["text"], "public.text[]"),
        ('public."a, public.b", integer', [], '"a, public.b", integer'),
        ('public."a"", ""b", app."public.c"', [], '"a"", ""b", app."public.c"'),
    ],
)
def test_argument_types_are_spelled_as_plans_do(listed: str, hiding: list[str], expected: str) -> None:
    assert rows.argument_types(listed, hiding) == expected
