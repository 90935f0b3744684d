"""A statement that must work does."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind
from pytest_cutover.criteria.fields import Statements
from pytest_cutover.criteria.trial import attempt, numbered, touched_rows
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.plan.model import Phase, Text


class Accepts(DatabaseKind):
    """The statements run without an error and touch rows, as the role that will run them."""

    KIND: ClassVar[str] = "accepts"
    GROUP: ClassVar[str] = "behaviour"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    PROVES: ClassVar[str] = (
        "The statements ran one after the other in one transaction on a copy of the migrated database, constraints, "
        "triggers, privileges and row-level security included, deferred constraints checked at the end; then all was "
        "undone. Each INSERT, UPDATE, DELETE, MERGE and SELECT touched or returned at least one row."
    )
    CANNOT: ClassVar[str] = (
        "What they did is not looked at. Without `role` they run as superuser, who may do everything. The settings of a "
        "role (ALTER ROLE … SET) do not apply. A trigger that stores the row elsewhere makes an INSERT touch no row."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="sql = \"INSERT INTO series (name, league) VALUES ('North', 2)\"",
        before="CREATE TABLE series (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, name text CONSTRAINT one_name UNIQUE);\n"
        "INSERT INTO series (name) VALUES ('North');",
        passing="ALTER TABLE series ADD COLUMN league int NOT NULL DEFAULT 1;\nALTER TABLE series DROP CONSTRAINT one_name;\n"
        "ALTER TABLE series ADD CONSTRAINT one_name_per_league UNIQUE (name, league);",
        failing="ALTER TABLE series ADD COLUMN league int NOT NULL DEFAULT 1;\n"
        "ALTER TABLE series ADD CONSTRAINT one_name_per_league UNIQUE (name, league);",
        message='the statement is refused: duplicate key value violates unique constraint "one_name" (SQLSTATE 23505)',
        plan='changes.added = ["column:series.league", "constraint:series.one_name_per_league", '
        '"index:one_name_per_league"]\nchanges.dropped = ["constraint:series.one_name", "index:one_name"]',
        failing_plan='changes.added = ["column:series.league", "constraint:series.one_name_per_league", '
        '"index:one_name_per_league"]',
    )

    sql: Statements = Field(description="the statements; always undone")
    role: Text | None = Field(None, description="the role that runs them; left out: a superuser")
    phases: list[Phase] = Field(["rehearsal"], min_length=1, description="it writes, so never on a live database")

    def find(self, before: Database, after: Database) -> Finding:
        """Finds whether they work."""
        statements = after.language.parse_statements(self.sql)
        outcome = attempt(after, statements, self.role)
        who = f" by {self.role}" if self.role else ""
        refusal, total = outcome.refusal, len(statements)
        expected = f"accepted{who}"
        if refusal is not None:
            when = ", when its constraints are checked at the end," if refusal.deferred else ""
            return Finding(
                False, f"{numbered(refusal.number, total)}{when} is refused: {refusal}", expected=expected,
                actual=f"refused with {refusal.sqlstate}",
            )  # fmt: skip
        if outcome.untouched is not None:
            return Finding(
                False, f"{numbered(outcome.untouched, total)} is accepted, but touches no row, so this proves nothing",
                expected=f"{expected}, touching rows", actual="0 rows touched",
            )  # fmt: skip
        what = "the statement is" if total == 1 else f"all {total} statements are"
        touched = touched_rows(outcome.touched[-1])
        return Finding(True, f"{what} accepted{who}{touched}", expected=expected, actual="accepted")
