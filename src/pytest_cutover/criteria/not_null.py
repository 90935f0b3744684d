"""Columns that must be filled are."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import have, listed, rows
from pytest_cutover.criteria.rows import FEW_ROWS, Counted, RowByRowKind, absent_columns, offending
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.names import quote_identifier
from pytest_cutover.plan.values import ColumnName


class NotNull(RowByRowKind):
    """No row holds NULL in any of the columns."""

    KIND: ClassVar[str] = "not_null"
    GROUP: ClassVar[str] = "data"
    PROVES: ClassVar[str] = (
        "Every row of the table was read and has a value in each column. A table or column that is not there fails; "
        "an empty table fails if it held rows before, and is not checked if it did not."
    )
    CANNOT: ClassVar[str] = (
        "A filler such as 0 or an empty text is a value. That later rows are filled, too, is for `column` with "
        "`nullable = false`."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "flights"\ncolumns = ["cid"]',
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign text NOT NULL);\n"
        "INSERT INTO flights VALUES (1, 'AB1'), (2, 'CD2');",
        passing="ALTER TABLE flights ADD COLUMN cid integer;\nUPDATE flights SET cid = 900 + id;",
        failing="ALTER TABLE flights ADD COLUMN cid integer;\nUPDATE flights SET cid = 901 WHERE callsign = 'AB1';",
        message="1 of 2 rows of flights has NULL in cid",
        plan='changes.added = ["column:flights.cid"]',
    )

    columns: Annotated[list[ColumnName], Field(min_length=1)] = Field(description="the columns that are never NULL")

    def find(self, before: Database, after: Database) -> Finding:
        """Finds the rows that hold NULL."""
        expected = f"no NULL in {listed(self.columns)}"
        lacking = self.missing(before, after, self.table, self.columns)
        if lacking is not None:
            return lacking
        found = self._count(after)
        total, wrong, *each = found.sums
        if total == 0:
            return self.empty(before, self.table, expected)
        held_before, was = self._before(before, total)
        if wrong == 0:
            return Finding(
                True, f"all {rows(total)} of {self.table} have a value in {listed(self.columns)}",
                before=was, expected=expected, actual=expected, held_before=held_before,
            )  # fmt: skip
        by_column = [(name, number) for name, number in zip(self.columns, each, strict=True) if number]
        columns = listed([name if len(by_column) == 1 else f"{name} ({number:,})" for name, number in by_column])
        nulls = " OR ".join(f"{quote_identifier(name)} IS NULL" for name in self.columns)
        return Finding(
            False,
            f"{wrong:,} of {rows(total)} of {self.table} {have(wrong)} NULL in {columns}",
            before=was,
            expected=expected,
            actual=rows(wrong),
            evidence=(
                offending(
                    after,
                    self.table,
                    nulls,
                    self.columns,
                    "Rows with NULL",
                    wrong,
                    sampling=self.sampling(after),
                    parts=found.holding(1),
                ),
            ),
            held_before=held_before,
        )

    def _count(self, database: Database) -> Counted:
        """All rows, rows with NULL in any of the columns, and NULLs by column."""
        names = [quote_identifier(name) for name in self.columns]
        nulls = " OR ".join(f"{name} IS NULL" for name in names)
        each = ", ".join(f"count(*) FILTER (WHERE {name} IS NULL)" for name in names)
        query = f"SELECT count(*), count(*) FILTER (WHERE {nulls}), {each} FROM {self.relation_of(database)} WHERE "
        return self.counted(database, lambda part: database.query(query + part).rows[0])

    def _before(self, before: Database, total: int) -> tuple[bool | None, str]:
        lacking = absent_columns(before, self.table, self.columns)
        if lacking:
            return None, lacking
        if total > FEW_ROWS:
            return None, ""
        earlier, wrong, *_ = self._count(before).sums
        return (None, "no rows") if earlier == 0 else (wrong == 0, f"{wrong:,} of {rows(earlier)}")
