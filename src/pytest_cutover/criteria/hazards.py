"""The migration has none of what hurts a busy database."""

from __future__ import annotations

from typing import ClassVar

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.hazards import HAZARDS, Hazards
from pytest_cutover.plan.model import Phase


class NoHazard(Kind):
    """The migration does not have this hazard, where the plan says `hazards = "fail"`."""

    KIND: ClassVar[str] = "hazards"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    IMPLICIT: ClassVar[bool] = True
    PROVES: ClassVar[str] = (
        "Nothing that the trace of the migration or the database after it shows is this hazard. There is one criterion for each of "
        "[them](hazards.md), `hazards:ID`, so that each can be waived by itself."
    )
    CANNOT: ClassVar[str] = (
        "A hazard is found by what the server did in the rehearsal, and what leaves no doubt; what it did on rows that the backup does "
        "not have, nobody saw. A server that was given is not traced: *not checked*."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="",
        before=HAZARDS["table-rewrite"].BEFORE,
        passing=HAZARDS["table-rewrite"].GOOD,
        failing=HAZARDS["table-rewrite"].BAD,
        message="ALTER TABLE public.flights writes all of flights anew",
        plan='migrate.hazards = "fail"\nchanges.added = ["column:flights.minutes_big"]\n'
        'changes.rows.flights = { changed = ["minutes_big"] }',
        failing_plan='migrate.hazards = "fail"\nchanges.altered = ["column:flights.minutes"]',
    )

    hazard: str = ""

    def check(self, hazards: Hazards) -> Finding:
        """Finds where the migration has the hazard."""
        if self.hazard in hazards.unknown:
            raise NotChecked(hazards.unknown[self.hazard])
        found = hazards.of(self.hazard)
        listed = [(each.object, each.message, each.size) for each in found]
        more = f", and {len(found) - 1} more" if len(found) > 1 else ""
        return Finding(
            not found, f"{found[0].message}{more}" if found else hazards.proved.get(self.hazard, "the migration does not have it"), expected="none",
            actual=hazards.named(self.hazard) or "none",
            evidence=(Evidence.of(self.hazard, ("object", "what", "size"), listed),) if found else (),
        )  # fmt: skip
