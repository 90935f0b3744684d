"""What every disposable server offers: databases that are made, cloned and dropped."""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
from psycopg import sql
from pytest_postgresql.janitor import DatabaseJanitor

from pytest_cutover.errors import SandboxError
from pytest_cutover.target import Target

# Nothing on a server of ours outlives the run, so nothing has to survive a crash of the machine.
DISPOSABLE_SETTINGS = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "1h",
    "autovacuum": "off",
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "max_connections": "100",
    "max_locks_per_transaction": "256",
    "jit": "off",
    # In files of the data directory, so that nothing stays in the machine's memory when a server is killed.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "lc_messages": "C",
    "password_encryption": "scram-sha-256",
    # What `trace` reads: when, which session, which of its transactions, whose.
    "log_line_prefix": "%m [%p] %v %u ",
}

STATISTICS = {
    "shared_preload_libraries": "pg_stat_statements",
    # Only the traced database asks for it, while it is traced.
    "pg_stat_statements.track": "none",
    "pg_stat_statements.max": "20000",
    "pg_stat_statements.save": "off",
}
"""What `trace` counts statements with, where the server has the library."""

# A process that is killed loses what it holds in memory; what it wrote, the operating system keeps, also without fsync.
# Without a sender of the log a commit could not be made to wait.
SURVIVES_A_CRASH = {
    "synchronous_commit": "on", "full_page_writes": "on", "wal_level": "replica", "max_wal_senders": "1",
}  # fmt: skip

_FILE_COPY_SINCE = 150000
_CONNECT_TIMEOUT_S = 5


class _Janitor(DatabaseJanitor):
    """A janitor that copies a template file by file, which is several times faster, and names the owner."""

    def __init__(self, target: Target, template: str | None, owner: str | None, file_copy: bool) -> None:
        # No version: the parameter is deprecated and nothing that is used here reads it.
        super().__init__(
            user=target.user, password=target.password, host=target.host, port=target.port,
            dbname=target.database, template_dbname=template, connection_timeout=_CONNECT_TIMEOUT_S,
        )  # fmt: skip
        self._owner = owner
        self._file_copy = file_copy

    def _build_create_database_sql(self) -> sql.Composed:
        statement = super()._build_create_database_sql()
        if self.template_dbname is None:
            statement += sql.SQL(" TEMPLATE template0")
        if self.template_dbname is not None and self._file_copy:
            statement += sql.SQL(" STRATEGY file_copy")
        if self._owner is not None:
            statement += sql.SQL(" OWNER {}").format(sql.Identifier(self._owner))
        return statement


@dataclass(frozen=True)
class ServerFacts:
    """What the report says of the server: its kind, its version ("17.10"), and why it was chosen.

    A container has an `image`, and that image's `digest` (or its id, where it came from no registry).
    """

    kind: str
    version: str
    why: str
    image: str | None = None
    digest: str | None = None

    @property
    def major(self) -> int:
        """The major version, as 17."""
        return int(self.version.split(".")[0])


class Server:
    """A disposable server. `programs` is the folder of client programs that fit it."""

    prefix = ""
    """What the name of every database of the run begins with, where the server is not ours alone."""

    def __init__(self, facts: ServerFacts, maintenance: Target, programs: Path) -> None:
        self.facts = facts
        self.maintenance = maintenance
        self.programs = programs
        self.is_spoiled = False

    def target(self, database: str) -> Target:
        """The address of one of its databases, as superuser."""
        return self.maintenance.named(self.prefix + database)

    def create(self, database: str, template: Target | None = None, owner: str | None = None) -> Target:
        """Makes a database, empty or as a copy of the template.

        Raises:
            SandboxError: the server refused, for instance because its disk is full.
        """
        target = self.target(database)
        janitor = _Janitor(
            target,
            template.database if template else None,
            owner,
            file_copy=self.facts.major * 10000 >= _FILE_COPY_SINCE,
        )
        try:
            janitor.init()
        except (psycopg.Error, TimeoutError) as error:
            raise self.failure(f"could not create the database {target.database}", error) from error
        return target

    def drop(self, database: str) -> None:
        """Drops a database and ends its sessions; one that is not there is no error."""
        target = self.target(database)
        try:
            _Janitor(target, None, None, file_copy=False).drop()
        except (psycopg.Error, TimeoutError) as error:
            raise self.failure(f"could not drop the database {target.database}", error) from error

    def create_roles(self, names: Iterable[str]) -> list[str]:
        """Makes those of the roles that do not exist, NOLOGIN; returns their names.

        Raises:
            SandboxError: the server refused.
        """
        made: list[str] = []
        try:
            with self.maintenance.connect() as connection:
                known = {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}
                for role in sorted(set(names) - known):
                    connection.execute(sql.SQL("CREATE ROLE {} NOLOGIN").format(sql.Identifier(role)))
                    made.append(role)
        except psycopg.Error as error:
            raise self.failure(f"could not make the roles {', '.join(sorted(set(names)))}", error) from error
        return made

    def login(self, target: Target, role: str) -> Target:
        """The target as the role, which is allowed to log in for it, with a password of its own.

        Raises:
            SandboxError: the role is not ours to change, or does not exist.
        """
        password = self._role_password(role)
        try:
            with self.maintenance.connect() as connection:
                connection.execute(
                    sql.SQL("ALTER ROLE {} LOGIN PASSWORD {}").format(sql.Identifier(role), sql.Literal(password))
                )
        except psycopg.Error as error:
            raise self.failure(f"does not let the role {role} log in", error) from error
        return replace(target, user=role, password=password)

    def _role_password(self, role: str) -> str:
        """A new password for the role."""
        return secrets.token_urlsafe(24)

    @contextmanager
    def noting_roles(self) -> Iterator[None]:
        """Where the server is not ours alone, roles that are made inside are dropped with the run's databases."""
        yield

    def log_position(self) -> float | None:
        """Where the server's log ends now, None where the log is not ours to read.

        Raises:
            psycopg.Error: the server does not answer.
        """
        return None

    def log_lines(self, position: float) -> Iterable[bytes]:
        """The lines of the server's log from the position on, or from a little before."""
        return ()

    def failure(self, what: str, error: BaseException) -> SandboxError:
        """The error to raise when the server let us down; a subclass adds what it knows of the cause."""
        return SandboxError(f"The {self.facts.kind} PostgreSQL {what}: {str(error).strip()}")

    def close(self) -> None:
        """Ends the server and removes what it left."""
