"""A statement that must not work is refused, for the right reason."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind
from pytest_cutover.criteria.fields import SqlState, Statements
from pytest_cutover.criteria.trial import Refusal, attempt, numbered, touched_rows
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.plan.model import Phase, Text

_INTEGRITY = "23"
_REJECTIONS = ("42501", "P0001")


class Rejects(DatabaseKind):
    """The last statement is refused with the SQLSTATE, or as a violation where none is given; those before it work."""

    KIND: ClassVar[str] = "rejects"
    GROUP: ClassVar[str] = "behaviour"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    PROVES: ClassVar[str] = (
        "The statements ran on a copy of the migrated database and the last one, or a deferred constraint that it violates, "
        "was refused; then all was undone. Without `sqlstate` only an integrity violation (class 23), a missing privilege "
        "(42501) and an exception that a function raises (P0001) count: a misspelt column (42703), table (42P01) or "
        "syntax (42601) never does."
    )
    CANNOT: ClassVar[str] = (
        "Another constraint may refuse with the same SQLSTATE, and without `sqlstate` for another reason: the finding names "
        "it. Without `role` the statements run as superuser, whom privileges and row-level security do not stop."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='sql = "INSERT INTO flights (callsign, cid) VALUES (\'AB1\', 0)"\nsqlstate = "23514"',
        before="CREATE TABLE flights (id int PRIMARY KEY GENERATED ALWAYS AS IDENTITY, callsign text NOT NULL);\n"
        "INSERT INTO flights (callsign) VALUES ('DLH400');",
        passing="ALTER TABLE flights ADD COLUMN cid int NOT NULL DEFAULT 1 CHECK (cid > 0);",
        failing="ALTER TABLE flights ADD COLUMN cid int NOT NULL DEFAULT 1 CHECK (cid >= 0);",
        message="the statement is accepted, touching 1 row",
        plan='changes.added = ["column:flights.cid", "constraint:flights.flights_cid_check"]',
    )

    sql: Statements = Field(description="the statements, of which the last is refused; always undone")
    role: Text | None = Field(None, description="the role that runs them; left out: a superuser")
    sqlstate: SqlState | None = Field(None, description="the reason, as 23505; left out: any violation")
    phases: list[Phase] = Field(["rehearsal"], min_length=1, description="it writes, so never on a live database")

    def find(self, before: Database, after: Database) -> Finding:
        """Finds whether the last statement is refused, and why."""
        statements = after.language.parse_statements(self.sql)
        outcome = attempt(after, statements, self.role)
        refusal, total = outcome.refusal, len(statements)
        expected = f"refused with {self.sqlstate}" if self.sqlstate else "refused as a violation"
        if refusal is None:
            touched = touched_rows(outcome.touched[-1])
            return Finding(
                False, f"{numbered(total, total)} is accepted{touched}", expected=expected, actual="accepted"
            )
        actual = f"refused with {refusal.sqlstate}"
        if refusal.number < total:
            return Finding(
                False, f"statement {refusal.number} of {total}, which only prepares, is refused: {refusal}",
                expected=expected, actual=actual,
            )  # fmt: skip
        if not self._counts(refusal):
            hint = (
                "" if self.sqlstate else "; what counts is SQLSTATE 23…, 42501, P0001, or the one given as `sqlstate`"
            )
            return Finding(
                False, f"{numbered(total, total)} fails, but for another reason: {refusal}{hint}", expected=expected,
                actual=actual,
            )  # fmt: skip
        return Finding(True, f"{numbered(total, total)} is refused: {refusal}", expected=expected, actual=actual)

    def _counts(self, refusal: Refusal) -> bool:
        if self.sqlstate is not None:
            return refusal.sqlstate == self.sqlstate
        return refusal.sqlstate.startswith(_INTEGRITY) or refusal.sqlstate in _REJECTIONS
