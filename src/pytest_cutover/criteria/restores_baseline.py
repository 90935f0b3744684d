"""A declared way back leads back."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding, exactly
from pytest_cutover.plan.model import Phase
from pytest_cutover.plan.values import format_duration
from pytest_cutover.state import compare_states

if TYPE_CHECKING:
    from pytest_cutover.stages import RollbackRun


class RestoresBaseline(Kind):
    """The rollback gives the baseline back: the same objects, the same rows, within its budget."""

    KIND: ClassVar[str] = "restores_baseline"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    IMPLICIT: ClassVar[bool] = True
    PROVES: ClassVar[str] = (
        "The steps of this rollback ran on a copy of the migrated database, or the backup was restored into a fresh one. "
        "Every object of the catalog and the rows of every table are those of the baseline; accepted `residue` is named."
    )
    CANNOT: ClassVar[str] = (
        "Rows that production writes between the migration and the rollback are not part of it: what a restore would "
        "lose of them no rehearsal knows."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="",
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign text);\nCREATE INDEX by_callsign ON flights (callsign);\n"
        "INSERT INTO flights VALUES (1, 'AB1');",
        passing="DROP INDEX IF EXISTS by_callsign;",
        failing="DROP INDEX IF EXISTS by_callsign;",
        message="index:by_callsign",
        plan='changes.dropped = ["index:by_callsign"]',
        rollback="CREATE INDEX by_callsign ON flights (callsign);",
        failing_rollback="CREATE INDEX by_calsign ON flights (callsign);",
    )

    rollback: str = ""
    way_budget: float | None = None
    residue: tuple[str, ...] = ()

    def check(self, before: Database, rolled_back: RollbackRun) -> Finding:
        """Finds whether the rolled-back database is in the state of `before`."""
        if rolled_back.database is None:
            raise NotChecked("the rollback gave no database")
        expected = "the baseline"
        if self.way_budget is not None:
            expected += f" within {format_duration(self.way_budget)}"
        took = format_duration(rolled_back.seconds)
        if rolled_back.error:
            return Finding(
                False,
                f"the rollback stops: {rolled_back.error}",
                expected=expected,
                actual=exactly(f"an error: {rolled_back.error}"),
            )
        differences = compare_states(before, rolled_back.database, accepted=self.residue)
        rolled_back.differences[:] = differences.listed
        if differences:
            listed = differences.listed
            more = f", and {len(listed) - 1} more" if len(listed) > 1 else ""
            return Finding(
                False,
                f"after the rollback the database is not the baseline: {listed[0]}{more}",
                expected=expected,
                actual=differences.named,
                evidence=differences.evidence,
            )
        if self.way_budget is not None and rolled_back.seconds > self.way_budget:
            return Finding(
                False, f"the rollback took {took}, its budget is {format_duration(self.way_budget)}",
                expected=expected, actual=took,
            )  # fmt: skip
        residue = f", but for {', '.join(differences.accepted)}, as declared" if differences.accepted else ""
        return Finding(
            True,
            f"the rollback gives the baseline back in {took}{residue}",
            expected=expected,
            actual=f"the baseline in {took}",
        )
