"""The objects of a kind are exactly those that should be there."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind
from pytest_cutover.criteria.inventory import ObjectWord, find_object, kind_of_word, names_of, plain_name
from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding, exactly
from pytest_cutover.plan.model import Text


class Objects(DatabaseKind):
    """The objects of that kind are exactly the named ones: none is missing and there is no other."""

    KIND: ClassVar[str] = "objects"
    GROUP: ClassVar[str] = "schema"
    ASKS_ROWS_BEFORE: ClassVar[bool] = False
    PROVES: ClassVar[str] = (
        "All objects of that kind were read from pg_catalog, in every schema but the system's, and compared by name."
    )
    CANNOT: ClassVar[str] = (
        "A name says nothing of the definition: `column`, `constraint` and `index` do. What belongs to an extension is "
        "left out."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='object = "tables"\nexactly = ["bookings", "lots"]',
        before="CREATE TABLE bookings (id int PRIMARY KEY);\nCREATE TABLE lots (id int PRIMARY KEY);\n"
        "INSERT INTO lots VALUES (1);",
        passing="ALTER TABLE bookings ADD COLUMN lot int;",
        failing="CREATE TABLE bookings_copy AS SELECT * FROM bookings;\nALTER TABLE bookings ADD COLUMN lot int;",
        message="1 extra: bookings_copy",
        plan='changes.added = ["column:bookings.lot"]',
        failing_plan='changes.added = ["column:bookings.lot", "table:bookings_copy"]',
    )

    object: ObjectWord = Field(description="what is listed")
    exactly: list[Text] = Field(description="the names, with their schema where that is not public")

    @model_validator(mode="after")
    def _names(self) -> Self:
        kind = kind_of_word(self.object)
        for name in self.exactly:
            plain_name(kind, name)
        twice = {name for name in self.exactly if self.exactly.count(name) > 1}
        if twice:
            raise ValueError(f"named twice: {', '.join(sorted(twice))}")
        return self

    def find(self, before: Database, after: Database) -> Finding:
        """Finds the missing and the extra ones."""
        missing, extra = self._differences(after)
        old_missing, old_extra = self._differences(before)
        words = self.object.replace("_", " ")
        was = _differences_in_words(old_missing, old_extra)
        held_before = not old_missing and not old_extra
        expected = f"exactly {len(self.exactly)} {words}"
        found = len(names_of(after.catalog, self.object))
        if not missing and not extra:
            return Finding(
                True, f"the {found} {words} are exactly those named", before=was, expected=expected,
                actual=f"exactly {found} {words}", held_before=held_before,
            )  # fmt: skip
        kind = kind_of_word(self.object)
        listed = [(f"{kind}:{name}", "missing") for name in missing] + [(f"{kind}:{name}", "extra") for name in extra]
        return Finding(
            False,
            f"the {words} are not those named: {_differences_in_words(missing, extra)}",
            before=was,
            expected=expected,
            actual=exactly(f"{len(missing)} missing, {len(extra)} extra: {', '.join(sorted([*missing, *extra]))}"),
            evidence=(Evidence.of("Not as named", ("object", "what"), listed),),
            held_before=held_before,
        )

    def _differences(self, database: Database) -> tuple[list[str], list[str]]:
        kind = kind_of_word(self.object)
        catalog = database.catalog
        there = set(names_of(catalog, self.object))
        wanted = set()
        for name in self.exactly:
            found = find_object(catalog, f"{kind}:{plain_name(kind, name)}")
            wanted.add(plain_name(kind, name) if found is None else found.full_name)
        return sorted(wanted - there), sorted(there - wanted)


def _differences_in_words(missing: list[str], extra: list[str]) -> str:
    parts = [f"{len(names)} {what}: {', '.join(names[:5])}{', …' if len(names) > 5 else ''}"
             for names, what in ((missing, "missing"), (extra, "extra")) if names]  # fmt: skip
    return "; ".join(parts) or "exactly those"
