"""The SQL inside a plan for SQLite: what is allowed where, and why something is not.

Every function raises ValueError with what is wrong and the way out; nothing here opens a database but an empty one in
memory, whose parser says what is no SQL. What a check may do is enforced a second time where it runs.
"""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from typing import TypeVar

from pytest_cutover.expected import Comment, ExpectedQuery, PlacedStatement, match_expectations
from pytest_cutover.sql import Statement
from pytest_cutover.sqlite.tokens import Piece, Token, code, statements, tokens

T = TypeVar("T")

_KINDS = {
    "SELECT": "SelectStmt", "VALUES": "SelectStmt", "INSERT": "InsertStmt", "REPLACE": "InsertStmt",
    "UPDATE": "UpdateStmt", "DELETE": "DeleteStmt", "PRAGMA": "PragmaStmt",
}  # fmt: skip
"""What a statement is by its verb, in the words of `pytest_cutover.sql`."""

_TRANSACTION = ("BEGIN", "COMMIT", "END", "ROLLBACK", "SAVEPOINT", "RELEASE")
_NOT_TRIED = ("ATTACH", "DETACH", "VACUUM")
SESSION_PRAGMAS = ("foreign_keys", "recursive_triggers")
"""What the statements of `accepts` and `rejects` may set first, as the application does."""

REACHES_OUT = frozenset({"edit", "fts3_tokenizer", "load_extension", "readfile", "writefile"})
"""Functions that a SELECT must not call."""

_ENDS_FROM = ("WHERE", "GROUP", "HAVING", "ORDER", "LIMIT", "WINDOW", "UNION", "EXCEPT", "INTERSECT", "SELECT")
_NOT_SQL = ("syntax error", "unrecognized token", "incomplete input")
_COMMENT = re.compile(r"--\s*(expect\w*)\b\s*(:?)\s*(.*?)\s*$", re.IGNORECASE)


def parse_select(text: str) -> str:
    """The one SELECT that the text holds, without its semicolon.

    Raises:
        ValueError: it is no SQL, not exactly one statement, not a SELECT, or one that writes or reaches out.
    """
    found = _pieces(text)
    if len(found) != 1:
        raise ValueError(f"holds {len(found)} statements; write exactly one SELECT")
    _refuse_writing(found[0])
    return found[0].text


def parse_predicate(text: str) -> str:
    """The one expression that the text holds; put in parentheses on lines of its own it stays one.

    Raises:
        ValueError: it is empty, no expression, a list, a SELECT, leaves its parentheses, or reaches out.
    """
    found = _code(text)
    if not found:
        raise ValueError("is empty; write a condition that every row meets, as cid > 0")
    depth = 0
    for token in found:
        if token.kind != "operator":
            continue
        depth += {"(": 1, ")": -1}.get(token.text, 0)
        if depth < 0:
            raise ValueError('closes a parenthesis that it did not open; write one condition, as "cid > 0"')
        if token.text == ";":
            raise ValueError("holds a semicolon; write one condition, not a statement")
        if token.text == "," and depth == 0:
            raise ValueError("is a list of expressions; write one condition, joined with AND")
    if found[0].word in ("SELECT", "WITH", "VALUES", "TABLE", "WHERE"):
        raise ValueError(f"begins with {found[0].word}; write only the condition, or use the kind `query`")
    _refuse_reaching_out(found)
    _check_syntax(f"SELECT (\n{text}\n)")
    return text.strip()


def parse_statements(text: str) -> list[Statement]:
    """The statements of the text in their order, as they may run inside one transaction that is undone.

    Raises:
        ValueError: it is no SQL, holds no statement, or one that would leave the transaction or the file.
    """
    pieces = _pieces(text)
    if not pieces:
        raise ValueError("holds no statement")
    found: list[Statement] = []
    for piece in pieces:
        verb = _verb(piece)
        if verb in _TRANSACTION:
            raise ValueError("begins or ends a transaction; leave that out: the statement is always undone")
        if verb == "EXPLAIN":
            raise ValueError("is an EXPLAIN, which only plans; write the statement itself")
        if verb in _NOT_TRIED:
            raise ValueError(f"is {verb}, which cannot be undone; leave it out")
        if verb == "PRAGMA":
            _check_pragma(piece, first=all(each.kind == "PragmaStmt" for each in found))
        _refuse_reaching_out(piece.tokens)
        _check_syntax(piece.text)
        found.append(Statement(piece.text, _KINDS.get(verb, verb)))
    if found[-1].kind == "PragmaStmt":
        raise ValueError("ends with a PRAGMA, which nothing refuses; write the statement that it prepares")
    return found


