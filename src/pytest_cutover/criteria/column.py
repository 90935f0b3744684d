"""A column is there, of its type, nullable or not, with its default or without."""

from __future__ import annotations

from dataclasses import replace
from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator

from pytest_cutover.catalog import Catalog, Column
from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.fields import Scalar
from pytest_cutover.criteria.rows import TableKind
from pytest_cutover.criteria.spelling import Spelling, spelling_of
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.names import quote_part
from pytest_cutover.plan.model import Text
from pytest_cutover.plan.values import ColumnName, TableName


class ColumnIs(TableKind):
    """The column is there, and its type, nullability and default are those given."""

    KIND: ClassVar[str] = "column"
    GROUP: ClassVar[str] = "schema"
    ASKS_ROWS_BEFORE: ClassVar[bool] = False
    PROVES: ClassVar[str] = (
        "The catalog describes the column as given. Types are compared in any spelling (int4, integer), and what a domain "
        'adds counts. `default = ""` or `default = false` means that PostgreSQL supplies nothing: no default, no identity, '
        "no generated value. A NOT NULL that is NOT VALID (since PostgreSQL 18) leaves it nullable."
    )
    CANNOT: ClassVar[str] = (
        "It says nothing of the values: `not_null`, `where` and `accepted` do. A trigger may fill it."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='table = "flights"\ncolumn = "cid"\ntype = "integer"\nnullable = false\ndefault = ""',
        before="CREATE TABLE flights (id int PRIMARY KEY);\nINSERT INTO flights VALUES (1);",
        passing="ALTER TABLE flights ADD COLUMN cid int NOT NULL DEFAULT 0;\nALTER TABLE flights ALTER COLUMN cid DROP DEFAULT;",
        failing="ALTER TABLE flights ADD COLUMN cid int NOT NULL DEFAULT 0;",
        message="flights.cid has the default 0, expected is none",
        plan='changes.added = ["column:flights.cid"]',
    )

    table: TableName = Field(description="the table")
    column: ColumnName = Field(description="the column")
    type: Text | None = Field(None, description="its type, as integer or varchar(20)")
    nullable: bool | None = Field(None, strict=True, description="whether it may hold NULL")
    default: Scalar | None = Field(None, description='its default as an SQL expression; "" or false: none')

    @field_validator("type")
    @classmethod
    def _known_spelling(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None:
            spelling_of(info).parse_type(text)
        return text

    @field_validator("default")
    @classmethod
    def _expression(cls, value: object, info: ValidationInfo) -> str | None:
        if value is None:
            return None
        if value is True:
            raise ValueError('write the expression: default = "true"; false means that there is no default')
        if value is False or not str(value).strip():
            return ""
        spelling_of(info).parse_expression(str(value))
        return str(value)

    def find(self, before: Database, after: Database) -> Finding:
        """Finds how the column differs."""
        lacking = self.missing(before, after, self.table, [self.column])
        if lacking is not None:
            return replace(lacking, held_before=False if lacking.before.startswith("no ") else None)
        old, new = self._described(before), self._described(after)
        assert new is not None
        spelling = spelling_of(after)
        wrong = self._wrong(new, spelling)
        held_before = old is not None and not self._wrong(old, spelling)
        name = f"{self.table}.{quote_part(self.column)}"
        was = f"no column {self.column}" if old is None else self._shown(old)
        if not wrong:
            return Finding(
                True, f"{name} is {self._shown(new)}", before=was, expected=self._expected(), actual=self._shown(new),
                held_before=held_before,
            )  # fmt: skip
        return Finding(
            False, f"{name} {' and '.join(wrong)}", before=was, expected=self._expected(), actual=self._shown(new),
            held_before=held_before,
        )  # fmt: skip

    def _described(self, database: Database) -> Column | None:
        """The column with what its domain adds; None where there is none."""
        found = next((each for each in database.catalog.columns_of(self.table) if each.name == self.column), None)
        return None if found is None else _with_domain(database.catalog, found)

    def _wrong(self, found: Column, spelling: Spelling) -> list[str]:
        wrong = []
        if self.type is not None and not spelling.same_type(self.type, found.type):
            wrong.append(f"has the type {found.type}, expected is {self.type}")
        if self.nullable is not None and found.nullable != self.nullable:
            wrong.append(
                "may hold NULL, expected is NOT NULL" if found.nullable else "is NOT NULL, expected is nullable"
            )
        if self.default is not None and not self._same_default(found, spelling):
            expected = self.default or "none"
            supplied = _supplied(found)
            wrong.append(f"has {f'the default {supplied}' if supplied else 'no default'}, expected is {expected}")
        return wrong

    def _same_default(self, found: Column, spelling: Spelling) -> bool:
        supplied = _supplied(found)
        if not self.default or not supplied:
            return not self.default and not supplied
        if found.identity or found.generated:
            return False
        return bool(spelling.parse_expression(str(self.default)) == spelling.parse_expression(supplied))

    def _expected(self) -> str:
        parts = [self.type or "any type"]
        if self.nullable is not None:
            parts.append("nullable" if self.nullable else "NOT NULL")
        if self.default is not None:
            parts.append(f"default {self.default}" if self.default else "no default")
        return ", ".join(parts)

    def _shown(self, found: Column) -> str:
        supplied = _supplied(found)
        parts = [found.type, "nullable" if found.nullable else "NOT NULL"]
        return ", ".join([*parts, f"default {supplied}" if supplied else "no default"])


def _supplied(column: Column) -> str:
    """What PostgreSQL writes where an INSERT leaves the column out; empty where it writes nothing."""
    if column.identity:
        return f"generated {column.identity} as identity"
    if column.generated:
        return f"generated always as {column.default} {column.generated}"
    return column.default or ""


def _with_domain(catalog: Catalog, column: Column) -> Column:
    """The column as its domain, and the domain's domain, restrict it."""
    nullable, default, name = column.nullable, column.default, column.type
    while (domain := catalog.types.get(name.removeprefix("public."))) is not None and domain.kind == "domain":
        nullable = nullable and domain.nullable
        default = default if default is not None else domain.default
        name = domain.base or ""
    return replace(column, nullable=nullable, default=default)
