"""What a rehearsal asks of a database engine: one way for each."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg

from pytest_cutover.backup.inspect import BackupFacts, inspect_backup
from pytest_cutover.backup.restore import restore
from pytest_cutover.canaries import Wait, watching
from pytest_cutover.database import Database
from pytest_cutover.errors import BackupError, SandboxError
from pytest_cutover.migrate import StepsRun, run_steps
from pytest_cutover.migrate.roles import Roles, read_roles, role_changes
from pytest_cutover.migrate.script import Execute, execute
from pytest_cutover.plan.model import Sandbox, Step
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import EmbeddedServer, Sandboxes, Server
from pytest_cutover.sandbox.given import GivenServer
from pytest_cutover.target import Target
from pytest_cutover.trace import Recording, record

Progress = Callable[[str], None]

Restored = tuple[Any, BackupFacts, tuple[str, ...]]
"""The address of the database that a backup was restored into, the facts with what was handled, and warnings."""

# disk_full and out_of_memory (PostgreSQL's documentation, appendix A).
_OUT_OF_RESOURCES = ("53100", "53200")


class Engine(ABC):
    """A database engine. The address of a database is the engine's own: nobody else looks into it."""

    name: str
    """As reports spell it."""
    has_hazards: bool
    """Whether there is something to keep others from, table by table."""

    @abstractmethod
    def inspect(self, backup: Path) -> BackupFacts:
        """What the backup is.

        Raises:
            BackupError: it cannot be accepted.
        """

    @abstractmethod
    def server(self, sandboxes: Sandboxes, facts: BackupFacts, wanted: Sandbox, progress: Progress) -> Any:
        """What makes, copies and drops databases: a `Server`, or what is like one.

        Raises:
            SandboxError: none can be had.
        """

    @abstractmethod
    def server_to_crash(self, sandboxes: Sandboxes, facts: BackupFacts, wanted: Sandbox) -> Any:
        """As `server`, but one that may be killed: no other plan's databases are on it.

        Raises:
            SandboxError: none can be had.
        """

    @abstractmethod
    def restore(
        self, facts: BackupFacts, server: Any, name: str, prelude: list[Path], owner: str | None, progress: Progress
    ) -> Restored:
        """Restores the backup into a fresh database.

        Raises:
            BackupError: not all of it arrived.
            SandboxError: the server failed.
        """

    @abstractmethod
    def prepare(self, server: Any, target: Any) -> None:
        """Readies a restored database for being copied. Raises SandboxError where the server fails."""

    @abstractmethod
    def check_extensions(self, server: Any, wanted: set[str]) -> None:
        """Raises BackupError where the server lacks one of the extensions."""

    @abstractmethod
    def database(self, target: Any, label: str, scratch: Callable[[], Any] | None = None) -> Database:
        """The read-only view of a database; `scratch` makes a copy that may be written to."""

    @abstractmethod
    def run(
        self, steps: Sequence[Step], folder: Path, server: Any, target: Any, role: str | None, backup: Path | None
    ) -> StepsRun:
        """What running the steps as the role gives.

        Raises:
            SandboxError: a step failed because the server did: that says nothing of the migration.
        """

    @abstractmethod
    def tracing(self, server: Any, target: Any) -> AbstractContextManager[Recording]:
        """Traces what is done in the database meanwhile; the recording says why where that cannot be had.

        Raises:
            SandboxError: the server failed.
        """

    @abstractmethod
    def watching(self, target: Any, tables: Sequence[str]) -> AbstractContextManager[list[Wait]]:
        """Watches meanwhile how long clients of the tables wait; the list stays empty where that has no meaning."""


class PostgreSQL(Engine):
    """PostgreSQL, on a disposable server."""

    name = "PostgreSQL"
    has_hazards = True

    def inspect(self, backup: Path) -> BackupFacts:
        return inspect_backup(backup)

    def server(self, sandboxes: Sandboxes, facts: BackupFacts, wanted: Sandbox, progress: Progress) -> Server:
        return sandboxes.server(facts.at_least, wanted.major, wanted.image, progress)

    def server_to_crash(self, sandboxes: Sandboxes, facts: BackupFacts, wanted: Sandbox) -> EmbeddedServer:
        return sandboxes.server_to_crash(facts.at_least, wanted.major)

    def restore(
        self, facts: BackupFacts, server: Server, name: str, prelude: list[Path], owner: str | None, progress: Progress
    ) -> Restored:
        return restore(facts, server, name, prelude, owner, progress)

    def prepare(self, server: Server, target: Target) -> None:
        try:
            with target.connect() as connection:
                connection.execute("ANALYZE")
        except psycopg.Error as error:
            raise server.failure("failed in ANALYZE", error) from error

    def check_extensions(self, server: Server, wanted: set[str]) -> None:
        with server.maintenance.connect() as connection:
            known = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
        missing = sorted(wanted - known)
        if missing:
            raise BackupError(
                f"The plan needs the extensions {', '.join(missing)}, which this server lacks ({server.facts.why}).\n"
                "Install them on it, or rehearse on a server that has them."
            )

    def database(self, target: Target, label: str, scratch: Callable[[], Target] | None = None) -> Database:
        return PostgresDatabase(target, label, scratch)

    def run(
        self, steps: Sequence[Step], folder: Path, server: Server, target: Target, role: str | None,
        backup: Path | None, execute: Execute = execute,
    ) -> StepsRun:  # fmt: skip
        before = _roles(server)
        with server.noting_roles():
            run = run_steps(steps, folder, server.login(target, role) if role else target, backup, execute=execute)
        failed = run.failed_step
        if failed is not None and failed.error is not None:
            if failed.error.sqlstate in _OUT_OF_RESOURCES:
                raise server.failure(f"could not run {failed.name}", SandboxError(str(failed.error)))
            try:
                server.maintenance.connect().close()
            except psycopg.OperationalError as error:
                raise server.failure(f"ended while it ran {failed.name}", error) from error
        changes = found = role_changes(before, _roles(server))
        if isinstance(server, GivenServer):
            # Others may make roles there meanwhile.
            changes = tuple(each for each in changes if each.kind != "added")
        server.is_spoiled |= bool(changes)
        return replace(run, role_changes=changes, roles_differ=bool(found))

    def tracing(self, server: Server, target: Target) -> AbstractContextManager[Recording]:
        return record(server, target)

    def watching(self, target: Target, tables: Sequence[str]) -> AbstractContextManager[list[Wait]]:
        return watching(target, tables)


def _roles(server: Server) -> Roles:
    try:
        with server.maintenance.connect() as connection:
            return read_roles(connection)
    except psycopg.Error as error:
        raise server.failure("did not tell its roles", error) from error


def engine_of(name: str) -> Engine:
    """The engine that a plan names."""
    if name == "sqlite":
        from pytest_cutover.sqlite.engine import SQLite

        return SQLite()
    return PostgreSQL()
