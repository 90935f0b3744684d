"""The SQL inside a plan, read by PostgreSQL's own parser: what is allowed where, and why something is not.

Every function raises ValueError with what is wrong and the way out; nothing here talks to a server.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, TypeVar

import postgast

from pytest_cutover.expected import Comment, ExpectedQuery, PlacedStatement, match_expectations

T = TypeVar("T")

_WRITES = {
    "InsertStmt": "INSERT", "UpdateStmt": "UPDATE", "DeleteStmt": "DELETE", "MergeStmt": "MERGE",
}  # fmt: skip

_REACHES_OUT = re.compile(
    r"dblink.*|lo_.*|nextval|setval|set_config|pg_(try_)?advisory_.*|pg_cancel_backend|pg_terminate_backend|pg_notify"
    r"|pg_logical_.*|pg_replication_(origin|slot)_.*|pg_(create|drop|copy)_.*|pg_(wal|xlog)_replay_.*|pg_sync_.*"
    r"|pg_promote|pg_reload_conf|pg_rotate_logfile|pg_stat_(statements_)?reset.*|pg_stat_force_next_flush|pg_switch_.*"
    r"|pg_(start_|stop_)?backup.*|pg_export_snapshot|pg_file_.*|pg_prewarm|pg_import_system_collations"
    r"|pg_(restore|clear)_.*_stats|pg_log_backend_memory_contexts|pg_read_(binary_)?file|pg_ls_.*"
    r"|query_to_xml.*|cursor_to_xml.*"
)
"""Functions that a SELECT must not call: they change the session, the server or something outside of it."""


@dataclass(frozen=True)
class Statement:
    """One statement: its text without the semicolon, and the parser's name of its kind, as `InsertStmt`."""

    text: str
    kind: str


def parse_select(text: str) -> str:
    """The one SELECT that the text holds, without its semicolon.

    Raises:
        ValueError: it is no SQL, not exactly one statement, not a SELECT, or one that writes, locks or reaches out.
    """
    statements = _statements(_parse(text), text)
    if len(statements) != 1:
        raise ValueError(f"holds {len(statements)} statements; write exactly one SELECT")
    node, statement = statements[0]
    _refuse_writing(node, statement.kind)
    return statement.text


def parse_predicate(text: str) -> str:
    """The one expression that the text holds; put in parentheses on lines of its own it stays one.

    Raises:
        ValueError: it is empty, no expression, a list, a SELECT, leaves its parentheses, or writes.
    """
    if not text.strip():
        raise ValueError("is empty; write a condition that every row meets, as cid > 0")
    depth = 0
    names: list[str] = []
    for _, name, _, _ in _tokens(text):
        names.append(name)
        depth += {"ASCII_40": 1, "ASCII_41": -1}.get(name, 0)
        if depth < 0:
            raise ValueError('closes a parenthesis that it did not open; write one condition, as "cid > 0"')
    if "ASCII_59" in names:
        raise ValueError("holds a semicolon; write one condition, not a statement")
    words = [name for name in names if name not in ("SQL_COMMENT", "C_COMMENT")]
    if words and words[0] in ("SELECT", "WITH", "VALUES", "TABLE", "WHERE"):
        raise ValueError(f"begins with {words[0]}; write only the condition, or use the kind `query`")
    parsed = _parse(f"SELECT (\n{text}\n)")
    value = parsed.stmts[0].stmt.select_stmt.target_list[0].res_target.val
    if value.WhichOneof("node") == "row_expr":
        raise ValueError("is a list of expressions; write one condition, joined with AND")
    _refuse_writing(parsed.stmts[0].stmt.select_stmt, "SelectStmt")
    return text.strip()


def parse_statements(text: str) -> list[Statement]:
    """The statements of the text in their order, as they may run inside one transaction that is undone.

    Raises:
        ValueError: it is no SQL, holds no statement, or one that would leave the transaction or the role.
    """
    statements = [statement for _, statement in _statements(_parse(text), text)]
    if not statements:
        raise ValueError("holds no statement")
    for statement in statements:
        if statement.kind == "TransactionStmt":
            raise ValueError("begins or ends a transaction; leave that out: the statement is always undone")
        if statement.kind == "ExplainStmt":
            raise ValueError("is an EXPLAIN, which only plans; write the statement itself")
        if statement.kind == "CopyStmt":
            raise ValueError("is a COPY, which needs data beside it; write INSERT")
        if statement.kind == "VariableSetStmt" and re.search(
            r"\b(role|session\s+authorization|session_authorization)\b", statement.text, re.IGNORECASE
        ):
            raise ValueError("changes the role; give the role with the key `role`")
    if statements[-1].kind == "VariableSetStmt":
        raise ValueError("ends with a SET, which nothing refuses; write the statement that it prepares")
    return statements


