"""What the stages of a rehearsal give, and how each of them went."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import psycopg

from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.database import Database
from pytest_cutover.errors import CutoverError, NotChecked
from pytest_cutover.migrate import StepsRun
from pytest_cutover.migrate.result import StepRun
from pytest_cutover.plan.model import Rollback

STAGES = ("restore", "baseline", "migrate", "verify", "rerun", "rollback")


@dataclass
class Stage:
    """How one stage went: seconds it took, "ok", "failed" or "not_run", and the error where it failed."""

    seconds: float = 0.0
    outcome: str = "not_run"
    error: str = ""


class Stages:
    """How the stages of one rehearsal went; one that failed is not tried again.

    `changed` counts what was learnt, `progress` is told of each stage by name.
    """

    def __init__(self, progress: Callable[[str, str], None]) -> None:
        self.went = {name: Stage() for name in STAGES}
        self.changed = 0
        self.progress = progress
        self._failures: dict[str, str] = {}

    @contextmanager
    def run(self, name: str) -> Iterator[Stage]:
        """Times a stage and keeps how it went; what sets `error` without raising has failed, too.

        Raises:
            NotChecked: the stage failed, now or before.
        """
        if name in self._failures:
            raise NotChecked(self._failures[name])
        stage = Stage()
        began = time.perf_counter()
        try:
            yield stage
            stage.outcome = "failed" if stage.error else "ok"
        except NotChecked:
            raise
        except (CutoverError, psycopg.Error) as error:
            stage.outcome, stage.error = "failed", str(error)
            self._failures[name] = f"{name} failed: {error}"
            raise NotChecked(self._failures[name]) from error
        finally:
            stage.seconds = time.perf_counter() - began
            self.went[name] = stage
            self.changed += 1
            self.progress(name, f"{stage.outcome} {stage.seconds:.1f} s")


@dataclass(frozen=True)
class BackupState:
    """The backup once restored: its facts, when it was taken, how old it is, how much it holds."""

    facts: BackupFacts
    taken: datetime | None
    age: timedelta | None
    tables: int
    rows: int
    warnings: tuple[str, ...]


@dataclass
class RollbackRun:
    """One way back: the database it led to, its steps, how long it took, and the error where it failed."""

    rollback: Rollback
    database: Database | None = None
    run: StepsRun | None = None
    seconds: float = 0.0
    error: str = ""
    differences: list[str] = field(default_factory=list)


def step_failure(step: StepRun) -> str:
    """Which step stopped, and why, in one line."""
    return f"step {step.name}: {step.error}"
