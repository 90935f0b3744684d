"""No two rows agree in the columns."""

from __future__ import annotations

import time
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import earlier, listed, rows
from pytest_cutover.criteria.rows import TableKind, absent_columns, offending
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.names import parse_relation, quote_identifier
from pytest_cutover.plan.values import ColumnName, TableName


class Unique(TableKind):
    """No two rows of the table agree in all of the columns; NULLs count as equal unless `nulls = "distinct"`."""

    KIND: ClassVar[str] = "unique"
    GROUP: ClassVar[str] = "data"
    PROVES: ClassVar[str] = (
        "All rows were grouped by the columns and no group holds two, whether or not there is a unique constraint. A "
        "unique constraint of PostgreSQL does not see duplicates that hold NULL; this does."
    )
    CANNOT: ClassVar[str] = (
        "That a later duplicate is refused is for `constraint` or `rejects`. Equal is what the columns' type calls equal: "
        "texts that differ in case or blanks are different."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "series"\ncolumns = ["name", "league"]',
        before="CREATE TABLE series (id int PRIMARY KEY, name text NOT NULL);\n"
        "INSERT INTO series VALUES (1, 'North'), (2, 'South'), (3, 'North');",
        passing="ALTER TABLE series ADD COLUMN league int;\nUPDATE series SET league = id;\n"
        "ALTER TABLE series ADD UNIQUE (name, league);",
        failing="ALTER TABLE series ADD COLUMN league int;\nUPDATE series SET league = 1 WHERE name = 'South';\n"
        "ALTER TABLE series ADD UNIQUE (name, league);",
        message="2 of 3 rows of series are not alone with their name and league: 1 group of equal rows",
        plan='changes.added = ["column:series.league", "constraint:series.series_name_league_key", '
        '"index:series_name_league_key"]',
    )

    table: TableName = Field(description="the table")
    columns: Annotated[list[ColumnName], Field(min_length=1)] = Field(description="the columns that identify a row")
    nulls: Literal["equal", "distinct"] = Field(
        "equal", description="whether NULL equals NULL; with distinct a row that holds one is never a duplicate"
    )

    def find(self, before: Database, after: Database) -> Finding:
        """Finds the rows that are not alone in their group."""
        columns = listed(self.columns)
        expected = f"no two rows with the same {columns}"
        lacking = self.missing(before, after, self.table, self.columns)
        if lacking is not None:
            return lacking
        began = time.perf_counter()
        total, counted, wrong, groups = self._count(after)
        took = time.perf_counter() - began
        if total == 0:
            return self.empty(before, self.table, expected)
        if counted == 0:
            return self._only_nulls(before, total, expected)
        held_before, was = self._before(before, took)
        if wrong == 0:
            alone = f"no two of {rows(total)} of {self.table} have the same {columns}"
            left_out = f"; {rows(total - counted)} with NULL not counted" if counted != total else ""
            return Finding(
                True, alone + left_out, before=was, expected=expected, actual="no duplicates", held_before=held_before
            )
        return Finding(
            False,
            f"{wrong:,} of {rows(total)} of {self.table} are not alone with their {columns}: "
            f"{groups:,} {'group' if groups == 1 else 'groups'} of equal rows",
            before=was,
            expected=expected,
            actual=rows(wrong),
            evidence=self._duplicates(after, wrong),
            held_before=held_before,
        )

    def _count(self, database: Database) -> tuple[int, int, int, int]:
        """All rows, rows that count, rows in groups of several, and such groups."""
        names = ", ".join(quote_identifier(name) for name in self.columns)
        counts = "true" if self.nulls == "equal" else self._filled
        found = database.query(
            "SELECT coalesce(sum(size), 0), coalesce(sum(size) FILTER (WHERE counts), 0),"
            " coalesce(sum(size) FILTER (WHERE counts AND size > 1), 0), count(*) FILTER (WHERE counts AND size > 1) "
            f"FROM (SELECT count(*) AS size, {counts} AS counts FROM {database.relation(self.table)} GROUP BY {names}) AS grouped"
        ).rows[0]
        return int(found[0]), int(found[1]), int(found[2]), int(found[3])

    @property
    def _filled(self) -> str:
        """SQL: none of the columns is NULL."""
        return "(" + " AND ".join(f"{quote_identifier(name)} IS NOT NULL" for name in self.columns) + ")"

    def _duplicates(self, after: Database, wrong: int) -> tuple[Evidence, ...]:
        if self.table not in after.catalog.tables:
            return ()
        own = quote_identifier(parse_relation(self.table).name)
        names = ", ".join(quote_identifier(name) for name in self.columns)
        whole = "" if self.nulls == "equal" else f" WHERE {self._filled}"
        places = after.places(self.table)
        inner = ", ".join(f"p{number}" for number in range(len(places)))
        outer = ", ".join(f"{quote_identifier(name)} AS p{number}" for number, name in enumerate(places))
        # Finding the rows by their place keeps this one sort: NULLs that are equal cannot be joined by hashing.
        condition = (
            f"({', '.join(f'{own}.{quote_identifier(name)}' for name in places)}) IN (SELECT {inner} FROM (SELECT {outer},"
            f" count(*) OVER (PARTITION BY {names}) AS size FROM {after.relation(self.table)}{whole}) AS sized"
            " WHERE size > 1)"
        )
        return (offending(after, self.table, condition, self.columns, "Rows with the same values", wrong),)

    def _only_nulls(self, before: Database, total: int, expected: str) -> Finding:
        text = f"each of {rows(total)} of {self.table} holds NULL in {listed(self.columns)}, so this proves nothing"
        if absent_columns(before, self.table, self.columns) or self._count(before)[1] == 0:
            raise NotChecked(text)
        return Finding(False, text, expected=expected, actual="only NULLs")

    def _before(self, before: Database, took: float) -> tuple[bool | None, str]:
        lacking = absent_columns(before, self.table, self.columns)
        return (None, lacking) if lacking else earlier(before, took, self._held)

    def _held(self, before: Database) -> tuple[bool | None, str]:
        total, _, wrong, _ = self._count(before)
        return (None, "no rows") if total == 0 else (wrong == 0, f"{wrong:,} of {rows(total)} not alone")
