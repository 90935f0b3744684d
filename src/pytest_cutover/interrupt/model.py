"""Where a migration was cut off, in which way, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from pytest_cutover.plan.model import Step

Way = Literal["connection", "program", "server"]

WAYS: dict[Way, str] = {
    "connection": "connection killed",
    "program": "program killed -9",
    "server": "server killed -9",
}
"""The ways to cut, in the order in which they are tried, with their words."""

Outcome = Literal["converges", "refuses", "neither", "not_reached"]


@dataclass(frozen=True)
class Point:
    """A place to cut, counted from 1 as the statements arrive at the server; or a moment of a program, by the clock.

    `place` is `FILE:LINE`, or the step where no line is known. Inside of a statement that commits by itself a point is
    behind as many of its commits as `commits` says, of `commits_of` that it does undisturbed.
    """

    number: int
    place: str
    statement: str = ""
    commits: int = 0
    commits_of: int = 0

    @property
    def inside(self) -> bool:
        """True where the statement has begun."""
        return self.commits > 0

    @property
    def shown(self) -> str:
        """The point for people: `before 01.sql:3 (UPDATE …)`."""
        if not self.statement:
            return self.place
        if self.inside:
            return f"inside {self.place} ({self.statement}), {self.commits} of its {self.commits_of} commits done"
        return f"before {self.place} ({self.statement})"


@dataclass(frozen=True)
class Cut:
    """One try: the point, the way, and what migrating again led to; `detail` says it in words."""

    point: Point
    way: Way
    outcome: Outcome
    detail: str = ""


@dataclass(frozen=True)
class Interrupted:
    """All tries of one plan, in order.

    `untried` says for each way that could not be tried why not; `unseen` are statements whose inside was not found, as
    they commit without waiting for it; `varying` are the columns that were not compared, since
    no two runs agree on them. `unit` is what a point is: a statement, or a moment.
    """

    cuts: tuple[Cut, ...]
    points: int
    unit: str = "statement"
    untried: dict[Way, str] = field(default_factory=dict)
    unseen: tuple[Point, ...] = ()
    varying: tuple[str, ...] = ()
    server: str = ""

    def of(self, outcome: Outcome) -> list[Cut]:
        """The tries that ended so."""
        return [cut for cut in self.cuts if cut.outcome == outcome]


@dataclass(frozen=True)
class Left:
    """The address of the database that a cut left.

    Two with the same `state` are known to be alike; None: nothing is known. `ended_well` says that the migration went on after
    the cut, and told nobody of it; `beside` that something is left outside of the database, where only migrating again tells
    whether it stays.
    """

    database: Any
    state: object = None
    ended_well: bool = False
    beside: bool = False


def step_name(step: Step) -> str:
    """The step for people: a program by its own name, without the Python that runs it and without its options."""
    words = [word for word in step.command or () if word != "{python}"]
    return words[0] if words else step.name
