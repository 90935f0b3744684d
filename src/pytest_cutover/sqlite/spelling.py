"""Whether two spellings mean one thing in SQLite: types, expressions, constraints and indexes, compared token by token."""

from __future__ import annotations

from typing import Any

from pytest_cutover.sqlite.definitions import parse_table
from pytest_cutover.sqlite.language import parse_predicate
from pytest_cutover.sqlite.rendering import render
from pytest_cutover.sqlite.tokens import Token, brackets, code

_CONSTRAINTS = ("CHECK", "UNIQUE", "PRIMARY", "FOREIGN")


def parse_type(text: str) -> Any:
    """The type as a comparable value; SQLite takes any words for one.

    Raises:
        ValueError: the text is no SQL.
    """
    return render(code(text)).upper()


def same_type(left: str, right: str) -> bool:
    """True where both texts are the same type but for case and blanks: `int` and `INTEGER` are two."""
    return bool(parse_type(left) == parse_type(right))


def parse_expression(text: str) -> Any:
    """The expression as a comparable value.

    Raises:
        ValueError: the text is no expression.
    """
    parse_predicate(text)
    found = code(text)
    while found and found[0].text == "(" and brackets(found, 0) == len(found):
        found = found[1:-1]
    return _plain(found)


def parse_constraint(definition: str) -> dict[str, Any]:
    """The constraint as a comparable value.

    Raises:
        ValueError: the text does not define one constraint.
    """
    found = code(definition)
    hint = "Write what follows its name, as CHECK (cid > 0) or FOREIGN KEY (a) REFERENCES t (id)"
    if not found or found[0].word not in _CONSTRAINTS:
        raise ValueError(f"defines no constraint. {hint}")
    parsed = parse_table(f"CREATE TABLE t (c, {definition})")
    if len(parsed.constraints) != 1:
        raise ValueError("defines more than one constraint")
    return {"definition": _plain(code(parsed.constraints[0].definition))}


def parse_index(definition: str) -> tuple[str, Any]:
    """The index's name (empty where the text has none) and the index as a comparable value.

    Raises:
        ValueError: the text is not one CREATE INDEX.
    """
    found = [token for token in code(definition) if token.text != ";"]
    words = [token.word for token in found[:3]]
    unique = words[:2] == ["CREATE", "UNIQUE"]
    place = 3 if unique else 2
    if words[:1] != ["CREATE"] or words[place - 1 : place] != ["INDEX"]:
        raise ValueError(
            "is not one CREATE INDEX statement; write it as in CREATE INDEX by_callsign ON flights (callsign)"
        )
    if [token.word for token in found[place : place + 3]] == ["IF", "NOT", "EXISTS"]:
        place += 3
    name = ""
    if place < len(found) and found[place].word != "ON":
        name = found[place].identifier
        place += 1
    if place >= len(found) or found[place].word != "ON":
        raise ValueError("is not one CREATE INDEX statement: it names no table with ON")
    return name, {"unique": unique, "on": _plain([token for token in found[place:] if token.word != "ASC"])}


def _plain(found: list[Token]) -> str:
    """One spelling of the tokens; names are the same in any case."""
    return render(
        [token if token.kind in ("string", "blob") else token._replace(text=token.text.upper()) for token in found]
    )
