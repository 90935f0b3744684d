"""One plan's rehearsal: restore, baseline, migrate, verify, rerun, roll back. Each stage runs once, when first needed."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Container, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import psycopg

from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.backup.metadata import check_metadata, check_rows, read_metadata
from pytest_cutover.backup.preludes import prelude_path, scripts_of
from pytest_cutover.backup.restore import check_expectations
from pytest_cutover.backup.source import FetchedBackup, fetch_backup
from pytest_cutover.canaries import Wait, busy_tables
from pytest_cutover.database import Database
from pytest_cutover.engine import Engine, Restored, engine_of
from pytest_cutover.errors import BackupError, CutoverError, NotChecked, SandboxError
from pytest_cutover.hazards import Hazards, Scene, find_all
from pytest_cutover.interrupt.model import Interrupted
from pytest_cutover.interrupt.run import interrupt
from pytest_cutover.ledger import Ledger, read_ledger
from pytest_cutover.migrate import StepsRun
from pytest_cutover.migrate.result import StepRun
from pytest_cutover.plan.load import backup_path
from pytest_cutover.plan.model import Plan, Rollback, Step
from pytest_cutover.sandbox import Sandboxes, Server
from pytest_cutover.trace import Recording, Trace

STAGES = ("restore", "baseline", "migrate", "verify", "rerun", "rollback")

_numbers = itertools.count(1)


@dataclass
class Stage:
    """How one stage went: seconds it took, "ok", "failed" or "not_run", and the error where it failed."""

    seconds: float = 0.0
    outcome: str = "not_run"
    error: str = ""


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


class Restores:
    """Restored backups of one session by content, so that plans of the same backup share one template."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self.sandboxes = sandboxes
        self._templates: dict[tuple[object, ...], Restored] = {}

    def template(
        self,
        engine: Engine,
        facts: BackupFacts,
        server: Server,
        prelude: list[Path],
        owner: str | None,
        progress: Callable[[str], None],
    ) -> Restored:
        """The database that the backup was restored into; it is only ever copied."""
        key = (
            facts.path.resolve(),
            facts.path.stat().st_mtime_ns,
            id(server),
            tuple(script.read_bytes() for path in prelude for script in scripts_of(path)),
            owner,
        )
        if key not in self._templates:
            name = f"template_{next(_numbers)}"
            restored = engine.restore(facts, server, name, prelude, owner, progress)
            progress("analysing")
            engine.prepare(server, restored[0])
            self._templates[key] = restored
        return self._templates[key]


