"""How many objects of a kind there are."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from pydantic import Field, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind
from pytest_cutover.criteria.inventory import ObjectWord, kind_of_word, names_of
from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.plan.model import Text
from pytest_cutover.plan.values import Count


class ObjectCount(DatabaseKind):
    """There are as many tables, foreign keys, policies, indexes, … as there should be, before and after."""

    KIND: ClassVar[str] = "object_count"
    GROUP: ClassVar[str] = "schema"
    ASKS_ROWS_BEFORE: ClassVar[bool] = False
    PROVES: ClassVar[str] = (
        "The objects of that kind were counted in pg_catalog, in the named schema or in all but the system's, on the "
        "restored backup (`before`) and after the migration (`after`)."
    )
    CANNOT: ClassVar[str] = (
        "One object gone and another one made leave the count as it was: `objects` and `present` name them. What belongs "
        "to an extension is not counted, nor are NOT NULL constraints, which only newer servers keep as such."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='object = "foreign_keys"\nbefore = 1\nafter = 1',
        before="CREATE TABLE lots (id int PRIMARY KEY);\nCREATE TABLE spaces (id int PRIMARY KEY, lot int REFERENCES lots);\n"
        "INSERT INTO lots VALUES (1);",
        passing="ALTER TABLE lots ALTER COLUMN id TYPE bigint;\nALTER TABLE spaces ALTER COLUMN lot TYPE bigint;",
        failing="ALTER TABLE spaces DROP CONSTRAINT spaces_lot_fkey;\nALTER TABLE lots ALTER COLUMN id TYPE bigint;",
        message="0 foreign keys after the migration, expected 1; gone: spaces.spaces_lot_fkey",
        plan='changes.altered = ["column:lots.id", "column:spaces.lot"]',
        failing_plan='changes.altered = ["column:lots.id"]\nchanges.dropped = ["constraint:spaces.spaces_lot_fkey"]',
    )

    object: ObjectWord = Field(description="what is counted")
    schema_: Text | None = Field(None, alias="schema", description="only in this schema; left out: in all")
    before: Count | None = Field(None, description="how many there are before the migration")
    after: Count | None = Field(None, description="how many there are after it")

    @model_validator(mode="after")
    def _something(self) -> Self:
        if self.before is None and self.after is None:
            raise ValueError("give `after`, or `before`, or both")
        return self

    def before_values(self) -> ObjectCount | None:
        """The number before, asked of the database as it is."""
        return None if self.before is None else self.model_copy(update={"before": None, "after": self.before})

    def after_values(self) -> ObjectCount | None:
        """The number after alone: a live database has only one state."""
        return None if self.after is None else self.model_copy(update={"before": None})

    def find(self, before: Database, after: Database) -> Finding:
        """Finds how many there are."""
        was = names_of(before.catalog, self.object, self.schema_)
        now = names_of(after.catalog, self.object, self.schema_)
        place = f" in {self.schema_}" if self.schema_ else ""
        if self.schema_ is not None and self.schema_ not in {*before.catalog.schemas, *after.catalog.schemas}:
            return Finding(
                False, f"there is no schema {self.schema_}", expected=f"schema {self.schema_}", actual="none"
            )
        kind = kind_of_word(self.object)
        gone = [name for name in was if name not in now]
        new = [name for name in now if name not in was]
        wrong = []
        if self.before is not None and len(was) not in self.before:
            wrong.append(f"{_number(len(was), self.object)}{place} before the migration, expected {self.before}")
        if self.after is not None and len(now) not in self.after:
            named = [f"gone: {', '.join(gone[:3])}"] if gone else []
            named += [f"new: {', '.join(new[:3])}"] if new else []
            text = f"{_number(len(now), self.object)}{place} after the migration, expected {self.after}"
            wrong.append("; ".join([text, *named]))
        expected = ", ".join(
            f"{count} {when}" for count, when in ((self.before, "before"), (self.after, "after")) if count is not None
        )
        changes = [(f"{kind}:{name}", "gone") for name in gone] + [(f"{kind}:{name}", "new") for name in new]
        return Finding(
            not wrong,
            "; ".join(wrong) or self._told(was, now, place, before.known),
            before=str(len(was)),
            expected=expected,
            actual=str(len(now)) if self.after is not None else f"{len(was)} before",
            evidence=(Evidence.of("What came and went", ("object", "change"), changes),) if wrong and changes else (),
            held_before=None if self.after is None else len(was) in self.after,
        )

    def _told(self, was: Sequence[str], now: Sequence[str], place: str, known: bool) -> str:
        if not known:
            return f"{_number(len(now), self.object)}{place}"
        return f"{_number(len(was), self.object)}{place} before the migration, {len(now)} after it"


def _number(number: int, word: str) -> str:
    plural = word.replace("_", " ")
    singular = {"policies": "policy", "indexes": "index"}.get(word, plural.removesuffix("s"))
    return f"{number} {singular if number == 1 else plural}"
