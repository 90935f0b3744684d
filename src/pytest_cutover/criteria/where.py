"""A condition that every row meets."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import earlier, rows
from pytest_cutover.criteria.fields import Predicate
from pytest_cutover.criteria.rows import FEW_ROWS, Counted, RowByRowKind, absent_columns, mentioned, offending
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding


class Where(RowByRowKind):
    """Every row of the table meets the condition; where it is NULL the row does not."""

    KIND: ClassVar[str] = "where"
    GROUP: ClassVar[str] = "data"
    PROVES: ClassVar[str] = (
        "The condition was evaluated for every row and was true each time. NULL counts as violated, unlike in a CHECK. "
        "An empty table fails if it held rows before, and is not checked if it did not."
    )
    CANNOT: ClassVar[str] = (
        "It says nothing of rows that are not there: pair it with `row_count`. That later rows meet the condition is for "
        "`constraint` or `rejects`."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "fees"\nsql = "cents > 0"',
        before="CREATE TABLE fees (id int PRIMARY KEY, euros numeric);\nINSERT INTO fees VALUES (1, 1.50), (2, NULL), (3, 2);",
        passing="ALTER TABLE fees ADD COLUMN cents integer;\nUPDATE fees SET cents = coalesce(euros, 1) * 100;",
        failing="ALTER TABLE fees ADD COLUMN cents integer CHECK (cents > 0);\nUPDATE fees SET cents = euros * 100;",
        message="1 of 3 rows of fees violates the condition: 1 where it is NULL",
        plan='changes.added = ["column:fees.cents"]',
        failing_plan='changes.added = ["column:fees.cents", "constraint:fees.fees_cents_check"]',
    )

    sql: Predicate = Field(description="the condition, as in a WHERE")

    def find(self, before: Database, after: Database) -> Finding:
        """Finds the rows that do not meet the condition."""
        condition = " ".join(self.sql.split())
        lacking = self.missing(before, after, self.table)
        if lacking is not None:
            return lacking
        found = self._count(after)
        total, wrong, nulls = found.sums
        expected = f"{condition} in every row"
        if total == 0:
            return self.empty(before, self.table, expected)
        held_before, was = self._before(before, after, total)
        if wrong == 0:
            return Finding(
                True, f"all {rows(total)} of {self.table} meet the condition", before=was, expected=expected,
                actual="0 rows violate it", held_before=held_before,
            )  # fmt: skip
        shown = mentioned(after, self.table, after.language.names_in(self.sql))
        violated = f"(\n{self.sql}\n) IS NOT TRUE"
        also = f": {nulls:,} where it is NULL" if nulls else ""
        return Finding(
            False,
            f"{wrong:,} of {rows(total)} of {self.table} {'violates' if wrong == 1 else 'violate'} the condition{also}",
            before=was,
            expected=expected,
            actual=rows(wrong),
            evidence=(
                offending(
                    after,
                    self.table,
                    violated,
                    shown,
                    "Rows that violate the condition",
                    wrong,
                    sampling=self.sampling(after),
                    parts=found.holding(1),
                ),
            ),
            held_before=held_before,
        )

    def _count(self, database: Database) -> Counted:
        """All rows, those that do not meet the condition, and those among them where it is NULL."""
        query = (
            "SELECT count(*), count(*) FILTER (WHERE met IS NOT TRUE), count(*) FILTER (WHERE met IS NULL)\n"
            f"FROM (SELECT (\n{self.sql}\n) AS met FROM {self.relation_of(database)} WHERE "
        )
        return self.counted(database, lambda part: database.query(f"{query}{part}) AS judged").rows[0])

    def _before(self, before: Database, after: Database, total: int) -> tuple[bool | None, str]:
        lacking = absent_columns(before, self.table, mentioned(after, self.table, after.language.names_in(self.sql)))
        if lacking:
            return None, lacking
        if total > FEW_ROWS:
            return None, ""

        def question(database: Database) -> tuple[bool | None, str]:
            all_rows, wrong, _ = self._count(database).sums
            return (None, "no rows") if all_rows == 0 else (wrong == 0, f"{wrong:,} of {rows(all_rows)}")

        return earlier(before, 0, question)
