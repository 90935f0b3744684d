"""The migration is as quick as its budgets ask."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.migrate.result import StepsRun
from pytest_cutover.plan.model import Phase
from pytest_cutover.plan.values import format_duration


class WithinBudget(Kind):
    """The steps together, and each step that has a budget, take no longer than the plan allows."""

    KIND: ClassVar[str] = "duration"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    IMPLICIT: ClassVar[bool] = True
    PROVES: ClassVar[str] = (
        "On this machine, alone on the disposable server, the migration kept the budgets of the plan (`migrate.budget` "
        "and each step's own). One without programs that is over them while its locks are traced runs once more, on a copy, without the trace: "
        "that time counts."
    )
    CANNOT: ClassVar[str] = (
        "Production has other disks, other memory and other sessions in the way; the disposable server also does not "
        "wait for its disk. Read it as a lower bound."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="",
        before="CREATE TABLE flights (id int PRIMARY KEY); INSERT INTO flights VALUES (1);",
        passing="ALTER TABLE flights ADD COLUMN cid integer;",
        failing="ALTER TABLE flights ADD COLUMN cid integer;\nSELECT pg_sleep(0.6);",
        message="the budget is 500 ms",
        plan='migrate.budget = "500ms"\nchanges.added = ["column:flights.cid"]',
    )

    total_budget: float | None = Field(None, description="seconds that all steps may take together")

    def check(self, migration: StepsRun) -> Finding:
        """Finds whether the budgets were kept; what did not run to its end was not measured."""
        if not migration.ok:
            raise NotChecked("the migration did not run to its end, so its duration is not known")
        over = [
            (step.name, format_duration(step.seconds), format_duration(budget))
            for step, budget in migration.over_budget()
        ]
        late = self.total_budget is not None and migration.seconds > self.total_budget
        expected = (
            f"at most {format_duration(self.total_budget)}" if self.total_budget else "each step within its budget"
        )
        actual = format_duration(migration.seconds)
        if not over and not late:
            return Finding(True, f"the migration took {actual}", expected=expected, actual=actual)
        parts = []
        if late and self.total_budget is not None:
            parts.append(f"the migration took {actual}, the budget is {format_duration(self.total_budget)}")
        if over:
            name, took, budget = over[0]
            more = f", and {len(over) - 1} more" if len(over) > 1 else ""
            parts.append(f"step {name} took {took}, its budget is {budget}{more}")
        evidence = Evidence.of("Steps over their budget", ("step", "took", "budget"), over)
        return Finding(False, "; ".join(parts), expected=expected, actual=actual, evidence=(evidence,) if over else ())
