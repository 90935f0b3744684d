"""A query returns what it should."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from decimal import Decimal
from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import Answer, DatabaseKind, ask, earlier, rows, told
from pytest_cutover.criteria.expectations import EMPTY, Expectation, OneValue, RowCountIn, ValueBetween
from pytest_cutover.criteria.fields import Number, Scalar, Select
from pytest_cutover.criteria.rows import exists
from pytest_cutover.database import Database
from pytest_cutover.errors import NoBaseline, NotChecked, QueryError
from pytest_cutover.finding import EVIDENCE_ROWS, Evidence, Finding
from pytest_cutover.plan.values import Count

MOST_COMPARED = 500_000
"""More rows than that are not compared with the baseline's: they are all held in memory."""


class Query(DatabaseKind):
    """The query returns the one value, the number of rows, nothing, or what it returned before, as expected."""

    KIND: ClassVar[str] = "query"
    GROUP: ClassVar[str] = "data"
    PROVES: ClassVar[str] = (
        "The SELECT ran on the migrated database and gave this. With `value`, `min` and `max` it must return one row with "
        "one column, and NULL never holds. With `baseline = true` the same SELECT ran on the restored backup, and every row of "
        "either answer is in the other one as often."
    )
    CANNOT: ClassVar[str] = (
        "`empty = true` also holds where the tables are empty: the finding names an empty table that the query reads, and "
        "`row_count` proves that rows are there. PostgreSQL does not say what a function does inside. "
        "What the query does not select may have changed under `baseline = true`."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='sql = "SELECT id FROM fees WHERE cents <> euros * 100"\nempty = true',
        before="CREATE TABLE fees (id int PRIMARY KEY, euros numeric NOT NULL);\nINSERT INTO fees VALUES (1, 1.50), (2, 0.29);",
        passing="ALTER TABLE fees ADD COLUMN cents int;\nUPDATE fees SET cents = round(euros * 100);",
        failing="ALTER TABLE fees ADD COLUMN cents int;\nUPDATE fees SET cents = trunc(euros::float8 * 100);",
        message="the query returns 1 row, expected are no rows",
        plan='changes.added = ["column:fees.cents"]',
    )

    sql: Select = Field(description="one SELECT")
    value: Scalar | None = Field(
        None, description="the one value that it returns; dates as PostgreSQL prints them, in UTC"
    )
    rows: Count | None = Field(None, description="or: how many rows")
    empty: Literal[True] | None = Field(None, description="or: true, no rows")
    baseline: Literal[True] | None = Field(
        None, description="or: true, the same rows as before the migration, in any order"
    )
    min: Number | None = Field(None, description="or: the least number that it may return; goes together with `max`")
    max: Number | None = Field(None, description="the greatest number")

    @model_validator(mode="after")
    def _one_expectation(self) -> Self:
        given = [self.value, self.rows, self.empty, self.baseline]
        bounds = self.min is not None or self.max is not None
        if sum(each is not None for each in given) + bounds != 1:
            raise ValueError("give one of `value`, `rows`, `empty = true`, `baseline = true`, or `min` and `max`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min = {self.min} is more than max = {self.max}: no number is both")
        return self

    @property
    def expectation(self) -> Expectation:
        """What the query should return."""
        if self.empty:
            return EMPTY
        if self.rows is not None:
            return RowCountIn(self.rows)
        if self.value is not None:
            return OneValue(self.value)
        low, high = (None if bound is None else Decimal(str(bound)) for bound in (self.min, self.max))
        return ValueBetween(low, high)

    def find(self, before: Database, after: Database) -> Finding:
        """Finds what the query returns."""
        if self.baseline:
            return _as_before(self.sql, before, after)
        expectation = self.expectation
        answer = ask(after, self.sql)
        judged = expectation.judge(answer)
        held_before, was = earlier(before, answer.seconds, lambda database: _earlier(database, self.sql, expectation))
        if judged.holds:
            note = hollow(after, self.sql) if answer.total == 0 else ""
            return Finding(
                True, f"the query returns {judged.actual}{note}", before=was, expected=str(expectation),
                actual=judged.actual, held_before=held_before,
            )  # fmt: skip
        verb = "are" if isinstance(expectation, RowCountIn) and str(expectation) != "1 row" else "is"
        return Finding(
            False,
            f"the query returns {judged.actual}, expected {verb} {expectation}",
            before=was,
            expected=str(expectation),
            actual=judged.actual,
            evidence=(answer.evidence("Rows that the query returns"),) if _tells_more(answer, expectation) else (),
            held_before=held_before,
        )


def _as_before(sql: str, before: Database, after: Database) -> Finding:
    """Finds which rows the query returns before or after only.

    Raises:
        NotChecked: there is nothing to compare, or too much of it.
    """
    try:
        then = ask(before, sql, MOST_COMPARED)
    except NoBaseline:
        raise
    except QueryError as error:
        raise QueryError(f"of the baseline: {told(error)}", error.sqlstate) from error
    now = ask(after, sql, MOST_COMPARED)
    if then.total == now.total == 0:
        raise NotChecked("the query returns no rows, neither before nor after")
    if max(then.total, now.total) > MOST_COMPARED:
        raise NotChecked(f"the query returns more than {rows(MOST_COMPARED)}; compare fewer, or aggregates")
    lost, new = _beyond(then.rows, now.rows), _beyond(now.rows, then.rows)
    expected = f"the {rows(then.total)} of the baseline"
    if not lost and not new:
        return Finding(
            True, f"the query returns {expected}", before=rows(then.total), expected=expected, actual=rows(now.total),
        )  # fmt: skip
    evidence = tuple(
        Evidence.of(title, answer.columns, found[:EVIDENCE_ROWS], len(found), [answer.columns[i] for i in answer.keys])
        for title, answer, found in (
            ("Rows that only the baseline returns", then, lost), ("Rows that the baseline does not return", now, new),
        )
        if found
    )  # fmt: skip
    actual = f"{rows(now.total)}, {len(lost):,} gone and {len(new):,} new"
    return Finding(
        False, f"the query does not return what it returned before: {len(lost):,} of {rows(then.total)} gone, "
        f"{len(new):,} new", before=rows(then.total), expected=expected, actual=actual, evidence=evidence,
    )  # fmt: skip


def _beyond(some: Iterable[tuple[object, ...]], others: Iterable[tuple[object, ...]]) -> list[tuple[object, ...]]:
    """The rows of `some` that `others` do not have, or not as often."""
    # Lists cannot be counted, but what they print can.
    left = Counter(map(repr, others))
    found = []
    for row in some:
        if left[repr(row)] > 0:
            left[repr(row)] -= 1
        else:
            found.append(row)
    return found


def _earlier(database: Database, sql: str, expectation: Expectation) -> tuple[bool | None, str]:
    judged = expectation.judge(ask(database, sql))
    return judged.holds, judged.actual


def _tells_more(answer: Answer, expectation: Expectation) -> bool:
    """True where the rows say more than the finding's `actual`."""
    return answer.total > 0 and (answer.total > 1 or isinstance(expectation, RowCountIn) or len(answer.columns) > 1)


def hollow(database: Database, sql: str) -> str:
    """A closing remark naming the empty tables that a query reads; empty where all hold rows."""
    empty = [
        table
        for table in database.language.tables_read(sql)
        if exists(database, table) and not database.scalar(f"SELECT EXISTS (SELECT 1 FROM {database.relation(table)})")
    ]
    return f", but {', '.join(empty)}, which it reads, {'has' if len(empty) == 1 else 'have'} no rows" if empty else ""
