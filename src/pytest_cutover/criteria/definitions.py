"""Whether two spellings mean one thing: types, expressions, constraints and indexes, compared as PostgreSQL's parser sees them.

Where PostgreSQL prints an expression it adds casts to constants, turns IN into = ANY and spells out the schema; a person
leaves these out. Both spellings come to the same here.
"""

from __future__ import annotations

from typing import Any

import postgast
from google.protobuf.json_format import MessageToDict

_IGNORED_KEYS = frozenset({
    "location", "list_start", "list_end", "rexpr_list_start", "rexpr_list_end", "idxname", "if_not_exists", "concurrent",
    "inh", "relpersistence", "initially_valid", "skip_validation",
})  # fmt: skip
_QUALIFIED = ("names", "funcname", "collname", "opclass")
_DEFAULT_ORDER = {
    ("SORTBY_ASC", "SORTBY_NULLS_LAST"): ("SORTBY_DEFAULT", "SORTBY_NULLS_DEFAULT"),
    ("SORTBY_ASC", "SORTBY_NULLS_DEFAULT"): ("SORTBY_DEFAULT", "SORTBY_NULLS_DEFAULT"),
    ("SORTBY_DEFAULT", "SORTBY_NULLS_LAST"): ("SORTBY_DEFAULT", "SORTBY_NULLS_DEFAULT"),
    ("SORTBY_ASC", "SORTBY_NULLS_FIRST"): ("SORTBY_DEFAULT", "SORTBY_NULLS_FIRST"),
    ("SORTBY_DESC", "SORTBY_NULLS_FIRST"): ("SORTBY_DESC", "SORTBY_NULLS_DEFAULT"),
}
"""The order of an index's column, and how PostgreSQL prints it."""


def parse_type(text: str) -> Any:
    """The type as a comparable value.

    Raises:
        ValueError: the text is no type.
    """
    try:
        statements = postgast.parse(f"SELECT CAST(NULL AS {text})").stmts
    except postgast.PgQueryError as error:
        raise ValueError(f'"{text}" is no type: {error.message}') from error
    select = statements[0].stmt.select_stmt
    value = select.target_list[0].res_target.val
    if (
        len(statements) != 1
        or len(select.target_list) != 1
        or select.from_clause
        or value.WhichOneof("node") != "type_cast"
    ):
        raise ValueError(f'"{text}" is no type')
    if value.type_cast.type_name.names[-1].string.sval in ("serial", "bigserial", "smallserial"):
        raise ValueError(f'"{text}" is no type of a column: write integer, bigint or smallint')
    return _plain(_tree(value.type_cast.type_name))


def same_type(left: str, right: str) -> bool:
    """True where both texts name the same type, as `int4` and `integer` do."""
    return bool(parse_type(left) == parse_type(right))


def parse_expression(text: str) -> Any:
    """The expression as a comparable value.

    Raises:
        ValueError: the text is no expression.
    """
    try:
        statements = postgast.parse(f"SELECT (\n{text}\n)").stmts
    except postgast.PgQueryError as error:
        raise ValueError(f'"{text}" is no expression: {error.message}') from error
    return _plain(_tree(statements[0].stmt.select_stmt.target_list[0].res_target.val))


def parse_constraint(definition: str) -> dict[str, Any]:
    """The constraint as a comparable value. NOT VALID makes no difference.

    Raises:
        ValueError: the text does not define one constraint.
    """
    try:
        statements = postgast.parse(f"ALTER TABLE t ADD CONSTRAINT c {definition}").stmts
    except postgast.PgQueryError as error:
        raise ValueError(
            f"defines no constraint: {error.message}. Write what follows its name, as CHECK (cid > 0) or "
            "FOREIGN KEY (a) REFERENCES t(id)"
        ) from error
    tree = _tree(statements[0].stmt)
    commands = tree.get("alter_table_stmt", {}).get("cmds", [])
    if len(statements) != 1 or len(commands) != 1:
        raise ValueError("defines more than one constraint")
    plain: dict[str, Any] = _plain(commands[0]["alter_table_cmd"]["def"]["constraint"])
    plain.pop("conname", None)
    return plain


def parse_index(definition: str) -> tuple[str, Any]:
    """The index's name (empty where the text has none) and the index as a comparable value.

    Raises:
        ValueError: the text is not one CREATE INDEX.
    """
    try:
        statements = postgast.parse(definition).stmts
    except postgast.PgQueryError as error:
        raise ValueError(f"is not SQL: {error.message}") from error
    if len(statements) != 1 or statements[0].stmt.WhichOneof("node") != "index_stmt":
        raise ValueError("is not one CREATE INDEX statement; write it as in CREATE INDEX ON flights (callsign, cid)")
    statement = statements[0].stmt.index_stmt
    return statement.idxname, _plain(_tree(statement))


