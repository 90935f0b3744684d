"""A migration that is cut off half-way can be taken up again, or taken back."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, ClassVar

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.errors import NotChecked
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.plan.model import Phase

if TYPE_CHECKING:
    from pytest_cutover.interrupt.model import Cut, Interrupted


class CutOff(Kind):
    """Wherever the migration is cut off, migrating again ends as an undisturbed run does, or refuses and can be rolled back."""

    KIND: ClassVar[str] = "interrupted"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    IMPLICIT: ClassVar[bool] = True
    PROVES: ClassVar[str] = (
        "With `--interrupt`: before each statement that the server saw, and inside of those that commit in between, the migration was cut off in three ways (its "
        "connection killed, its program killed -9, the server killed -9 and started again), and run again. The "
        "state is that of an undisturbed run, object by object and row by row; or the second run changed nothing and every "
        "declared rollback gave the baseline back. What is left behind invalid is named."
    )
    CANNOT: ClassVar[str] = (
        "A single statement is cut in its middle only where it commits in between (a procedure, CONCURRENTLY), and behind three "
        "of its commits at most; a program between two statements is not, but for SQLite, where it is killed by the clock. "
        "The operating system goes on: a machine that loses power is another question."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="",
        before="CREATE TABLE fees (id int PRIMARY KEY, cents int NOT NULL); INSERT INTO fees VALUES (1, 100), (2, 250);",
        passing="ALTER TABLE fees ADD COLUMN IF NOT EXISTS doubled int;\n"
        "UPDATE fees SET doubled = cents * 2 WHERE doubled IS NULL;",
        failing="UPDATE fees SET cents = cents * 2;\nALTER TABLE fees ADD COLUMN doubled int;",
        message="cut off before migration.sql:2",
        plan='changes.added = ["column:fees.doubled"]',
        failing_plan='changes.added = ["column:fees.doubled"]\nchanges.rows.fees.changed = ["cents"]',
    )

    def check(self, interrupted: Interrupted) -> Finding:
        """Finds whether every cut was overcome."""
        from pytest_cutover.interrupt.model import WAYS

        bad = interrupted.of("neither")
        points = _count(interrupted.points, interrupted.unit)
        tried = f"{points} in {_count(len({cut.way for cut in interrupted.cuts}), 'way')}"
        expected = "the same state as undisturbed, or a clean refusal and a way back"
        if bad:
            first = bad[0]
            more = f", and {len(bad) - 1} more of {len(interrupted.cuts)} cuts" if len(bad) > 1 else ""
            return Finding(
                False,
                f"cut off {first.point.shown}, {WAYS[first.way]}: {first.detail}{more}",
                expected=expected,
                actual=f"{len(bad)} of {len(interrupted.cuts)} cuts are neither",
                evidence=(_listed(bad),),
            )
        missed = interrupted.of("not_reached")
        if interrupted.untried:
            raise NotChecked("; ".join(f"{WAYS[way]}: not tried, {why}" for way, why in interrupted.untried.items()))
        if interrupted.unseen:
            listed = ", ".join(f"{each.place} ({each.statement})" for each in interrupted.unseen)
            raise NotChecked(
                f"not cut off inside of {listed}: it commits more than once, and without waiting for its commits "
                "(synchronous_commit), so that they cannot be told apart"
            )
        if missed:
            raise NotChecked(
                f"{len(missed)} of {len(interrupted.cuts)} cuts came too late: the migration did not come to "
                f"{missed[0].point.shown} again"
            )
        if not interrupted.cuts:
            raise NotChecked(f"the migration has no {interrupted.unit} to cut it off at")
        outcomes = Counter(cut.outcome for cut in interrupted.cuts)
        told = f"cut off at {tried}, on {interrupted.server}: {outcomes['converges']} end as undisturbed"
        if outcomes["refuses"]:
            told += f", {outcomes['refuses']} refuse, change nothing, and are rolled back"
        if interrupted.varying:
            told += f" (not compared, since no two runs agree: {', '.join(interrupted.varying)})"
        return Finding(True, told, expected=expected, actual=f"{len(interrupted.cuts)} cuts are overcome")


def _listed(cuts: Sequence[Cut]) -> Evidence:
    from pytest_cutover.interrupt.model import WAYS

    rows = [(cut.point.shown, WAYS[cut.way], cut.detail) for cut in cuts]
    return Evidence.of("Cuts that are neither overcome nor refused", ("cut off", "how", "what came of it"), rows)


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
