"""What the kinds on rows share: is the table there, does it hold rows, which rows are behind a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import psycopg

from pytest_cutover.criteria.checking import DatabaseKind, did_you_mean, listed, rows
from pytest_cutover.database import Database
from pytest_cutover.errors import NoBaseline, NotChecked, QueryError, describe_error
from pytest_cutover.finding import EVIDENCE_ROWS, Evidence, Finding
from pytest_cutover.names import parse_relation, quote_identifier, quote_relation

FEW_ROWS = 250_000
"""A table of more rows is not read a second time to say what `before` held."""


class Counted(NamedTuple):
    """What counting over a table gave: the sums, and what each part of the table contributed, by its condition."""

    sums: tuple[int, ...]
    parts: tuple[tuple[str, tuple[int, ...]], ...]

    def holding(self, position: int) -> list[str]:
        """The conditions of the parts that contributed to one of the sums."""
        return [condition for condition, numbers in self.parts if numbers[position]]


def counted(database: Database, table: str, ask: Callable[[str], Sequence[Any]], alias: str = "") -> Counted:
    """Adds up what `ask` returns for each part of the table, given the part's condition.

    Raises:
        QueryError: the database refused to tell.
    """
    parts = tuple((part, tuple(map(int, ask(part)))) for part in database.parts(table, alias))
    return Counted(tuple(map(sum, zip(*(numbers for _, numbers in parts), strict=True))), parts)


class TableKind(DatabaseKind):
    """A kind that looks at the rows of a table or view."""

    def missing(self, before: Database, after: Database, table: str, columns: Sequence[str] = ()) -> Finding | None:
        """The finding where the table or one of the columns is not there; None where all are."""
        relations = [*after.catalog.tables, *after.catalog.views]
        if table not in relations:
            was = table in before.catalog.tables or table in before.catalog.views
            hint = "" if was else did_you_mean(table, relations)
            return Finding(
                False, f"there is no table {table}{', though there was one before' if was else ''}{hint}",
                before="a table" if was else "no such table", expected=f"table {table}", actual="no such table",
            )  # fmt: skip
        known = [column.name for column in after.catalog.columns_of(table)]
        for column in columns:
            if column not in known:
                was = not absent_columns(before, table, [column])
                hint = "" if was else did_you_mean(column, known)
                return Finding(
                    False, f"{table} has no column {column}{', though it had one before' if was else ''}{hint}",
                    before="" if was else f"no column {column}", expected=f"column {column}", actual="no such column",
                )  # fmt: skip
        return None

    def empty(self, before: Database, table: str, expected: str) -> Finding:
        """The finding on a table that holds no row: it proves nothing, and it is a failure where it held some before.

        Raises:
            NotChecked: there were none before either.
        """
        try:
            earlier = before.count(table) if exists(before, table) else 0
        except NoBaseline:
            earlier = 0
        if earlier == 0:
            raise NotChecked(f"{table} has no rows, so this proves nothing")
        return Finding(
            False, f"{table} has no rows, and had {earlier:,} before", before=rows(earlier), expected=expected,
            actual="0 rows in the table",
        )  # fmt: skip


def exists(database: Database, table: str) -> bool:
    """True where the database has such a table or view."""
    return table in database.catalog.tables or table in database.catalog.views


def absent_columns(database: Database, table: str, columns: Sequence[str]) -> str:
    """What the database lacks of a table and its columns, in words; empty where it has all."""
    if not exists(database, table):
        return f"no table {table}"
    known = {column.name for column in database.catalog.columns_of(table)}
    lacking = [column for column in columns if column not in known]
    return f"no column {listed(lacking)}" if lacking else ""


def offending(
    database: Database, table: str, condition: str, shown: Sequence[str], title: str, total: int,
    parameters: Sequence[Any] | None = None, alias: str = "", parts: Sequence[str] = ("true",),
) -> Evidence:  # fmt: skip
    """The first rows that meet the condition: primary key (or its place where there is none), and the `shown` values.

    All are text: Python has no value for some of PostgreSQL's, as the date infinity. With parameters, PostgreSQL's
    driver wants a `%` in the condition written `%%`. `parts` are those of the table that hold such rows, in their order.
    """
    keys = list(database.catalog.primary_key(table))
    if not keys:
        keys = list(database.places(table)[-1:])
    columns = [*keys, *(name for name in shown if name not in keys)]
    # The qualified name keeps ORDER BY from taking the text of the result instead of the column.
    prefix = alias or quote_identifier(parse_relation(table).name)
    selected = ", ".join(
        f"{database.as_text(f'{prefix}.{quote_identifier(name)}')} AS {quote_identifier(name)}" for name in columns
    )
    order = ", ".join(f"{prefix}.{quote_identifier(name)}" for name in keys) or "1"
    relation = database.relation(table)
    if parameters is not None and database.dialect == "postgresql":
        relation = relation.replace("%", "%%")
        selected, order = selected.replace("%", "%%"), order.replace("%", "%%")
    found: list[tuple[Any, ...]] = []
    for part in parts:
        if len(found) < EVIDENCE_ROWS:
            found += database.query(
                f"SELECT {selected} FROM {relation} {alias} WHERE ({condition}) AND {part} ORDER BY {order} "
                f"LIMIT {EVIDENCE_ROWS - len(found)}",
                parameters,
            ).rows
    return Evidence.of(title, columns, found, total, keys)


def mentioned(database: Database, table: str, names: set[str]) -> list[str]:
    """The columns of the table among the names, in the table's order."""
    return [column.name for column in database.catalog.columns_of(table) if column.name in names]


def base_type(database: Database, table: str, column: str) -> str:
    """The column's type without length or precision, so that a cast to it neither cuts nor rounds."""
    return str(
        database.scalar(
            "SELECT pg_catalog.format_type(atttypid, -1) FROM pg_catalog.pg_attribute"
            " WHERE attrelid = %s::pg_catalog.regclass AND attname = %s",
            (quote_relation(table), column),
        )
    )


def explain(error: psycopg.Error) -> QueryError:
    """The driver's error as ours."""
    return QueryError(describe_error(error), error.sqlstate)
