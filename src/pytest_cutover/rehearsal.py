"""One plan's rehearsal: restore, baseline, migrate, verify, rerun, roll back. Each stage runs once, when first needed."""

from __future__ import annotations

import time
from collections.abc import Callable, Container
from contextlib import suppress
from datetime import datetime, timezone
from functools import cache, partial
from pathlib import Path
from typing import Any

from pytest_cutover.backup.accept import check_expectations, check_file
from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.backup.metadata import check_rows
from pytest_cutover.backup.source import FetchedBackup, fetch_backup
from pytest_cutover.canaries import Wait, busy_tables
from pytest_cutover.copies import Copies, Restores
from pytest_cutover.criteria.locks import watched
from pytest_cutover.database import Database
from pytest_cutover.engine import Restored, engine_of
from pytest_cutover.errors import NotChecked, SandboxError
from pytest_cutover.hazards import Hazards, Scene, find_all
from pytest_cutover.interrupt.model import Interrupted
from pytest_cutover.interrupt.run import interrupt
from pytest_cutover.ledger import Ledger, read_ledger
from pytest_cutover.migrate import StepsRun
from pytest_cutover.ordinary.run import as_owner
from pytest_cutover.plan.load import backup_path
from pytest_cutover.plan.model import Plan, Step
from pytest_cutover.sandbox import Server
from pytest_cutover.stages import BackupState, RollbackRun, Stages, step_failure
from pytest_cutover.trace import Recording, Trace


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
        self.stages = Stages(progress or (lambda stage, text: None))
        self.backup: BackupState | None = None
        self.migration: StepsRun | None = None
        self.recording = Recording()
        self.found_hazards: Hazards | None = None
        self.waits: list[Wait] = []
        self.watched_s: float | None = None
        self.rerun_of: StepsRun | None = None
        self.rollbacks: dict[str, RollbackRun] = {}
        self._backup_path = backup or backup_path(plan)
        self._fetched: FetchedBackup | None = None
        self._restores = restores
        self.databases: dict[str, Database] = {}
        self._template: Any = None
        self.engine = engine_of(plan.file.engine)
        self._copies = Copies(plan, self.engine)
        self.books: Ledger | None = None
        self._interrupted: Interrupted | None = None

    @property
    def changed(self) -> int:
        """How often something new was learnt."""
        return self.stages.changed

    @property
    def server(self) -> Server | None:
        """Where the plan is rehearsed; None until the backup tells what it needs."""
        server: Server | None = self._copies.server
        return server

    # The stages, in the order of a run.

    def restored(self) -> BackupState:
        """The accepted and restored backup."""
        if self.backup is None:
            with self.stages.run("restore"):
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
                metadata = check_file(facts, plan.backup.sha256)
                server = self._copies.server = self.engine.server(
                    self._restores.sandboxes, facts, plan.sandbox, lambda text: self._say("restore", text)
                )
                self._template, facts, warnings = self._restored_on(server, facts, "restore")
                before = self._copies.clone(self._template, "before")
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
        if self.stages.went["baseline"].outcome != "ok":
            with self.stages.run("baseline"):
                self._say("baseline", "reading catalog and contents")
                _ = before.catalog
                _ = before.contents
        return before

    def migrated(self) -> StepsRun:
        """What running the migration's steps gave, whether they went through or not."""
        if self.migration is None:
            self.before()
            with self.stages.run("migrate") as stage:
                assert self._template is not None
                after = self._copies.clone(self._template, "after")
                self._say("migrate", f"{len(self.plan.file.migrate.steps)} steps")
                migrate, target = self.plan.file.migrate, self._copies.addresses["after"]
                changes, asserted = self.plan.file.changes, watched(self.plan.criteria)
                busy = busy_tables(migrate.busy, asserted, changes, self.databases["before"])
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
            run = self._run(migrate.steps, self._copies.copy(self._template, "timed"))
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

    def recorded(self) -> Recording:
        """The trace, or why there is none."""
        self.after()
        return self.recording

    def waited(self) -> list[Wait]:
        """How long the clients of the watched tables waited."""
        self.after()
        return self.waits

    def hazards(self) -> Hazards:
        """What in the migration hurts a busy database."""
        if self.found_hazards is None:
            after, backup, role = self.after(), self.backup, self.plan.file.migrate.role
            owner = partial(as_owner, self.plan, self.engine, self._restores, self.server, backup, after, self.stages)
            scene = Scene(self.before(), after, self.recording, role, cache(owner))
            self.found_hazards = find_all(scene) if self.engine.has_hazards else Hazards()
            self.stages.changed += 1
        return self.found_hazards

    def ledger(self) -> Ledger:
        """What the migration did to the rows of every table."""
        if self.books is None:
            self.books = read_ledger(self.before(), self.after(), self.plan.file.changes)
            self.stages.changed += 1
        return self.books

    def rerun(self) -> Database:
        """The migrated database after the migration was run on it once more."""
        after = self.after()
        if "rerun" not in self.databases:
            with self.stages.run("rerun"):
                database = self._copies.clone(self._copies.addresses["after"], "rerun", source=after)
                self._say("rerun", "running the migration again")
                database.run = self.rerun_of = self._run(self.plan.file.migrate.steps, self._copies.addresses["rerun"])
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
        earlier = self.stages.went["rollback"]
        with self.stages.run("rollback") as stage:
            self._say("rollback", name)
            if rollback.restore:
                assert self.backup is not None
                done.database = self._copies.restore_afresh(self.backup.facts, lambda text: self._say("rollback", text))
                done.seconds = time.perf_counter() - began
            else:
                label = f"rolled back ({name})"
                done.database = self._copies.clone(self._copies.addresses["after"], label, source=after)
                began = time.perf_counter()
                done.run = self._run(rollback.steps, self._copies.addresses[label])
                done.seconds = time.perf_counter() - began
                failed = done.run.failed_step
                done.error = step_failure(failed) if failed else ""
            done.database.run = done.run
            self.rollbacks[name] = done
            stage.error = done.error or earlier.error
        self.stages.went["rollback"].seconds += earlier.seconds
        return done

    def interrupted(self) -> Interrupted:
        """What becomes of the migration wherever it is cut off, on a server of its own that may be killed."""
        after = self.after()
        if self._interrupted is None:
            with self.stages.run("interrupt"):
                assert self.backup is not None
                assert self.server is not None
                server = self.engine.server_to_crash(
                    self._restores.sandboxes, self.backup.facts, self.plan.file.sandbox
                )
                template, _, _ = self._restored_on(server, self.backup.facts, "interrupt")
                self._interrupted = interrupt(
                    self.plan, self.engine, server, template, self._backup_path, after, self.server.facts,
                    lambda text: self._say("interrupt", text),
                )  # fmt: skip
        return self._interrupted

    def close(self) -> None:
        """Drops every database of the rehearsal, and a backup that was fetched for it; what is known of it stays."""
        self.forget_backup()
        fresh = [done.database for done in self.rollbacks.values() if done.database is not None]
        for database in [*self.databases.values(), *fresh]:
            database.close()
        self._copies.drop()

    def forget_backup(self) -> None:
        """Removes the file of a backup that was fetched."""
        if self._fetched is not None:
            self._fetched.close()

    # How a stage runs.

    def _say(self, stage: str, text: str) -> None:
        self.stages.progress(stage, text)

    def _restored_on(self, server: Any, facts: BackupFacts, stage: str) -> Restored:
        """The backup restored on a server, as a template for copies."""
        return self._restores.template(self.plan, self.engine, facts, server, lambda text: self._say(stage, text))

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
