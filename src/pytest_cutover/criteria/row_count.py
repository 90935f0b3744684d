"""How many rows a table holds."""

from __future__ import annotations

from typing import ClassVar, Literal

from pydantic import Field, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import rows
from pytest_cutover.criteria.rows import TableKind, exists
from pytest_cutover.database import Database
from pytest_cutover.errors import NoBaseline, NotChecked
from pytest_cutover.finding import Finding
from pytest_cutover.plan.values import TableName


class RowCount(TableKind):
    """The table holds as many rows as it should: a number, a minimum, a maximum, or as many as before."""

    KIND: ClassVar[str] = "row_count"
    GROUP: ClassVar[str] = "data"
    ASKS_ROWS_BEFORE: ClassVar[bool] = False
    PROVES: ClassVar[str] = (
        "The rows were counted with count(*), partitions and inheriting tables included. `baseline = true` compares with "
        "the count before the migration."
    )
    CANNOT: ClassVar[str] = (
        "A lost and a doubled row leave the count as it was: `unique`, and `[changes]` of the plan, see those."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "fees"\nbaseline = true',
        before="CREATE TABLE fees (id int PRIMARY KEY, zone int, cents int);\n"
        "INSERT INTO fees VALUES (1, 1, 100), (2, 1, 150), (3, 2, 90);",
        passing="UPDATE fees SET cents = cents + 10;",
        failing="DELETE FROM fees AS a USING fees AS b WHERE a.zone = b.zone AND a.id > b.id;\n"
        "UPDATE fees SET cents = cents + 10;",
        message="fees has 2 rows, one less than before",
        plan='changes.rows.fees.changed = ["cents"]',
    )

    table: TableName = Field(description="the table")
    equals: int | None = Field(None, ge=0, strict=True, description="exactly this many rows")
    min: int | None = Field(None, ge=0, strict=True, description="at least this many; may go together with `max`")
    max: int | None = Field(None, ge=0, strict=True, description="at most this many")
    baseline: Literal[True] | None = Field(None, description="true: as many as before")

    @model_validator(mode="after")
    def _one_expectation(self) -> Self:
        given = [self.equals is not None, self.min is not None or self.max is not None, self.baseline is not None]
        if sum(given) != 1:
            raise ValueError("give one of `equals`, `baseline = true`, or `min` and `max`")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min = {self.min} is more than max = {self.max}: no count is both")
        return self

    def find(self, before: Database, after: Database) -> Finding:
        """Finds how many rows there are."""
        lacking = self.missing(before, after, self.table)
        if lacking is not None:
            return lacking
        if self.baseline:
            before.require(f"comparing the rows of {self.table}")
        number = after.count(self.table)
        earlier = self._earlier(before)
        was = f"no table {self.table}" if earlier is None else rows(earlier)
        if self.baseline:
            if earlier is None:
                raise NotChecked(f"{self.table} was not there before, so there is nothing to compare with")
            if earlier == 0 and number == 0:
                raise NotChecked(f"{self.table} had no rows before and has none, so this proves nothing")
            return Finding(
                number == earlier, f"{self.table} has {rows(number)}, {_difference(number - earlier)}",
                before=was, expected=rows(earlier), actual=rows(number),
            )  # fmt: skip
        expected = self._expected()
        holds = self._holds(number)
        return Finding(
            holds, f"{self.table} has {rows(number)}" + ("" if holds else f", expected are {expected}"), before=was,
            expected=expected, actual=rows(number), held_before=None if earlier is None else self._holds(earlier),
        )  # fmt: skip

    def _earlier(self, before: Database) -> int | None:
        """How many rows there were; None where there was no such table, or where nobody asks and nobody counted."""
        if not exists(before, self.table):
            return None
        try:
            return before.count(self.table)
        except NoBaseline:
            if self.baseline:
                raise
            return None

    def _holds(self, number: int) -> bool:
        if self.equals is not None:
            return number == self.equals
        return (self.min is None or number >= self.min) and (self.max is None or number <= self.max)

    def _expected(self) -> str:
        if self.equals is not None:
            return rows(self.equals)
        if self.min is not None and self.max is not None:
            return f"{self.min:,} to {rows(self.max)}"
        return f"at least {rows(self.min)}" if self.min is not None else f"at most {rows(self.max or 0)}"


def _difference(number: int) -> str:
    if number == 0:
        return "as before"
    amount = "one" if abs(number) == 1 else f"{abs(number):,}"
    return f"{amount} {'more' if number > 0 else 'less'} than before"
