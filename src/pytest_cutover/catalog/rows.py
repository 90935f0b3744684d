"""Makes single objects of the rows of the queries, without looking at other rows."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from pytest_cutover.catalog import codes
from pytest_cutover.catalog.acl import parse_acl
from pytest_cutover.catalog.objects import Column, DomainConstraint, Extension, Function, Schema, Table, Type, View
from pytest_cutover.names import DEFAULT_SCHEMA, format_name

_SERVERS_OWN = "pg_attver="
"""The minor releases of November 2026 (15.20 among them) count each change of a column in an option that no dump holds."""


def make_schema(row: Any) -> Schema:
    """The schema of a row."""
    return Schema(name=row.name, owner=row.owner, acl=parse_acl(row.acl), comment=row.comment)


def make_extension(row: Any) -> Extension:
    """The extension of a row."""
    return Extension(name=row.name, version=row.version, schema=row.schema, owner=row.owner, comment=row.comment)


def make_column(row: Any, table: str, position: int) -> Column:
    """The column of a row."""
    return Column(
        table,
        row.name,
        position,
        row.type,
        not row.not_null,
        row.default,
        row.identity and codes.IDENTITY[row.identity],
        row.generated and codes.GENERATED[row.generated],
        row.collation,
        row.storage and codes.STORAGE[row.storage],
        row.compression and codes.COMPRESSION[row.compression],
        row.statistics,
        _sorted(each for each in row.options if not each.startswith(_SERVERS_OWN)) if row.options else (),
        _sorted(row.server_options) if row.server_options else (),
        parse_acl(row.acl) if row.acl else (),
        row.comment,
    )


def make_table(row: Any) -> Table:
    """The table of a row."""
    parents = tuple(format_name(*parent) for parent in row.parents or ())
    toast_options = [f"toast.{option}" for option in row.toast_options or ()]
    return Table(
        schema=row.schema,
        name=row.name,
        kind=codes.TABLE_KINDS[row.kind],
        persistence=codes.PERSISTENCE[row.persistence],
        owner=row.owner,
        rls_enabled=row.rls_enabled,
        rls_forced=row.rls_forced,
        inherits=() if row.is_partition else parents,
        partition_of=parents[0] if row.is_partition else None,
        partition_bound=row.partition_bound,
        partition_key=row.partition_key,
        of_type=row.of_type,
        options=_sorted([*(row.options or ()), *toast_options]),
        access_method=row.access_method,
        tablespace=row.tablespace,
        replica_identity=codes.REPLICA_IDENTITY[row.replica_identity],
        server=row.server,
        server_options=_sorted(row.server_options),
        acl=parse_acl(row.acl),
        comment=row.comment,
    )


def make_view(row: Any, columns: Sequence[Column]) -> View:
    """The view of a row."""
    return View(
        schema=row.schema,
        name=row.name,
        materialized=row.kind == "m",
        definition=row.definition,
        owner=row.owner,
        columns=tuple(columns),
        populated=row.populated,
        options=_sorted(row.options),
        access_method=row.access_method,
        tablespace=row.tablespace,
        acl=parse_acl(row.acl),
        comment=row.comment,
    )


def make_function(row: Any) -> Function:
    """The function of a row."""
    body = row.body if row.library is None else f"{row.library}, {row.body}"
    return Function(
        schema=row.schema,
        name=row.name,
        argument_types=argument_types(row.argument_types, row.hidden or ()),
        kind=codes.FUNCTION_KINDS[row.kind],
        arguments=row.arguments,
        returns=row.returns,
        language=row.language,
        body=body if row.aggregate is None else row.aggregate,
        volatility=codes.VOLATILITY[row.volatility],
        owner=row.owner,
        strict=row.strict,
        security_definer=row.security_definer,
        leakproof=row.leakproof,
        parallel=codes.PARALLEL[row.parallel],
        cost=row.cost,
        rows=row.rows,
        support=row.support,
        transforms=tuple(row.transforms or ()),
        settings=_sorted(row.settings),
        acl=parse_acl(row.acl),
        comment=row.comment,
    )


def make_type(row: Any, attributes: Sequence[Column]) -> Type:
    """The type of a row."""
    return Type(
        schema=row.schema,
        name=row.name,
        kind=codes.TYPE_KINDS[row.kind],
        owner=row.owner,
        labels=tuple(row.labels or ()),
        base=row.base,
        nullable=not row.not_null,
        default=row.default,
        collation=row.collation,
        constraints=tuple(
            DomainConstraint(name, definition.removesuffix(" NOT VALID"), validated == "true", comment)
            for name, definition, validated, comment in row.constraints or ()
        ),
        attributes=tuple(attributes),
        details=tuple(row.details or ()),
        acl=parse_acl(row.acl),
        comment=row.comment,
    )


def _sorted(items: Iterable[str] | None) -> tuple[str, ...]:
    return tuple(sorted(items)) if items else ()


def name_suspended(rows: Iterable[Sequence[str]]) -> Iterator[str]:
    """The tables whose triggers do not fire as they should, each with how they stand."""
    for schema, table, state in rows:
        yield f"{format_name(schema, table)} {codes.ENABLED[state]}"


def argument_types(listed: str, hiding: Iterable[str]) -> str:
    """The types as a plan spells them: without the schema where it is `public`.

    `hiding` are the types of `public` that are called like a built-in one; they keep their schema.
    """
    prefix = f"{DEFAULT_SCHEMA}."
    if prefix not in listed:
        return listed
    kept = {f"{prefix}{name}" for name in hiding}
    types = _split_types(listed)
    return ", ".join(each if each.removesuffix("[]") in kept else each.removeprefix(prefix) for each in types)


def _split_types(listed: str) -> list[str]:
    """The types between the commas; a comma inside double quotes belongs to a name."""
    types, quoted, start = [], False, 0
    for position, character in enumerate(listed):
        if character == '"':
            quoted = not quoted
        elif character == "," and not quoted:
            types.append(listed[start:position])
            start = position + 2
    return [*types, listed[start:]]