def split_queries(text: str, file: str, read: Callable[[str], T]) -> list[tuple[ExpectedQuery, T]]:
    """The queries of a checks file, each with what `read` makes of its `-- expect:` comment.

    The comment stands before its query, in it or behind it on its last line.

    Raises:
        ValueError: at least one is wrong; the message lists all, one per line, each with file and line.
    """
    try:
        parsed = _parse(text)
    except ValueError as error:
        raise ValueError(f"{file}: {error}") from error
    raw = text.encode()
    placed = []
    for each, (node, statement) in zip(parsed.stmts, _statements(parsed, text), strict=True):
        end = each.stmt_location + each.stmt_len if each.stmt_len else len(raw)
        line = _line_of_code(text, raw, each.stmt_location, end)
        behind = raw[end:].split(b"\n", 1)[0].decode("latin-1")
        refused = None
        try:
            _refuse_writing(node, statement.kind)
        except ValueError as error:
            refused = str(error)
        placed.append(PlacedStatement(ExpectedQuery(statement.text, line), end, behind, refused))
    comments = [
        Comment(comment, at, raw.count(b"\n", 0, at) + 1)
        for comment, name, at, _ in _tokens(text)
        if name == "SQL_COMMENT"
    ]
    return match_expectations(file, placed, comments, read)


def tables_read(text: str) -> list[str]:
    """The tables and views that a query names, as `name` or `schema.name`, in their order; its own CTEs left out."""
    parsed = _parse(text)
    own = {node.ctename for _, node in postgast.walk(parsed) if type(node).__name__ == "CommonTableExpr"}
    found: dict[str, None] = {}
    for _, node in postgast.walk(parsed):
        if type(node).__name__ == "RangeVar":
            relation: Any = node
            if relation.schemaname or relation.relname not in own:
                schema = f"{relation.schemaname}." if relation.schemaname not in ("", "public") else ""
                found[schema + relation.relname] = None
    return list(found)


def names_in(predicate: str) -> set[str]:
    """The last part of every name in an expression: its columns, and those of any subquery in it."""
    found: set[str] = set()
    for _, node in postgast.walk(_parse(f"SELECT (\n{predicate}\n)")):
        if type(node).__name__ == "ColumnRef":
            last: Any = node.fields[-1]
            if last.WhichOneof("node") == "string":
                found.add(last.string.sval)
    return found


def holds_subquery(predicate: str) -> bool:
    """True where an expression looks into other rows or tables."""
    return any(type(node).__name__ == "SubLink" for _, node in postgast.walk(_parse(f"SELECT (\n{predicate}\n)")))


def _parse(text: str) -> Any:
    if "\x00" in text:
        raise ValueError("holds a NUL character")
    try:
        return postgast.parse(text)
    except postgast.PgQueryError as error:
        shown = [line.strip() for line in text.splitlines() if line.strip().startswith("\\")]
        if shown:
            raise ValueError(f"holds the psql command {shown[0].split()[0]}; write it as SQL") from error
        raise ValueError(f"is not SQL: {error.message}") from error


def _statements(parsed: Any, text: str) -> list[tuple[Any, Statement]]:
    nodes = [postgast.unwrap_node(each.stmt) for each in parsed.stmts]
    pieces = pieces_of(parsed, text.encode())
    return [(node, Statement(piece, type(node).__name__)) for node, (piece, _) in zip(nodes, pieces, strict=True)]


def pieces_of(parsed: Any, raw: bytes) -> list[tuple[str, int]]:
    """Each statement that the parser found in the text: itself without the semicolon, and its first byte."""
    found = []
    for each in parsed.stmts:
        end = each.stmt_location + each.stmt_len if each.stmt_len else len(raw)
        piece = raw[each.stmt_location : end]
        found.append((piece.decode().strip(), each.stmt_location + len(piece) - len(piece.lstrip())))
    return found


