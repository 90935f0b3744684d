"""What a rehearsal asks of SQLite."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.backup.sqlite import inspect_sqlite_backup, restore_sqlite
from pytest_cutover.canaries import Wait
from pytest_cutover.database import Database
from pytest_cutover.engine import Engine, Progress, Restored
from pytest_cutover.errors import SandboxError
from pytest_cutover.migrate import StepsRun, run_steps
from pytest_cutover.plan.model import Sandbox, Step
from pytest_cutover.plan.sqlite import NOT_FOR_SQLITE
from pytest_cutover.sandbox import Sandboxes
from pytest_cutover.sandbox.sqlite import SqliteFolder
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.sqlite.database import SqliteDatabase
from pytest_cutover.trace import Recording

_DISK_FULL = "53100"


class SQLite(Engine):
    """SQLite, on files in a private folder."""

    name = "SQLite"
    has_hazards = False

    def inspect(self, backup: Path) -> BackupFacts:
        return inspect_sqlite_backup(backup)

    def server(self, sandboxes: Sandboxes, facts: BackupFacts, wanted: Sandbox, progress: Progress) -> SqliteFolder:
        return sandboxes.files()

    def server_to_crash(self, sandboxes: Sandboxes, facts: BackupFacts, wanted: Sandbox) -> SqliteFolder:
        return sandboxes.files()

    def restore(
        self, facts: BackupFacts, server: SqliteFolder, name: str, prelude: list[Path], owner: str | None,
        progress: Progress,
    ) -> Restored:  # fmt: skip
        return restore_sqlite(facts, server, name, progress)

    def prepare(self, server: SqliteFolder, target: SqliteTarget) -> None:
        """Nothing: statistics that production does not have would show plans that it does not choose."""

    def check_extensions(self, server: SqliteFolder, wanted: set[str]) -> None:
        """Nothing: a plan for SQLite that names extensions is refused when it is read."""

    def database(self, target: SqliteTarget, label: str, scratch: Callable[[], SqliteTarget] | None = None) -> Database:
        return SqliteDatabase(target, label, scratch)

    def run(
        self, steps: Sequence[Step], folder: Path, server: SqliteFolder, target: SqliteTarget, role: str | None,
        backup: Path | None,
    ) -> StepsRun:  # fmt: skip
        run = run_steps(steps, folder, target, backup)
        failed = run.failed_step
        if failed is not None and failed.error is not None and failed.error.sqlstate == _DISK_FULL:
            raise server.failure(f"could not run {failed.name}", SandboxError(str(failed.error)))
        return run

    def tracing(self, server: SqliteFolder, target: SqliteTarget) -> AbstractContextManager[Recording]:
        """Nothing to trace: a writer locks all of a SQLite database, and no table of its own."""
        return nullcontext(Recording(missing=NOT_FOR_SQLITE["locks"]))

    def watching(self, target: SqliteTarget, tables: Sequence[str]) -> AbstractContextManager[list[Wait]]:
        """Nothing to watch, for the same reason."""
        return nullcontext([])
