"""The live schema is the one that was rehearsed."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pytest_cutover.catalog import diff
from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.database import Database
from pytest_cutover.errors import QueryError
from pytest_cutover.finding import Evidence, Finding, exactly
from pytest_cutover.plan.model import Phase

if TYPE_CHECKING:
    from pytest_cutover.live.rehearsed import Rehearsed

NAMED = 5
"""So many objects are named in the message; the evidence holds all."""


class SchemaAsRehearsed(Kind):
    """Every object of the live database is there and is defined as in the rehearsal, and there is none too many."""

    KIND: ClassVar[str] = "schema_as_rehearsed"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("before", "after", "monitor")
    IMPLICIT: ClassVar[bool] = True
    PROVES: ClassVar[str] = (
        "The live catalog was compared object by object with that of the rehearsed database: with its schema before the "
        "migration in the phase `before`, with the migrated one later. Tables, columns, constraints, indexes, triggers, "
        "policies, functions, views, owners and privileges count; the positions of sequences do not. The rehearsal is of "
        "the same migration, file by file."
    )
    CANNOT: ClassVar[str] = (
        "It says nothing of the rows. A dump without owners is restored as the sandbox's superuser: where all that it owns "
        "has one other owner on the live side, the name alone is no difference, and the message says so. What a `prelude` "
        "of the plan made is not compared."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="",
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign text);",
        passing="CREATE INDEX by_callsign ON flights (callsign);",
        failing="ALTER TABLE flights ADD COLUMN cid integer;",
        message="column:flights.cid is only in the live database",
    )

    def check(self, rehearsed: Rehearsed, after: Database) -> Finding:
        """Finds every object that is not as it was rehearsed."""
        migrated = self.phases != ["before"]
        expected = f"the schema {'after' if migrated else 'before'} the migration, as rehearsed on {rehearsed.started}"
        try:
            live = after.catalog
        except QueryError as error:
            return Finding(False, f"the schema cannot be read: {error}", expected=expected, actual="an error")
        then, note = rehearsed.comparable_to(live, migrated=migrated)
        found = diff(then, live, sequences=False)
        wrong = [
            (each.object, _WORDS[each.kind] + (f": {each.detail}" if each.detail and each.kind == "altered" else ""))
            for each in (*found.dropped, *found.added, *found.altered)
            if rehearsed.compares(each.object, then, live)
        ]
        if not wrong:
            count = len(live.objects())
            return Finding(
                True, f"{count} objects, each as rehearsed on {rehearsed.started}{note}", expected=expected,
                actual="as rehearsed",
            )  # fmt: skip
        named = "; ".join(f"{name} {what}" for name, what in wrong[:NAMED])
        more = f"; and {len(wrong) - NAMED} more" if len(wrong) > NAMED else ""
        return Finding(
            False, f"{named}{more}{note}", expected=expected, actual=", ".join(exactly(f"{name} {what}") for name, what in wrong),
            evidence=(Evidence.of("Not as rehearsed", ("object", "what"), wrong),),
        )  # fmt: skip


_WORDS = {
    "added": "is only in the live database", "dropped": "is missing in the live database", "altered": "differs",
}  # fmt: skip
