"""Cutting a migration of SQLite off: a file of SQL at each of its statements, a program by the clock.

There is no server and no connection to kill, so there is one way. What a process that is killed leaves are its files as
they are at that moment, the journal of an open transaction among them; so a file of SQL is cut by copying them.
"""

from __future__ import annotations

import itertools
import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pytest_cutover.errors import NotChecked
from pytest_cutover.interrupt.aftermath import Aftermath
from pytest_cutover.interrupt.model import Left, Point, Way, step_name
from pytest_cutover.migrate import StepRun, Stop, run_steps
from pytest_cutover.migrate.sqlite import run_sqlite
from pytest_cutover.plan.model import Step
from pytest_cutover.plan.values import format_duration
from pytest_cutover.sandbox.sqlite import SqliteFolder
from pytest_cutover.sqlite.connection import SqliteTarget

MOMENTS = 10
"""How many times a program is killed, spread evenly over the time that it takes."""


@dataclass(frozen=True)
class _Place:
    """Where a point is: the step, and its statement or the seconds after its start."""

    step: int
    statement: int = 0
    after_s: float | None = None


class _CutHere(Exception):
    """Ends the run of a file whose state was copied."""


class FileCuts:
    """Runs the migration on copies of a SQLite file, and cuts it off."""

    ways: tuple[Way, ...] = ("program",)
    unit = "moment"
    unseen: Sequence[Point] = ()

    def __init__(self, aftermath: Aftermath, server: SqliteFolder) -> None:
        self._aftermath = aftermath
        self._server = server
        self._steps: list[Step] = aftermath.plan.file.migrate.steps
        self._places: dict[int, _Place] = {}
        self._numbers = itertools.count(1)

    def uninterrupted(self) -> list[Point]:
        """The points of a run that nobody cuts, whose database is from now on what every other has to lead to.

        Raises:
            NotChecked: the migration stops.
        """
        copies = [self._aftermath.copy(self._aftermath.template) for _ in range(2)]
        times: list[list[StepRun]] = []
        for target in copies:
            runs = [self._run(step, target) for step in self._steps]
            failed = next((run for run in runs if run.error is not None), None)
            if failed is not None:
                raise NotChecked(f"the migration stops without being cut: step {failed.name}: {failed.error}")
            times.append(runs)
        self._aftermath.learn(*copies)
        found: list[Point] = []
        for number, (step, *runs) in enumerate(zip(self._steps, *times, strict=True)):
            for statement, ran in enumerate(runs[0].statements):
                self._places[len(found) + 1] = _Place(number, statement)
                found.append(Point(len(found) + 1, f"{ran.file}:{ran.line}", ran.summary))
            if step.command is not None:
                took = min(run.seconds for run in runs)
                for moment in range(MOMENTS):
                    after_s = took * moment / MOMENTS
                    self._places[len(found) + 1] = _Place(number, after_s=after_s)
                    place = f"step {step_name(step)}, {format_duration(after_s)} after its start"
                    found.append(Point(len(found) + 1, place))
        return found

    def untried(self) -> dict[Way, str]:
        """No way that has a meaning is left out."""
        return {}

    def left_beside(self) -> str:
        """There is no server that could hold it."""
        return ""

    def cut(self, point: Point, way: Way) -> Left:
        """What a run leaves which is cut off there; a program that was faster this time is cut off at its end."""
        place = self._places[point.number]
        target: SqliteTarget = self._aftermath.copy(self._aftermath.template)
        for step in self._steps[: place.step]:
            self._run(step, target)
        step = self._steps[place.step]
        if place.after_s is None:
            return Left(self._cut_file(step, target, place.statement))
        stop = Stop(place.after_s)
        try:
            self._run(step, target, stop)
        finally:
            stop.close()
        return Left(target)

    def _run(self, step: Step, target: SqliteTarget, stop: Stop | None = None) -> StepRun:
        return run_steps([step], self._aftermath.plan.folder, target, self._aftermath.backup, stop).steps[0]

    def _cut_file(self, step: Step, target: SqliteTarget, statement: int) -> SqliteTarget:
        """A copy of the database's files as they are before the statement."""
        assert step.sql is not None
        left: list[SqliteTarget] = []

        def stop_there(number: int) -> None:
            if number == statement:
                name = f"{target.path.parent.name}_left_{next(self._numbers)}"
                left.append(self._server.place(name, target.path.name))
                _copy_files(target.path, left[0].path)
                raise _CutHere

        try:
            run_sqlite(self._aftermath.plan.folder / step.sql, step.name, target, None, stop_there)
        except _CutHere:
            self._aftermath.drop(target)
        return left[0]


def _copy_files(source: Path, target: Path) -> None:
    # The index of the log is made anew by whoever opens it next, as after every crash.
    for path in source.parent.iterdir():
        if path.is_dir() and not path.is_symlink():
            shutil.copytree(path, target.parent / path.name, symlinks=True)
        elif path.name != f"{source.name}-shm":
            shutil.copy2(path, target.parent / path.name, follow_symlinks=False)
