"""A column holds nothing but accepted values."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, ClassVar

from pydantic import Field, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import rows
from pytest_cutover.criteria.fields import Bound, Value
from pytest_cutover.criteria.rows import FEW_ROWS, Counted, RowByRowKind, absent_columns, base_type, offending
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.names import quote_identifier
from pytest_cutover.plan.values import ColumnName

_WITH_NAN = ("real", "double precision", "numeric")


class Accepted(RowByRowKind):
    """Every row holds one of the accepted values in the column, or one between `min` and `max`; NULL is none."""

    KIND: ClassVar[str] = "accepted"
    GROUP: ClassVar[str] = "data"
    PROVES: ClassVar[str] = (
        "The column of every row was compared with the values or the bounds, in the column's own type and without "
        "rounding. NULL violates. An empty table fails if it held rows before, and is not checked if it did not."
    )
    CANNOT: ClassVar[str] = (
        "An accepted value may still be the wrong one for its row. That others are refused later is for `constraint` or "
        "`rejects`."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "bookings"\ncolumn = "status"\nvalues = ["open", "paid"]',
        before="CREATE TABLE bookings (id int PRIMARY KEY, paid_at date);\n"
        "INSERT INTO bookings VALUES (1, NULL), (2, '2026-01-02'), (3, NULL);",
        passing="ALTER TABLE bookings ADD COLUMN status text;\n"
        "UPDATE bookings SET status = CASE WHEN paid_at IS NULL THEN 'open' ELSE 'paid' END;",
        failing="ALTER TABLE bookings ADD COLUMN status text CHECK (status IN ('open', 'paid'));\n"
        "UPDATE bookings SET status = 'paid' WHERE paid_at IS NOT NULL;",
        message="2 of 3 rows of bookings hold another status: 2 of them NULL",
        plan='changes.added = ["column:bookings.status"]',
        failing_plan='changes.added = ["column:bookings.status", "constraint:bookings.bookings_status_check"]',
    )

    column: ColumnName = Field(description="the column")
    values: Annotated[list[Value], Field(min_length=1)] | None = Field(None, description="the accepted values")
    min: Bound | None = Field(None, description="or: the least accepted value; may go together with `max`")
    max: Bound | None = Field(None, description="the greatest accepted value")

    @model_validator(mode="after")
    def _one_expectation(self) -> Self:
        if (self.values is not None) == (self.min is not None or self.max is not None):
            raise ValueError("give either `values`, or `min` and `max`")
        return self

    def find(self, before: Database, after: Database) -> Finding:
        """Finds the rows with another value."""
        lacking = self.missing(before, after, self.table, [self.column])
        if lacking is not None:
            return lacking
        violated, parameters = self._violated(after)
        found = self._count(after, violated, parameters)
        total, wrong, nulls = found.sums
        expected = self._expected()
        if total == 0:
            return self.empty(before, self.table, expected)
        held_before, was = self._before(before, total)
        if wrong == 0:
            return Finding(
                True, f"all {rows(total)} of {self.table} hold an accepted {self.column}", before=was, expected=expected,
                actual="0 rows with another value", held_before=held_before,
            )  # fmt: skip
        also = f": {nulls:,} of them NULL" if nulls else ""
        return Finding(
            False,
            f"{wrong:,} of {rows(total)} of {self.table} {'holds' if wrong == 1 else 'hold'} another {self.column}{also}",
            before=was,
            expected=expected,
            actual=rows(wrong),
            evidence=(
                offending(
                    after,
                    self.table,
                    violated,
                    [self.column],
                    "Rows with another value",
                    wrong,
                    parameters,
                    sampling=self.sampling(after),
                    parts=[_escaped(after, part) for part in found.holding(1)],
                ),
            ),
            held_before=held_before,
        )

    def _expected(self) -> str:
        if self.values is not None:
            return f"{self.column} is one of {', '.join(_text(value) for value in self.values)}"
        bounds = [f"at least {_text(self.min)}"] if self.min is not None else []
        bounds += [f"at most {_text(self.max)}"] if self.max is not None else []
        return f"{self.column} is {' and '.join(bounds)}"

    def _violated(self, database: Database) -> tuple[str, list[Any]]:
        """The condition that a row with another value meets, and its parameters."""
        if database.dialect == "sqlite":
            return self._violated_in_sqlite()
        name = quote_identifier(self.column).replace("%", "%%")
        # The server reads the parameter as the column's type: 1.5 is refused for an integer instead of rounded.
        kind = base_type(database, self.table, self.column)
        cast = "%s::" + kind.replace("%", "%%")
        if self.values is not None:
            accepted = f"{name} IN ({', '.join([cast] * len(self.values))})"
            return f"({accepted}) IS NOT TRUE", [_text(value) for value in self.values]
        bounds = [(">=", self.min), ("<=", self.max)]
        given = [(operator, _text(bound)) for operator, bound in bounds if bound is not None]
        accepted = " AND ".join(f"{name} {operator} {cast}" for operator, _ in given)
        if kind in _WITH_NAN:
            # PostgreSQL sorts NaN behind every number, so it would pass a minimum.
            accepted += f" AND {name} <> 'NaN'"
        return f"({accepted}) IS NOT TRUE", [bound for _, bound in given]

    def _violated_in_sqlite(self) -> tuple[str, list[Any]]:
        """SQLite sorts every text behind every number, so that a bound also asks for values of its own kind."""
        name = quote_identifier(self.column)
        if self.values is not None:
            marks = ", ".join("?" * len(self.values))
            return f"({name} COLLATE BINARY IN ({marks})) IS NOT TRUE", [_native(value) for value in self.values]
        bounds = [(">=", self.min), ("<=", self.max)]
        given = [(operator, _native(bound)) for operator, bound in bounds if bound is not None]
        kinds = "'text'" if all(isinstance(bound, str) for _, bound in given) else "'integer', 'real'"
        parts = [f"typeof({name}) IN ({kinds})"] + [f"{name} COLLATE BINARY {operator} ?" for operator, _ in given]
        return f"({' AND '.join(parts)}) IS NOT TRUE", [bound for _, bound in given]

    def _count(self, database: Database, violated: str, parameters: list[Any]) -> Counted:
        """All rows, rows with another value, and those among them that hold NULL."""
        name = _escaped(database, quote_identifier(self.column))
        query = (
            f"SELECT count(*), count(*) FILTER (WHERE {violated}), count(*) FILTER (WHERE {name} IS NULL) "
            f"FROM {_escaped(database, self.relation_of(database))} WHERE "
        )
        return self.counted(database, lambda part: database.query(query + _escaped(database, part), parameters).rows[0])

    def _before(self, before: Database, total: int) -> tuple[bool | None, str]:
        lacking = absent_columns(before, self.table, [self.column])
        if lacking:
            return None, lacking
        if total > FEW_ROWS:
            return None, ""
        earlier, wrong, _ = self._count(before, *self._violated(before)).sums
        return (None, "no rows") if earlier == 0 else (wrong == 0, f"{wrong:,} of {rows(earlier)}")


def _escaped(database: Database, text: str) -> str:
    """The SQL as it stands in a statement with parameters, of which PostgreSQL's driver reads every `%`."""
    return text.replace("%", "%%") if database.dialect == "postgresql" else text


def _native(value: Any) -> int | float | str:
    """The value as SQLite stores it."""
    return value if isinstance(value, (int, float)) else _text(value)


def _text(value: Any) -> str:
    """The value as PostgreSQL reads it."""
    if isinstance(value, bool):
        return str(value).lower()
    return value.isoformat(sep=" ") if isinstance(value, datetime) else str(value)
