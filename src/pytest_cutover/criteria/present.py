"""Named objects are there."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind, did_you_mean, listed
from pytest_cutover.criteria.inventory import NamedObject, find_object, flaw, same_kind
from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding


class Present(DatabaseKind):
    """Every named object is there and has effect."""

    KIND: ClassVar[str] = "present"
    GROUP: ClassVar[str] = "schema"
    ASKS_ROWS_BEFORE: ClassVar[bool] = False
    PROVES: ClassVar[str] = (
        "Each object is in the catalog. An index that is not valid, a constraint that is not validated or not enforced, a "
        "disabled trigger and an unpopulated materialized view count as missing, unless they were so before."
    )
    CANNOT: ClassVar[str] = "The name says nothing of the definition: `column`, `constraint` and `index` do."
    EXAMPLE: ClassVar[Example] = Example(
        criterion='names = ["index:by_callsign"]',
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign varchar(10));\nCREATE INDEX by_callsign ON flights (callsign);\n"
        "INSERT INTO flights VALUES (1, 'DLH400');",
        passing="ALTER TABLE flights ALTER COLUMN callsign TYPE text;",
        failing="DROP INDEX by_callsign;\nALTER TABLE flights ALTER COLUMN callsign TYPE text;\n"
        "CREATE INDEX by_calsign ON flights (callsign);",
        message="there is no index:by_callsign, though there was before",
        plan='changes.altered = ["column:flights.callsign"]',
    )

    names: Annotated[list[NamedObject], Field(min_length=1)] = Field(description='the objects, as "index:by_callsign"')

    def find(self, before: Database, after: Database) -> Finding:
        """Finds which are missing or without effect."""
        wrong: list[tuple[str, str]] = []
        missing_before = 0
        for name in self.names:
            old, new = find_object(before.catalog, name), find_object(after.catalog, name)
            old_flaw, new_flaw = flaw(old), flaw(new)
            missing_before += old is None
            if new is None:
                hint = did_you_mean(name, same_kind(after.catalog, name.partition(":")[0]))
                wrong.append((name, "missing, though there was before" if old is not None else f"missing{hint}"))
            elif new_flaw and (old is None or not old_flaw):
                wrong.append((name, new_flaw))
        total = len(self.names)
        was = f"{total - missing_before} of {total} present"
        if not wrong:
            return Finding(
                True, f"all {total} are present" if total > 1 else f"{self.names[0]} is present", before=was,
                expected=f"{total} present", actual=f"{total} present", held_before=missing_before == 0,
            )  # fmt: skip
        name, what = wrong[0]
        text = f"there is no {name}{what.removeprefix('missing')}" if what.startswith("missing") else f"{name} {what}"
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        return Finding(
            False, text + more, before=was, expected=f"{total} present", actual=f"{total - len(wrong)} present, not {listed([each for each, _ in wrong])}",
            evidence=(Evidence.of("Missing", ("object", "what"), wrong),), held_before=missing_before == 0,
        )  # fmt: skip