def split_queries(text: str, file: str, read: Callable[[str], T]) -> list[tuple[ExpectedQuery, T]]:
    """The queries of a checks file, each with what `read` makes of its `-- expect:` comment.

    The comment stands before its query, in it or behind it on its last line.

    Raises:
        ValueError: at least one is wrong; the message lists all, one per line, each with file and line.
    """
    try:
        pieces = _pieces(text)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    placed = []
    for piece in pieces:
        line = text.count("\n", 0, piece.start) + 1
        refused = None
        try:
            _refuse_writing(piece)
        except ValueError as error:
            refused = str(error)
        behind = text[piece.end :].split("\n", 1)[0]
        placed.append(PlacedStatement(ExpectedQuery(piece.text, line), piece.end, behind, refused))
    comments = [
        Comment(token.text, token.start, text.count("\n", 0, token.start) + 1)
        for token in tokens(text)
        if token.kind == "comment"
    ]
    return match_expectations(file, placed, comments, read)


def tables_read(text: str) -> list[str]:
    """What stands where a query names its tables and views, in its order."""
    found: dict[str, None] = {}
    listed = code(text)
    # For each open bracket: whether a comma leads to one more table.
    listing = [False]
    previous: Token | None = None
    for place, token in enumerate(listed):
        expected = previous is not None and (
            previous.word in ("FROM", "JOIN") or (previous.text == "," and listing[-1])
        )
        if expected and token.kind in ("word", "name"):
            behind = listed[place + 1 : place + 3]
            inside = len(behind) == 2 and behind[0].text == "."
            found[behind[1].identifier if inside else token.identifier] = None
        if token.text == "(":
            listing.append(False)
        elif token.text == ")" and len(listing) > 1:
            listing.pop()
        elif token.word == "FROM":
            listing[-1] = True
        elif token.word in _ENDS_FROM:
            listing[-1] = False
        previous = token
    return list(found)


def names_in(predicate: str) -> set[str]:
    """Every name in an expression: its columns, and whatever else is named."""
    return {token.identifier for token in code(predicate) if token.kind in ("word", "name")}


def _code(text: str) -> list[Token]:
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    try:
        return code(text)
    except ValueError as error:
        raise ValueError(f"is not SQL: {error}") from error


def _pieces(text: str) -> list[Piece]:
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    shown = [line.strip() for line in text.splitlines() if re.match(r"\s*\.[a-z]+\b", line)]
    try:
        return list(statements(text))
    except ValueError as error:
        if shown:
            raise ValueError(f"holds the shell's command {shown[0].split()[0]}; write it as SQL") from error
        raise ValueError(f"is not SQL: {error}") from error


def _verb(piece: Piece) -> str:
    """The word that says what the statement does, behind a WITH the one of its main part."""
    first = piece.tokens[0].word or piece.tokens[0].text
    if first != "WITH":
        return first
    depth = 0
    for token in piece.tokens[1:]:
        if token.kind == "operator":
            depth += {"(": 1, ")": -1}.get(token.text, 0)
        elif depth == 0 and token.word in ("SELECT", "VALUES", "INSERT", "REPLACE", "UPDATE", "DELETE"):
            return token.word
    return first


def _refuse_writing(piece: Piece) -> None:
    verb = _verb(piece)
    if verb.startswith("."):
        raise ValueError(
            f"holds the shell's command {''.join(token.text for token in piece.tokens[:2])}; write it as SQL"
        )
    if verb == "PRAGMA":
        name = piece.tokens[1].identifier if len(piece.tokens) > 1 else "table_info"
        raise ValueError(
            f"is not a SELECT (PRAGMA); what only reads can be asked as a table: SELECT * FROM pragma_{name}"
        )
    if verb not in ("SELECT", "VALUES"):
        _check_syntax(piece.text.removeprefix(piece.tokens[0].text) if verb == "EXPLAIN" else piece.text)
        raise ValueError(f"is not a SELECT ({verb}); a check only reads")
    _refuse_reaching_out(piece.tokens)
    _check_syntax(piece.text)


def _refuse_reaching_out(found: Sequence[Token]) -> None:
    for token, behind in zip(found, [*found[1:], None], strict=True):
        if token.kind == "variable":
            raise ValueError(f"holds the parameter {token.text}; write the value")
        called = behind is not None and behind.text == "(" and token.kind in ("word", "name")
        if called and token.identifier.lower() in REACHES_OUT:
            raise ValueError(f"calls {token.identifier}(), which does more than read")


def _check_pragma(piece: Piece, first: bool) -> None:
    name = piece.tokens[1].identifier.lower() if len(piece.tokens) > 1 else ""
    if name not in SESSION_PRAGMAS:
        raise ValueError(f"is PRAGMA {name}; the statements may set only {' and '.join(SESSION_PRAGMAS)}")
    if not first:
        raise ValueError(f"sets {name} inside the transaction, where SQLite ignores it; write it first")


def _check_syntax(text: str) -> None:
    """Raises ValueError where SQLite's parser takes the text for no SQL. That a table is not there is no matter here."""
    with closing(sqlite3.connect(":memory:")) as connection:
        try:
            connection.execute(f"EXPLAIN {text}")
        except sqlite3.Error as error:
            if any(each in str(error) for each in _NOT_SQL):
                raise ValueError(f"is not SQL: {error}") from error