def _refuse_writing(root: Any, kind: str) -> None:
    if kind == "DoStmt":
        raise ValueError("is a DO block, which gives no result to compare; write a SELECT")
    if kind != "SelectStmt":
        word = re.sub(r"(?<!^)(?=[A-Z])", " ", kind.removesuffix("Stmt")).upper()
        raise ValueError(f"is not a SELECT ({word}); a check only reads")
    for _, found in postgast.walk(root):
        node: Any = found
        name = type(node).__name__
        if name in _WRITES:
            raise ValueError(f"holds {_WRITES[name]} inside a WITH; a check only reads")
        if name == "IntoClause":
            raise ValueError("is a SELECT INTO, which makes a table; leave the INTO out")
        if name == "LockingClause":
            raise ValueError("locks rows (FOR UPDATE, FOR SHARE, …); leave the locking clause out")
        if name == "ParamRef":
            raise ValueError(f"holds the parameter ${node.number}; write the value")
        if name == "FuncCall":
            called = node.funcname[-1].string.sval
            if _REACHES_OUT.fullmatch(called):
                raise ValueError(f"calls {called}(), which does more than read")


_CONSTANTS = ("SCONST", "USCONST", "ICONST", "FCONST", "BCONST", "XCONST")
_SHOWN_WHOLE = ("SELECT", "WITH", "INSERT", "UPDATE", "DELETE_P", "MERGE", "VALUES", "TABLE")
_DDL = (
    "CREATE", "ALTER", "DROP", "TRUNCATE", "LOCK_P", "VACUUM", "ANALYZE", "CLUSTER", "REINDEX", "REFRESH", "COMMENT", "COPY",
)  # fmt: skip
_SECRETIVE = frozenset(("ROLE", "USER", "GROUP_P", "SYSTEM_P", "DATABASE", "SERVER", "SUBSCRIPTION", "FOREIGN"))
"""What such DDL is about may have a password, or a setting, among its words."""
_SHAPE = 120


def shape_of(text: str) -> str:
    """The statement on one line, shortened, without a constant or comment: `SELECT * FROM t WHERE id = ?`.

    Of what is no query, as ALTER ROLE, only the leading key words are left: names may be secrets there.
    """
    return shorten_shape(_shape(text, _SHOWN_WHOLE))


def whole_shape_of(text: str) -> str:
    """The shape of a statement not shortened, with the names that DDL is about."""
    return _shape(text, (*_SHOWN_WHOLE, *_DDL))


def shorten_shape(shape: str) -> str:
    """The shape's beginning."""
    return shape if len(shape) <= _SHAPE else shape[: _SHAPE - 1] + "…"


def _shape(text: str, shown_whole: tuple[str, ...]) -> str:
    try:
        tokens = [each for each in _tokens(text) if each[1] not in ("SQL_COMMENT", "C_COMMENT")]
    except ValueError:
        return "(a statement that cannot be read)"
    words = [name for _, name, _, _ in tokens if name != "ASCII_40"]
    whole = bool(words) and words[0] in shown_whole and not _SECRETIVE.intersection(words[1:2])
    shape, end = "", 0
    for word, name, start, stop in tokens:
        if not whole and name in ("IDENT", "UIDENT", *_CONSTANTS):
            return f"{shape} …"
        shape += (" " if shape and start > end else "") + ("?" if name in _CONSTANTS else word)
        end = stop
    return shape


def _tokens(text: str) -> Iterator[tuple[str, str, int, int]]:
    """Each token: its text, the scanner's name of it, first byte, byte behind it."""
    raw = text.encode()
    try:
        scanned = postgast.scan(text)
    except postgast.PgQueryError as error:
        raise ValueError(f"is not SQL: {error.message}") from error
    for token in scanned.tokens:
        name = postgast.pg_query_pb2.Token.Name(token.token)
        yield raw[token.start : token.end].decode(), name, token.start, token.end


def _line_of_code(text: str, raw: bytes, start: int, end: int) -> int:
    """The line of the first token between two bytes that is no comment."""
    for _, name, at, _ in _tokens(text):
        if start <= at < end and name not in ("SQL_COMMENT", "C_COMMENT"):
            return raw.count(b"\n", 0, at) + 1
    return raw.count(b"\n", 0, start) + 1