class Rehearsal:
    """Runs the stages of one plan and keeps what they gave.

    A stage that cannot be had raises `NotChecked` with the reason, each time it is asked for.
    """

    def __init__(
        self,
        plan: Plan,
        restores: Restores,
        backup: Path | None = None,
        progress: Callable[[str, str], None] | None = None,
    ) -> None:
        self.plan = plan
        self.stages = {name: Stage() for name in STAGES}
        self.backup: BackupState | None = None
        self.server: Server | None = None
        self.migration: StepsRun | None = None
        self.recording = Recording()
        self.found_hazards: Hazards | None = None
        self.waits: list[Wait] = []
        self.watched_s: float | None = None
        self.rerun_of: StepsRun | None = None
        self.rollbacks: dict[str, RollbackRun] = {}
        self.changed = 0
        self._backup_path = backup or backup_path(plan)
        self._fetched: FetchedBackup | None = None
        self._restores = restores
        self._progress = progress or (lambda stage, text: None)
        self.databases: dict[str, Database] = {}
        self._template: Any = None
        self._targets: dict[str, Any] = {}
        self.engine = engine_of(plan.file.engine)
        self._failures: dict[str, str] = {}
        self.books: Ledger | None = None
        self._made: list[str] = []
        self._interrupted: Interrupted | None = None

    # The stages, in the order of a run.

    def restored(self) -> BackupState:
        """The accepted and restored backup."""
        if self.backup is None:
            with self._stage("restore"):
                plan = self.plan.file
                if self._backup_path is None and plan.backup.command is not None:
                    self._fetched = fetch_backup(
                        plan.backup.command, self.plan.folder, plan.backup.timeout, plan.backup.max_bytes,
                        lambda text: self._say("restore", text),
                    )  # fmt: skip
                    self._backup_path = self._fetched.path
                assert self._backup_path is not None
                self._say("restore", "reading the backup")
                facts = self.engine.inspect(self._backup_path)
                metadata = read_metadata(self._backup_path)
                if metadata is not None:
                    check_metadata(metadata, self._backup_path, facts.sha256)
                if plan.backup.sha256 is not None and facts.sha256 != plan.backup.sha256:
                    raise BackupError(
                        f"The backup {facts.path} is not the one that the plan names.\n"
                        f"    sha256 in the plan: {plan.backup.sha256}\n    sha256 of the file: {facts.sha256}"
                    )
                self.server = self.engine.server(
                    self._restores.sandboxes, facts, plan.sandbox, lambda text: self._say("restore", text)
                )
                self._template, facts, warnings = self._restored_on(self.server, facts, "restore")
                before = self._clone(self._template, "before")
                counts = _count_rows(before, leave_out=facts.prepared)
                check_expectations(plan.backup.expect, counts, before.count, facts.path)
                check_rows(metadata, facts.path, counts)
                taken = plan.backup.taken or (metadata.taken if metadata else facts.taken)
                age = datetime.now(timezone.utc) - taken if taken else None
                _ = facts.sha256  # it was computed beside the restore, and may have failed
                self.backup = BackupState(facts, taken, age, len(counts), sum(counts.values()), warnings)
                self.databases["before"] = before
        return self.backup

    def before(self) -> Database:
        """The restored database, with its catalog read."""
        self.restored()
        before = self.databases["before"]
        if self.stages["baseline"].outcome != "ok":
            with self._stage("baseline"):
                self._say("baseline", "reading catalog and contents")
                _ = before.catalog
                _ = before.contents
        return before

    def migrated(self) -> StepsRun:
        """What running the migration's steps gave, whether they went through or not."""
        if self.migration is None:
            self.before()
            with self._stage("migrate") as stage:
                assert self._template is not None
                after = self._clone(self._template, "after")
                self._say("migrate", f"{len(self.plan.file.migrate.steps)} steps")
                migrate, target = self.plan.file.migrate, self._targets["after"]
                busy = busy_tables(migrate.busy, self.plan.file.changes, self.databases["before"])
                with (
                    self.engine.tracing(self.server, target) as self.recording,
                    self.engine.watching(target, busy) as self.waits,
                ):
                    run = self._run(migrate.steps, target)
                self.migration = after.run = run
                self.databases["after"] = after
                failed = self.migration.failed_step
                stage.error = step_failure(failed) if failed is not None else ""
            if self.migration.ok:
                self.hazards()
                self._time_again()
        return self.migration

    def _time_again(self) -> None:
        """Times a migration that is over its budget once more, without all that watches it and takes time of its own.

        Not one with programs: what such a one left outside of the database can make its second run a short one.
        """
        watched, migrate = self.migration, self.plan.file.migrate
        assert watched is not None
        programs = any(step.command is not None for step in migrate.steps)
        if programs or not self.engine.has_hazards or watched.within(migrate.budget):
            return
        self._say("migrate", "over its budget: once more, without the trace")
        # Whatever becomes of it, the migration went through: without a second time the first one counts.
        with suppress(SandboxError):
            run = self._run(migrate.steps, self._copy(self._template, "timed"))
            if run.ok:
                self.watched_s = watched.seconds
                self.migration = self.databases["after"].run = watched.timed_as(run)

    def after(self) -> Database:
        """The migrated database."""
        failed = self.migrated().failed_step
        if failed is not None:
            raise NotChecked(f"the migration stopped: {step_failure(failed)}")
        return self.databases["after"]

    def trace(self) -> Trace:
        """Which locks the migration held, and what work it did under them."""
        self.after()
        return self.recording.had()

    def hazards(self) -> Hazards:
        """What in the migration hurts a busy database."""
        if self.found_hazards is None:
            scene = Scene(self.before(), self.after(), self.recording, self.plan.file.migrate.role)
            self.found_hazards = find_all(scene) if self.engine.has_hazards else Hazards()
            self.changed += 1
        return self.found_hazards

    def ledger(self) -> Ledger:
        """What the migration did to the rows of every table."""
        if self.books is None:
            self.books = read_ledger(self.before(), self.after(), self.plan.file.changes)
            self.changed += 1
        return self.books

    def rerun(self) -> Database:
        """The migrated database after the migration was run on it once more."""
        after = self.after()
        if "rerun" not in self.databases:
            with self._stage("rerun"):
                database = self._clone(self._targets["after"], "rerun", source=after)
                self._say("rerun", "running the migration again")
                database.run = self.rerun_of = self._run(self.plan.file.migrate.steps, self._targets["rerun"])
                self.databases["rerun"] = database
        return self.databases["rerun"]

    def rolled_back(self, name: str) -> RollbackRun:
        """The migrated database after one declared way back, or a fresh one from the backup."""
        if name in self.rollbacks:
            return self.rollbacks[name]
        after = self.after()
        rollback = next(each for each in self.plan.file.rollback if each.name == name)
        done = RollbackRun(rollback)
        began = time.perf_counter()
        earlier = self.stages["rollback"]
        with self._stage("rollback") as stage:
            self._say("rollback", name)
            if rollback.restore:
                done.database = self._restore_afresh()
                done.seconds = time.perf_counter() - began
            else:
                label = f"rolled back ({name})"
                done.database = self._clone(self._targets["after"], label, source=after)
                began = time.perf_counter()
                done.run = self._run(rollback.steps, self._targets[label])
                done.seconds = time.perf_counter() - began
                failed = done.run.failed_step
                done.error = step_failure(failed) if failed else ""
            done.database.run = done.run
            self.rollbacks[name] = done
            stage.error = done.error or earlier.error
        self.stages["rollback"].seconds += earlier.seconds
        return done

    def interrupted(self) -> Interrupted:
        """What becomes of the migration wherever it is cut off, on a server of its own that may be killed."""
        self.after()
        if self._interrupted is None:
            with self._stage("interrupt"):
                assert self.backup is not None
                server = self.engine.server_to_crash(
                    self._restores.sandboxes, self.backup.facts, self.plan.file.sandbox
                )
                template, _, _ = self._restored_on(server, self.backup.facts, "interrupt")
                self._interrupted = interrupt(
                    self.plan, self.engine, server, template, self._backup_path,
                    lambda text: self._say("interrupt", text),
                )  # fmt: skip
        return self._interrupted

    def close(self) -> None:
        """Drops every database of the rehearsal, and a backup that was fetched for it; what is known of it stays."""
        self.forget_backup()
        fresh = [done.database for done in self.rollbacks.values() if done.database is not None]
        for database in [*self.databases.values(), *fresh]:
            database.close()
        # This is only thrift: what a broken server does not drop goes with the server.
        with suppress(SandboxError):
            while self._made and self.server is not None:
                self.server.drop(self._made.pop())

    def forget_backup(self) -> None:
        """Removes the file of a backup that was fetched."""
        if self._fetched is not None:
            self._fetched.close()

    # How a stage runs.

    @contextmanager
    def _stage(self, name: str) -> Iterator[Stage]:
        """Times a stage and keeps how it went; what sets `error` without raising has failed, too."""
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
            self.stages[name] = stage
            self.changed += 1
            self._progress(name, f"{stage.outcome} {stage.seconds:.1f} s")

    def _say(self, stage: str, text: str) -> None:
        self._progress(stage, text)

    def _copy(self, template: Any, label: str, source: Database | None = None) -> Any:
        """The address of a copy of a database; the sessions on the source are ended for it, as the server demands."""
        assert self.server is not None
        if source is not None:
            source.close()
        name = f"{self.plan.name[:30].lower()}_{label.split(' ')[0]}_{next(_numbers)}"
        target = self.server.create(name, template=template, owner=self.plan.file.migrate.role)
        self._made.append(name)
        return target

    def _clone(self, template: Any, label: str, source: Database | None = None) -> Database:
        """A copy of a database, to look at and to make further copies of."""
        target = self._copy(template, label, source)
        self._targets[label] = target
        database = self.engine.database(target, label, lambda: self._copy(target, "scratch", source=database))
        return database

    def _restored_on(self, server: Any, facts: BackupFacts, stage: str) -> Restored:
        """The backup restored on a server, as a template for copies."""
        file = self.plan.file
        prelude = [prelude_path(entry, self.plan.folder) for entry in file.backup.prelude]
        restored = self._restores.template(
            self.engine, facts, server, prelude, file.migrate.role, lambda text: self._say(stage, text)
        )
        self.engine.check_extensions(server, set(file.sandbox.extensions))
        return restored

    def _restore_afresh(self) -> Database:
        assert self.server is not None and self.backup is not None
        prelude = [prelude_path(entry, self.plan.folder) for entry in self.plan.file.backup.prelude]
        name = f"{self.plan.name[:30].lower()}_fresh_{next(_numbers)}"
        target, _, _ = self.engine.restore(
            self.backup.facts, self.server, name, prelude, self.plan.file.migrate.role,
            lambda text: self._say("rollback", text),
        )  # fmt: skip
        self._made.append(name)
        return self.engine.database(target, "restored")

    def _run(self, steps: list[Step], target: Any) -> StepsRun:
        """What running the steps as the plan's role gives.

        Raises:
            SandboxError: a step failed because the server did: that says nothing of the migration.
        """
        return self.engine.run(
            steps, self.plan.folder, self.server, target, self.plan.file.migrate.role, self._backup_path
        )


def _count_rows(database: Database, leave_out: Container[str]) -> dict[str, int]:
    """Exact rows of every table that holds rows of its own."""
    return {
        name: database.count_own(name)
        for name, table in database.catalog.tables.items()
        if table.kind == "table" and name not in leave_out
    }


def step_failure(step: StepRun) -> str:
    """Which step stopped, and why, in one line."""
    return f"step {step.name}: {step.error}"
