"""The migration runs to its end without an error."""

from __future__ import annotations

from typing import ClassVar

from pytest_cutover.criteria.base import Example, Kind
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.migrate.result import StepsRun
from pytest_cutover.plan.model import Phase


class Applies(Kind):
    """Every step of the migration runs to its end without an error."""

    KIND: ClassVar[str] = "applies"
    GROUP: ClassVar[str] = "run"
    MEANINGFUL: ClassVar[tuple[Phase, ...]] = ("rehearsal",)
    IMPLICIT: ClassVar[bool] = True
    PROVES: ClassVar[str] = "Each step ran on the restored backup, as the plan's role, and none reported an error."
    CANNOT: ClassVar[str] = "It says nothing of what the steps did: a migration that does nothing applies, too."
    EXAMPLE: ClassVar[Example] = Example(
        criterion="",
        before="CREATE TABLE flights (id int PRIMARY KEY, callsign text); INSERT INTO flights VALUES (1, 'AB1'), (2, NULL);",
        passing="UPDATE flights SET callsign = 'unknown' WHERE callsign IS NULL;\n"
        "ALTER TABLE flights ALTER COLUMN callsign SET NOT NULL;",
        failing="ALTER TABLE flights ALTER COLUMN callsign SET NOT NULL;",
        message="23502",
        plan='changes.altered = ["column:flights.callsign"]\nchanges.rows.flights.changed = ["callsign"]',
    )

    def check(self, migration: StepsRun) -> Finding:
        """Finds whether every step ended well."""
        failed = migration.failed_step
        total = len(migration.steps)
        if failed is None:
            return Finding(
                total > 0, f"{total} of {total} steps ran without an error", expected="no error", actual="no error"
            )
        number = migration.steps.index(failed) + 1
        error = failed.error
        assert error is not None
        place = f" at {error.file}:{error.line}" if error.file and error.line else ""
        code = f", SQLSTATE {error.sqlstate}" if error.sqlstate else ""
        evidence = Evidence.of(
            "Where it stopped",
            ("step", "place", "statement", "error"),
            [(failed.name, place.removeprefix(" at "), error.statement or "", error.message + code)],
        )
        return Finding(
            False,
            f"step {number} of {total}, {failed.name}, stopped{place}: {error.message}{code}",
            expected="no error",
            actual=f"step {number} of {total} failed",
            evidence=(evidence,),
        )
