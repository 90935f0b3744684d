"""Running the steps of a migration or a rollback: one module per runner."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from pytest_cutover.migrate.command import Stop, run_command
from pytest_cutover.migrate.flyway import run_flyway
from pytest_cutover.migrate.result import StepRun, StepsRun
from pytest_cutover.migrate.script import Execute, execute
from pytest_cutover.migrate.sql import run_sql
from pytest_cutover.migrate.sqlite import run_sqlite
from pytest_cutover.plan.model import Step
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.target import Target

__all__ = ["StepRun", "StepsRun", "Stop", "run_steps"]


def run_steps(
    steps: Sequence[Step], folder: Path, target: Target | SqliteTarget, backup: Path | None = None,
    stop: Stop | None = None, execute: Execute = execute,
) -> StepsRun:  # fmt: skip
    """Runs the steps in order; the first one that fails is the last one that runs. `stop` can kill their programs.

    `execute` sends the statements of those that are no programs.
    """
    done: list[StepRun] = []
    for step in steps:
        if done and done[-1].outcome != "ok":
            done.append(StepRun(step.name, "not_run", budget=step.budget))
        elif step.flyway is not None and isinstance(target, Target):
            done.append(run_flyway(step, folder, target, execute))
        elif step.sql is None:
            done.append(run_command(step, folder, target, backup, stop))
        elif isinstance(target, SqliteTarget):
            done.append(run_sqlite(folder / step.sql, step.name, target, step.budget))
        else:
            done.append(run_sql(folder / step.sql, step.name, target, step.budget, execute))
    return StepsRun(tuple(done))
