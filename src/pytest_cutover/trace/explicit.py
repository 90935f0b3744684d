"""The locks of statements that no event trigger fires for, from their own words."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import postgast

from pytest_cutover.names import parse_relation
from pytest_cutover.trace.model import Relation
from pytest_cutover.trace.triggers import STRONG

VERBS = frozenset(("TRUNCATE", "LOCK", "VACUUM", "ANALYZE", "ANALYSE", "CLUSTER", "REINDEX"))
_WORDS = re.compile(rf"\b({'|'.join(sorted(VERBS))})\b", re.IGNORECASE)
_UPDATE_EXCLUSIVE, _SHARE, _ACCESS_EXCLUSIVE = STRONG[0], STRONG[1], STRONG[4]
_WEAK_MODES = 3
"""ACCESS SHARE, ROW SHARE and ROW EXCLUSIVE come first in PostgreSQL's numbering, from 1."""


def explicit_locks(
    text: str, cascaded: Iterable[str], relations: Mapping[int, Relation]
) -> Iterator[tuple[int, str]]:  # fmt: skip
    """The tables and modes, as pg_locks has them, of TRUNCATE, LOCK, VACUUM, ANALYZE, CLUSTER and REINDEX in the text.

    `cascaded` are the names of tables that a TRUNCATE took along. A name without a schema means every table of that
    name, since the search path is not known. VACUUM and ANALYZE of a whole database are left out: they lock one table at
    a time.
    """
    for kind, statement in _statements(text):
        for name, schema, mode in _taken(kind, statement):
            yield from ((oid, mode) for oid in _tables(relations, name, schema))
        if kind == "truncate_stmt":
            yield from cascaded_locks(cascaded, relations)


def cascaded_locks(names: Iterable[str], relations: Mapping[int, Relation]) -> Iterator[tuple[int, str]]:
    """The tables of those names that a TRUNCATE took along, and the mode."""
    for name in names:
        yield from ((oid, _ACCESS_EXCLUSIVE) for oid in _tables(relations, name, ""))


def waited_locks(text: str, relations: Mapping[int, Relation]) -> Iterator[tuple[int, str]]:
    """Those of `explicit_locks` that keep others out, are waited for, and name one table without doubt."""
    for kind, statement in _statements(text):
        if (kind == "lock_stmt" and statement.nowait) or (
            kind == "vacuum_stmt" and _has(statement.options, "skip_locked")
        ):
            continue
        for name, schema, mode in _taken(kind, statement):
            tables = _tables(relations, name, schema)
            if len(tables) == 1 and mode != _UPDATE_EXCLUSIVE:
                yield tables.pop(), mode


def _statements(text: str) -> Iterator[tuple[str, Any]]:
    """Kind and tree of each statement in a text with one of the words; none of a text that cannot be parsed."""
    if _WORDS.search(text) is None:
        return
    try:
        parsed = postgast.parse(text)
    except postgast.PgQueryError:
        return
    for raw in parsed.stmts:
        kind = raw.stmt.WhichOneof("node")
        yield kind, getattr(raw.stmt, kind)


def _has(options: Iterable[Any], name: str) -> bool:
    return any(option.def_elem.defname == name for option in options)


def _is_concurrent(reindex: Any) -> bool:
    return _has(reindex.params, "concurrently")


def _taken(kind: str, statement: Any) -> Iterator[tuple[str, str, str]]:
    """Name, schema and mode of each relation that the statement names."""
    if kind == "truncate_stmt":
        for each in statement.relations:
            yield each.range_var.relname, each.range_var.schemaname, _ACCESS_EXCLUSIVE
    elif kind == "lock_stmt":
        for each in statement.relations:
            if statement.mode > _WEAK_MODES:
                yield each.range_var.relname, each.range_var.schemaname, STRONG[statement.mode - _WEAK_MODES - 1]
    elif kind == "vacuum_stmt":
        full = statement.is_vacuumcmd and _has(statement.options, "full")
        for each in statement.rels:
            relation = each.vacuum_relation.relation
            yield relation.relname, relation.schemaname, _ACCESS_EXCLUSIVE if full else _UPDATE_EXCLUSIVE
    elif kind == "cluster_stmt":
        if statement.HasField("relation"):
            yield statement.relation.relname, statement.relation.schemaname, _ACCESS_EXCLUSIVE
    elif kind == "reindex_stmt" and statement.HasField("relation"):
        mode = _UPDATE_EXCLUSIVE if _is_concurrent(statement) else _SHARE
        yield statement.relation.relname, statement.relation.schemaname, mode


def _tables(relations: Mapping[int, Relation], name: str, schema: str) -> set[int]:
    """The oids of the tables of that name, or of the tables whose index has it."""
    named = [(parse_relation(each.name), each) for each in relations.values()]
    return {each.table or each.oid for found, each in named if found.name == name and schema in ("", found.schema)}
