"""SQLite's SQL in one spelling, so that two texts of one meaning are one text."""

from __future__ import annotations

import re
from collections.abc import Iterable

from pytest_cutover.sqlite.tokens import Token

# The words that SQLite does not take for a name (https://sqlite.org/lang_keywords.html), as far as definitions hold them.
KEYWORDS = frozenset(
    [
        "ABORT",
        "ACTION",
        "ADD",
        "AFTER",
        "ALL",
        "ALTER",
        "ALWAYS",
        "AND",
        "AS",
        "ASC",
        "AUTOINCREMENT",
        "BEFORE",
        "BEGIN",
        "BETWEEN",
        "BY",
        "CASCADE",
        "CASE",
        "CAST",
        "CHECK",
        "COLLATE",
        "COMMIT",
        "CONFLICT",
        "CONSTRAINT",
        "CREATE",
        "CROSS",
        "CURRENT_DATE",
        "CURRENT_TIME",
        "CURRENT_TIMESTAMP",
        "DEFAULT",
        "DEFERRABLE",
        "DEFERRED",
        "DELETE",
        "DESC",
        "DISTINCT",
        "DROP",
        "EACH",
        "ELSE",
        "END",
        "ESCAPE",
        "EXCEPT",
        "EXISTS",
        "FAIL",
        "FOR",
        "FOREIGN",
        "FROM",
        "FULL",
        "GENERATED",
        "GLOB",
        "GROUP",
        "HAVING",
        "IF",
        "IGNORE",
        "IMMEDIATE",
        "IN",
        "INDEX",
        "INITIALLY",
        "INNER",
        "INSERT",
        "INSTEAD",
        "INTERSECT",
        "INTO",
        "IS",
        "ISNULL",
        "JOIN",
        "KEY",
        "LEFT",
        "LIKE",
        "LIMIT",
        "MATCH",
        "NATURAL",
        "NO",
        "NOT",
        "NOTNULL",
        "NULL",
        "OF",
        "OFFSET",
        "ON",
        "OR",
        "ORDER",
        "OUTER",
        "PRIMARY",
        "RAISE",
        "REFERENCES",
        "REGEXP",
        "REPLACE",
        "RESTRICT",
        "ROLLBACK",
        "ROW",
        "ROWID",
        "SELECT",
        "SET",
        "STORED",
        "STRICT",
        "TABLE",
        "TEMP",
        "TEMPORARY",
        "THEN",
        "TO",
        "TRANSACTION",
        "TRIGGER",
        "UNION",
        "UNIQUE",
        "UPDATE",
        "USING",
        "VALUES",
        "VIEW",
        "VIRTUAL",
        "WHEN",
        "WHERE",
        "WITH",
        "WITHOUT",
    ]
)

_BEFORE_BRACKET = frozenset(
    [
        "CHECK",
        "IN",
        "KEY",
        "UNIQUE",
        "AS",
        "AND",
        "OR",
        "NOT",
        "WHEN",
        "THEN",
        "ELSE",
        "USING",
        "EXISTS",
        "VALUES",
        "ON",
        "FROM",
        "WHERE",
        "SELECT",
        "DEFAULT",
        "BY",
        "IS",
        "LIKE",
    ]
)


def render(found: Iterable[Token]) -> str:
    """The tokens in one spelling: keywords in capitals, names without quotes where they need none, single blanks."""
    text = ""
    previous: Token | None = None
    sign = False
    for token in found:
        if previous is not None and not sign and _blank_between(previous, token):
            text += " "
        text += _spelled(token)
        sign = token.text in ("-", "+", "~") and (previous is None or _expects_value(previous))
        previous = token
    return text


def _expects_value(token: Token) -> bool:
    """True where a plus or minus behind the token is a sign."""
    return (token.kind == "operator" and token.text != ")") or token.word in KEYWORDS


def _spelled(token: Token) -> str:
    if token.word in KEYWORDS:
        return token.word
    if token.kind == "name":
        name = token.identifier
        plain = re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", name) and name.upper() not in KEYWORDS
        return name if plain else '"' + name.replace('"', '""') + '"'
    return token.text


def _blank_between(left: Token, right: Token) -> bool:
    if left.text in ("(", ".") or right.text in (")", ",", ".", ";"):
        return False
    if right.text == "(":
        return left.kind == "operator" or left.word in _BEFORE_BRACKET
    return True
