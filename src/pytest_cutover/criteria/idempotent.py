"""Running the migration once more does no harm."""

from __future__ import annotations

from typing import ClassVar, Literal

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Finding, exactly
from pytest_cutover.plan.model import Phase
from pytest_cutover.state import compare_states


class Idempotent(Kind):
    """A second run leaves the same state as the first, or fails and changes nothing, as the plan says."""

    KIND: ClassVar[str] = "idempotent"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    IMPLICIT: ClassVar[bool] = True
    PROVES: ClassVar[str] = (
        "All steps ran again on a copy of the migrated database. Compared are every object of the catalog and the rows "
        'of every table, not the exit status. With `rerun = "refuses"` the second run must stop with an error.'
    )
    CANNOT: ClassVar[str] = (
        "It starts from a finished migration. What a run that was cut off half-way leaves behind is another question. "
        "Sequences may move forward."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="",
        before="CREATE TABLE fees (id int PRIMARY KEY, cents int NOT NULL); INSERT INTO fees VALUES (1, 100), (2, 250);",
        passing="ALTER TABLE fees ADD COLUMN IF NOT EXISTS doubled int;\nUPDATE fees SET doubled = cents * 2;",
        failing="ALTER TABLE fees ADD COLUMN IF NOT EXISTS doubled int;\nUPDATE fees SET cents = cents * 2, doubled = cents * 2;",
        message="a second run changes",
        plan='changes.added = ["column:fees.doubled"]',
        failing_plan='changes.added = ["column:fees.doubled"]\nchanges.rows.fees.changed = ["cents"]',
    )

    rerun: Literal["converges", "refuses"] = "converges"

    def check(self, after: Database, rerun: Database) -> Finding:
        """Finds whether `rerun`, the database after the second run, is in the state of `after`."""
        if rerun.run is None:
            raise NotChecked("the migration was not run a second time")
        failed = rerun.run.failed_step
        differences = compare_states(after, rerun, forward_sequences=True)
        expected = "the same state" if self.rerun == "converges" else "an error, and nothing changed"
        stopped = f"step {failed.name}: {failed.error}" if failed is not None else ""
        if self.rerun == "converges" and failed is not None:
            return Finding(
                False, f"a second run stops: {stopped}", expected=expected, actual=exactly(f"an error: {stopped}")
            )
        if self.rerun == "refuses" and failed is None:
            return Finding(
                False, "a second run goes through, although the plan says that it refuses", expected=expected,
                actual="no error",
            )  # fmt: skip
        if differences:
            listed = differences.listed
            return Finding(
                False,
                f"a second run changes {listed[0]}" + (f", and {len(listed) - 1} more" if len(listed) > 1 else ""),
                expected=expected,
                actual=differences.named,
                evidence=differences.evidence,
            )
        if failed is not None:
            return Finding(True, "a second run stops and changes nothing", expected=expected, actual=expected)
        return Finding(True, "a second run leaves the same state", expected=expected, actual=expected)
