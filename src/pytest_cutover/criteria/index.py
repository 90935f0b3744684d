"""An index is there, as defined, valid and ready."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from pytest_cutover.catalog import Index
from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind, did_you_mean
from pytest_cutover.criteria.spelling import spelling_of
from pytest_cutover.database import Database
from pytest_cutover.finding import Finding
from pytest_cutover.names import parse_relation
from pytest_cutover.plan.model import Text
from pytest_cutover.plan.values import TableName


class IndexIs(DatabaseKind):
    """The index is there, is what it should be, and is valid unless `valid = false`."""

    KIND: ClassVar[str] = "index"
    GROUP: ClassVar[str] = "schema"
    ASKS_ROWS_BEFORE: ClassVar[bool] = False
    PROVES: ClassVar[str] = (
        "The catalog holds the index and calls it valid and ready: a CREATE INDEX CONCURRENTLY that failed leaves one that "
        "is neither. The definition is compared with table, method, columns, order, INCLUDE and WHERE."
    )
    CANNOT: ClassVar[str] = "Whether the planner uses it is for `uses_index`."
    EXAMPLE: ClassVar[Example] = Example(
        criterion='name = "by_callsign_cid"\ndefinition = "CREATE INDEX ON flights (callsign, cid)"',
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign text, cid int);\n"
        "INSERT INTO flights VALUES (1, 'DLH400', 1);",
        passing="CREATE INDEX IF NOT EXISTS by_callsign_cid ON flights (callsign, cid);",
        failing="CREATE INDEX IF NOT EXISTS by_callsign_cid ON flights (cid, callsign);",
        message="index by_callsign_cid is CREATE INDEX by_callsign_cid ON public.flights USING btree (cid, callsign)",
        plan='changes.added = ["index:by_callsign_cid"]',
    )

    name: TableName = Field(description="the index's name, with its schema where that is not public")
    definition: Text | None = Field(None, description="the CREATE INDEX statement; its name may be left out")
    valid: bool = Field(True, strict=True, description="whether queries may use it")
    unique: bool | None = Field(None, strict=True, description="whether it is a unique index")

    @field_validator("definition")
    @classmethod
    def _definition(cls, text: str | None, info: ValidationInfo) -> str | None:
        if text is not None:
            spelling_of(info).parse_index(text)
        return text

    @model_validator(mode="after")
    def _one_index(self, info: ValidationInfo) -> Self:
        if self.definition is None:
            return self
        named, tree = spelling_of(info).parse_index(self.definition)
        if named and named != parse_relation(self.name).name:
            raise ValueError(f'name = "{self.name}", but the definition makes "{named}"')
        if self.unique is not None and bool(tree.get("unique")) != self.unique:
            raise ValueError(f"unique = {str(self.unique).lower()}, but the definition says otherwise")
        return self

    def find(self, before: Database, after: Database) -> Finding:
        """Finds how the index differs."""
        old, new = before.catalog.indexes.get(self.name), after.catalog.indexes.get(self.name)
        expected = ", ".join([self.definition or self.name, "valid" if self.valid else "not valid"])
        was = "no such index" if old is None else _shown(old)
        held_before = old is not None and not self._wrong(old, after)
        if new is None:
            hint = (
                ", though there was one before"
                if old is not None
                else did_you_mean(self.name, list(after.catalog.indexes))
            )
            return Finding(
                False, f"there is no index {self.name}{hint}", before=was, expected=expected, actual="no such index",
                held_before=held_before,
            )  # fmt: skip
        wrong = self._wrong(new, after)
        return Finding(
            not wrong, f"index {self.name} {' and '.join(wrong) if wrong else 'is as it should be'}", before=was,
            expected=expected, actual=_shown(new), held_before=held_before,
        )  # fmt: skip

    def _wrong(self, found: Index, database: Database) -> list[str]:
        wrong = []
        parse_index = spelling_of(database).parse_index
        if self.definition is not None and parse_index(self.definition)[1] != parse_index(found.definition)[1]:
            wrong.append(f"is {found.definition}, expected is {self.definition}")
        works = found.valid and found.ready
        if self.valid != works:
            state = "not valid" if not found.valid else "not ready for writes"
            wrong.append(f"is {state}: no query uses it" if self.valid else "is valid, expected is one that is not")
        if self.unique is not None and found.unique != self.unique:
            wrong.append("is unique, expected is one that is not" if found.unique else "is not unique")
        return wrong


def _shown(index: Index) -> str:
    state = "valid" if index.valid and index.ready else ("not valid" if not index.valid else "not ready")
    return f"{index.definition}, {state}"
