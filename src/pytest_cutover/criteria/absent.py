"""Named objects are gone."""

from __future__ import annotations

from typing import Annotated, ClassVar

from pydantic import Field

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind, listed
from pytest_cutover.criteria.inventory import NamedObject, find_object
from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding


class Absent(DatabaseKind):
    """None of the named objects is there."""

    KIND: ClassVar[str] = "absent"
    GROUP: ClassVar[str] = "schema"
    ASKS_ROWS_BEFORE: ClassVar[bool] = False
    PROVES: ClassVar[str] = "None of the objects is in the catalog. The finding says which of them were there before."
    CANNOT: ClassVar[str] = (
        "An object of another name that does the same is not seen, and neither is a misspelt name: an object that was not "
        "there before either is reported as such."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='names = ["index:by_callsign"]',
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign text, cid int);\n"
        "CREATE INDEX by_callsign ON flights (callsign);\nINSERT INTO flights VALUES (1, 'DLH400', 1);",
        passing="DROP INDEX by_callsign;\nCREATE INDEX by_callsign_cid ON flights (callsign, cid);",
        failing="DROP INDEX IF EXISTS by_calsign;\nCREATE INDEX by_callsign_cid ON flights (callsign, cid);",
        message="index:by_callsign is still there",
        plan='changes.added = ["index:by_callsign_cid"]\nchanges.dropped = ["index:by_callsign"]',
    )

    names: Annotated[list[NamedObject], Field(min_length=1)] = Field(description='the objects, as "table:old_bookings"')

    def find(self, before: Database, after: Database) -> Finding:
        """Finds which are still there."""
        there = [name for name in self.names if find_object(after.catalog, name) is not None]
        old = [name for name in self.names if find_object(before.catalog, name) is not None]
        total = len(self.names)
        was = f"{len(old)} of {total} present"
        never = [name for name in self.names if name not in old]
        if not there:
            note = f"; {listed(never)} {'was' if len(never) == 1 else 'were'} not there before either" if never else ""
            return Finding(
                True, (f"{self.names[0]} is gone" if old else "nothing of it is there") + note if total == 1
                else f"none of {total} is there{note}",
                before=was, expected="none present", actual="none present", held_before=not old,
            )  # fmt: skip
        text = ", ".join(
            f"{name} {'is still there' if name in old else 'is there, and was not before'}" for name in there[:3]
        )
        more = f", and {len(there) - 3} more" if len(there) > 3 else ""
        return Finding(
            False, text + more, before=was, expected="none present", actual=f"{len(there)} present: {listed(there)}",
            evidence=(Evidence.of("Still there", ("object",), [(name,) for name in there]),), held_before=not old,
        )  # fmt: skip
