"""What the kinds on rows share: is the table there, does it hold rows, which rows are behind a finding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

import psycopg
from pydantic import Field

from pytest_cutover.criteria.checking import DatabaseKind, did_you_mean, listed, rows
from pytest_cutover.database import Database
from pytest_cutover.errors import NoBaseline, NotChecked, QueryError, describe_error
from pytest_cutover.finding import EVIDENCE_ROWS, Evidence, Finding
from pytest_cutover.names import parse_relation, quote_identifier, quote_relation
from pytest_cutover.plan.values import Percent, TableName

FEW_ROWS = 250_000
"""A table of more rows is not read a second time to say what `before` held."""


class Counted(NamedTuple):
    """What counting over a table gave: the sums, and what each part of the table contributed, by its condition."""

    sums: tuple[int, ...]
    parts: tuple[tuple[str, tuple[int, ...]], ...]

    def holding(self, position: int) -> list[str]:
        """The conditions of the parts that contributed to one of the sums."""
        return [condition for condition, numbers in self.parts if numbers[position]]


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


class RowByRowKind(TableKind):
    """A kind that judges each row of a table by itself, so that some of the rows can be judged, too."""

    table: TableName = Field(description="the table")
    sample: Percent | None = Field(
        None, description="on a live PostgreSQL database: look only at about this share of the rows, as 1%; it is said"
    )

    def check(self, before: Database, after: Database) -> Finding:
        """Finds whether the criterion holds; of a sample the finding says that it is one."""
        finding = super().check(before, after)
        nothing_read = finding.actual.startswith(("no such table", "no such column", "an error"))
        if self.sampling(after) == "" or nothing_read:
            return finding
        share = f"about {self.sample:g} % of the rows of {self.table}"
        return replace(
            finding, message=f"in a sample, {share}, and nothing is known of the others: {finding.message}",
            actual=f"{finding.actual} in a sample of {share}", held_before=None,
        )  # fmt: skip

    def sampling(self, database: Database) -> str:
        """The clause behind the table in SQL; empty where every row is read."""
        if self.sample is None or not exists(database, self.table):
            return ""
        return database.sample(self.table, self.sample)

    def relation_of(self, database: Database, alias: str = "") -> str:
        """The table in SQL, or a sample of it."""
        return f"{database.relation(self.table)} {alias}{self.sampling(database)}"

    def counted(self, database: Database, ask: Callable[[str], Sequence[Any]], alias: str = "") -> Counted:
        """Adds up what `ask` returns for each part of the table, or of a sample for that alone, as the first number says
        how many rows there are.

        Raises:
            NotChecked: the sample has no row.
            QueryError: the database refused to tell.
        """
        sampled = self.sampling(database) != ""
        parts = ["true"] if sampled else database.parts(self.table, alias)
        found = tuple((part, tuple(map(int, ask(part)))) for part in parts)
        sums = tuple(map(sum, zip(*(numbers for _, numbers in found), strict=True)))
        if sampled and sums[0] == 0:
            raise NotChecked(
                f"the sample of {self.table} holds no row, so this proves nothing; `sample` a larger share"
            )
        return Counted(sums, found)


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
    sampling: str = "",
) -> Evidence:  # fmt: skip
    """The first rows that meet the condition: primary key (or its place where there is none), and the `shown` values.

    All are text: Python has no value for some of PostgreSQL's, as the date infinity. With parameters, PostgreSQL's
    driver wants a `%` in the condition written `%%`. `parts` are those of the table that hold such rows, in their order;
    `sampling` is the clause that makes a sample of it.
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
                f"SELECT {selected} FROM {relation} {alias}{sampling} WHERE ({condition}) AND {part} ORDER BY {order} "
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