def _tree(message: Any) -> dict[str, Any]:
    tree: dict[str, Any] = MessageToDict(message, preserving_proto_field_name=True)
    return tree


def _plain(value: Any) -> Any:
    """The parse tree without places in the text and without what PostgreSQL adds when it prints an expression."""
    if isinstance(value, list):
        return [_plain(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "type_cast" in value:
        inner = value["type_cast"].get("arg", {})
        as_text = _type_name(value["type_cast"]) == ["text"]
        # The server prints these casts; a person does not write them.
        if "a_const" in inner and _type_name(value["type_cast"]) == ["regclass"]:
            return {"constant": str(_plain(inner)["constant"]).removeprefix("public.")}
        if "a_const" in inner or "a_array_expr" in inner or (as_text and "column_ref" in inner):
            return _plain(inner)
    if "a_const" in value:
        return _constant(value["a_const"])
    if "a_expr" in value:
        return _operator(value["a_expr"])
    if "bool_expr" in value:
        return _junction(value["bool_expr"])
    plain = {key: _plain(item) for key, item in value.items() if key not in _IGNORED_KEYS}
    if plain.get("schemaname") == "public":
        plain.pop("schemaname")
    for key in _QUALIFIED:
        names = plain.get(key)
        if isinstance(names, list) and len(names) > 1 and _text(names[0]) in ("pg_catalog", "public"):
            plain[key] = names[1:]
    order = (plain.get("ordering"), plain.get("nulls_ordering"))
    if order in _DEFAULT_ORDER:
        plain["ordering"], plain["nulls_ordering"] = _DEFAULT_ORDER[order]
    return plain


def _constant(constant: dict[str, Any]) -> Any:
    """A constant by its text, so that 0 and '0'::integer are one; without a text it is NULL."""
    if constant.get("isnull"):
        return {"constant": None}
    if "ival" in constant:
        return {"constant": str(constant["ival"].get("ival", 0))}
    if "boolval" in constant:
        return {"constant": str(constant["boolval"].get("boolval", False)).lower()}
    kind = next(iter(constant))
    return {"constant": str(next(iter(constant[kind].values()), ""))}


def _operator(expression: dict[str, Any]) -> Any:
    """An operator with its sides; IN, BETWEEN and LIKE as the operators that PostgreSQL turns them into."""
    kind = expression["kind"]
    name = [_text(part) for part in expression.get("name", [])][-1:]
    left, right = _plain(expression.get("lexpr")), _plain(expression.get("rexpr"))
    if kind == "AEXPR_IN":
        kind = "AEXPR_OP_ANY" if name == ["="] else "AEXPR_OP_ALL"
    if kind in ("AEXPR_OP_ANY", "AEXPR_OP_ALL"):
        return {"operator": name, "kind": kind, "left": left, "right": _members(right)}
    if kind in ("AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN"):
        low, high = right["list"]["items"]
        negated = kind == "AEXPR_NOT_BETWEEN"
        first, second = ("<", ">") if negated else (">=", "<=")
        return {
            "junction": "OR_EXPR" if negated else "AND_EXPR",
            "of": [
                {"operator": [first], "kind": "AEXPR_OP", "left": left, "right": low},
                {"operator": [second], "kind": "AEXPR_OP", "left": left, "right": high},
            ],
        }
    if kind in ("AEXPR_LIKE", "AEXPR_ILIKE"):
        kind = "AEXPR_OP"
    if name == ["-"] and left is None and isinstance(right, dict) and "constant" in right:
        return {"constant": f"-{right['constant']}"}
    return {"operator": name, "kind": kind, "left": left, "right": right}


def _junction(expression: dict[str, Any]) -> Any:
    """AND, OR or NOT; an AND inside an AND is the same as one with all their parts."""
    word = expression["boolop"]
    parts: list[Any] = []
    for part in _plain(expression.get("args", [])):
        if word != "NOT_EXPR" and isinstance(part, dict) and part.get("junction") == word:
            parts += part["of"]
        else:
            parts.append(part)
    return {"junction": word, "of": parts}


def _members(value: Any) -> Any:
    """The members of a list or an ARRAY[…]; anything else as it is."""
    if isinstance(value, dict) and "a_array_expr" in value:
        return value["a_array_expr"].get("elements", [])
    if isinstance(value, dict) and "list" in value:
        return value["list"].get("items", [])
    return value


def _type_name(cast: dict[str, Any]) -> list[str]:
    names = [_text(name) for name in cast.get("type_name", {}).get("names", [])]
    return names[1:] if names[:1] == ["pg_catalog"] else names


def _text(node: Any) -> str:
    return str(node.get("string", {}).get("sval", "")) if isinstance(node, dict) else str(node)
