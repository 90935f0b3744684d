"""The backup is recent enough."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.finding import Finding
from pytest_cutover.plan.model import Phase
from pytest_cutover.plan.values import format_duration

if TYPE_CHECKING:
    from pytest_cutover.stages import BackupState


class BackupAge(Kind):
    """The backup is no older than the plan allows, and its age is known."""

    KIND: ClassVar[str] = "backup_age"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    IMPLICIT: ClassVar[bool] = True
    PROVES: ClassVar[str] = "What was rehearsed is the database of at most `backup.max_age` ago."
    CANNOT: ClassVar[str] = (
        "The time is the one that the plan or the archive's header gives (a header has no zone and is read as UTC); "
        "a plain dump carries none."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion="",
        before="CREATE TABLE flights (id int PRIMARY KEY); INSERT INTO flights VALUES (1);",
        passing="ALTER TABLE flights ADD COLUMN IF NOT EXISTS cid integer;",
        failing="ALTER TABLE flights ADD COLUMN IF NOT EXISTS cid integer;",
        message="days old",
        plan='backup.taken = 2020-01-01T00:00:00Z\nbackup.max_age = "36500d"\nchanges.added = ["column:flights.cid"]',
        failing_plan='backup.taken = 2020-01-01T00:00:00Z\nbackup.max_age = "7d"\nchanges.added = ["column:flights.cid"]',
    )

    max_age: float = 0.0

    def check(self, backup: BackupState) -> Finding:
        """Finds whether the backup is young enough."""
        expected = f"at most {format_duration(self.max_age)} old"
        if backup.age is None:
            return Finding(
                False, "it is not known when the backup was taken; give backup.taken in the plan", expected=expected,
                actual="unknown",
            )  # fmt: skip
        seconds = backup.age.total_seconds()
        if seconds < -86400:
            return Finding(
                False, "the backup is dated in the future; correct backup.taken in the plan", expected=expected,
                actual="in the future",
            )  # fmt: skip
        shown = f"{seconds / 86400:.1f} days old"
        return Finding(seconds <= self.max_age, f"the backup is {shown}", expected=expected, actual=shown)
