"""A constraint is there, as defined, and validated."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from pytest_cutover.catalog import Constraint
from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import did_you_mean
from pytest_cutover.criteria.rows import TableKind
from pytest_cutover.criteria.spelling import spelling_of
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.names import quote_part
from pytest_cutover.plan.model import Text
from pytest_cutover.plan.values import ColumnName, TableName


class ConstraintIs(TableKind):
    """The constraint is there, says what it should, is enforced, and is validated unless `validated = false`."""

    KIND: ClassVar[str] = "constraint"
    GROUP: ClassVar[str] = "schema"
    ASKS_ROWS_BEFORE: ClassVar[bool] = False
    PROVES: ClassVar[str] = (
        "The catalog holds the constraint and calls it validated; the triggers that enforce a foreign key fire. The "
        "definition may be written as in CREATE TABLE or as PostgreSQL prints it. One that is NOT ENFORCED (since PostgreSQL "
        "18) fails, unless the definition says so."
    )
    CANNOT: ClassVar[str] = (
        "A CHECK also accepts NULL: `where` does not. Definitions are compared as written, so that two that mean the same "
        "in another way (a > 0, a >= 1) differ."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "flights"\nname = "valid_cid"\ndefinition = "CHECK (cid > 0)"',
        before="CREATE TABLE flights (id int PRIMARY KEY, cid int);\nINSERT INTO flights VALUES (1, 0);",
        passing="UPDATE flights SET cid = 999999 WHERE cid = 0;\n"
        "ALTER TABLE flights ADD CONSTRAINT valid_cid CHECK (cid > 0);",
        failing="ALTER TABLE flights ADD CONSTRAINT valid_cid CHECK (cid > 0) NOT VALID;",
        message="constraint valid_cid of flights is not validated",
        plan='changes.added = ["constraint:flights.valid_cid"]\nchanges.rows.flights.changed = ["cid"]',
    )

    table: TableName = Field(description="the table")
    name: ColumnName = Field(description="the constraint's name")
    definition: Text | None = Field(None, description="what follows the name, as CHECK (cid > 0)")
    validated: bool = Field(True, strict=True, description="whether existing rows were checked (not NOT VALID)")

    @field_validator("definition")
    @classmethod
    def _definition(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None:
            spelling_of(info).parse_constraint(text)
        return text

    def find(self, before: Database, after: Database) -> Finding:
        """Finds how the constraint differs."""
        lacking = self.missing(before, after, self.table)
        if lacking is not None:
            return lacking
        key = f"{self.table}.{quote_part(self.name)}"
        old, new = before.catalog.constraints.get(key), after.catalog.constraints.get(key)
        expected = ", ".join([self.definition or self.name, "validated" if self.validated else "not validated"])
        was = "no such constraint" if old is None else _shown(old)
        held_before = old is not None and not self._wrong(old, before)
        if new is None:
            known = [each.name for each in after.catalog.constraints.values() if each.table == self.table]
            hint = ", though there was one before" if old is not None else did_you_mean(self.name, known)
            return Finding(
                False, f"{self.table} has no constraint {self.name}{hint}", before=was, expected=expected,
                actual="no such constraint", held_before=held_before,
            )  # fmt: skip
        wrong = self._wrong(new, after)
        return Finding(
            not wrong,
            f"constraint {self.name} of {self.table} {' and '.join(wrong) if wrong else 'is as it should be'}",
            before=was, expected=expected, actual=_shown(new), held_before=held_before,
        )  # fmt: skip

    def _wrong(self, found: Constraint, database: Database) -> list[str]:
        wrong = []
        if self.definition is not None and not _same(self.definition, found, database):
            wrong.append(f"is {found.definition}, expected is {self.definition}")
        if found.validated != self.validated:
            wrong.append("is not validated" if self.validated else "is validated, expected is NOT VALID")
        if not found.enforced and self.definition is None:
            wrong.append("is NOT ENFORCED: no row is held to it")
        if found.suspended:
            wrong.append(f"is not enforced: its triggers on {', '.join(found.suspended)} do not fire")
        return wrong


def _same(definition: str, found: Constraint, database: Database) -> bool:
    spelling = spelling_of(database)
    wanted, given = spelling.parse_constraint(definition), spelling.parse_constraint(found.definition)
    # REFERENCES without columns means the primary key of the other table.
    if (
        "pk_attrs" not in wanted
        and found.references
        and found.references_columns == database.catalog.primary_key(found.references)
    ):
        given.pop("pk_attrs", None)
    return wanted == given


def _shown(constraint: Constraint) -> str:
    parts = [constraint.definition, "validated" if constraint.validated else "not validated"]
    return ", ".join([*parts, "not enforced"] if constraint.suspended else parts)
