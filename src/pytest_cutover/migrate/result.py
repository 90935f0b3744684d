"""What running the steps of a migration or a rollback gave."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from pytest_cutover.catalog import Difference


@dataclass(frozen=True)
class StepError:
    """Why a step stopped: the message without row values, and where."""

    message: str
    sqlstate: str | None = None
    file: str | None = None
    line: int | None = None
    statement: str | None = None

    def __str__(self) -> str:
        place = f"{self.file}:{self.line}: " if self.file and self.line else ""
        code = f" (SQLSTATE {self.sqlstate})" if self.sqlstate else ""
        statement = f"\n    {self.statement}" if self.statement else ""
        return f"{place}{self.message}{code}{statement}"


@dataclass(frozen=True)
class Notice:
    """A message that a step gave: severity as the server spells it (NOTICE, WARNING), text and place."""

    severity: str
    message: str
    file: str | None = None
    line: int | None = None


@dataclass(frozen=True)
class StatementRun:
    """One statement that ran: where it begins, its first words, its command tag, and how long it took."""

    file: str
    line: int
    summary: str
    tag: str
    seconds: float


@dataclass(frozen=True)
class StepRun:
    """One step: outcome is "ok", "failed" or "not_run"; `seconds` is 0 where it did not run.

    A command has an `output`, and `unconfined` says why its network was not restricted, None where it was.
    """

    name: str
    outcome: str
    seconds: float = 0.0
    budget: float | None = None
    error: StepError | None = None
    statements: tuple[StatementRun, ...] = ()
    notices: tuple[Notice, ...] = ()
    output: str = ""
    unconfined: str | None = None


@dataclass(frozen=True)
class StepsRun:
    """All steps of one migration or rollback, in order, and what became of the server's roles, a text for each.

    `roles_differ` says that roles are not as they were, whoever has changed them.
    """

    steps: tuple[StepRun, ...]
    role_changes: tuple[Difference, ...] = ()
    roles_differ: bool = False

    @property
    def ok(self) -> bool:
        """True when every step ran without error."""
        return all(step.outcome == "ok" for step in self.steps)

    @property
    def failed_step(self) -> StepRun | None:
        """The step that stopped the run."""
        return next((step for step in self.steps if step.outcome == "failed"), None)

    @property
    def seconds(self) -> float:
        """How long the steps took together."""
        return sum(step.seconds for step in self.steps)

    def within(self, budget: float | None) -> bool:
        """True where the steps together keep the budget, in seconds, and each step its own."""
        return (budget is None or self.seconds <= budget) and not any(self.over_budget())

    def over_budget(self) -> Iterator[tuple[StepRun, float]]:
        """The steps that took longer than their own budget, each with it, in seconds."""
        return ((each, each.budget) for each in self.steps if each.budget is not None and each.seconds > each.budget)

    def timed_as(self, other: StepsRun) -> StepsRun:
        """This run with the times that the same steps took in another one."""
        steps = zip(self.steps, other.steps, strict=True)
        return replace(
            self,
            steps=tuple(replace(step, seconds=timed.seconds, statements=timed.statements) for step, timed in steps),
        )
