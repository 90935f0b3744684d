"""What every disposable server offers: databases that are made, cloned and dropped."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import psycopg
from psycopg import sql
from pytest_postgresql.janitor import DatabaseJanitor

from pytest_cutover.errors import SandboxError
from pytest_cutover.target import Target

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
    """What the report says of the server: its kind, its version ("17.10"), and why it was chosen."""

    kind: str
    version: str
    why: str

    @property
    def major(self) -> int:
        """The major version, as 17."""
        return int(self.version.split(".")[0])


class Server:
    """A disposable server. `programs` is the folder of client programs that fit it."""

    def __init__(self, facts: ServerFacts, maintenance: Target, programs: Path) -> None:
        self.facts = facts
        self.maintenance = maintenance
        self.programs = programs

    def target(self, database: str) -> Target:
        """The address of one of its databases, as superuser."""
        return self.maintenance.named(database)

    def create(self, database: str, template: str | None = None, owner: str | None = None) -> Target:
        """Makes a database, empty or as a copy of the template.

        Raises:
            SandboxError: the server refused, for instance because its disk is full.
        """
        target = self.target(database)
        janitor = _Janitor(target, template, owner, file_copy=self.facts.major * 10000 >= _FILE_COPY_SINCE)
        try:
            janitor.init()
        except (psycopg.Error, TimeoutError) as error:
            raise self.failure(f"could not create the database {database}", error) from error
        return target

    def drop(self, database: str) -> None:
        """Drops a database and ends its sessions; one that is not there is no error."""
        try:
            _Janitor(self.target(database), None, None, file_copy=False).drop()
        except (psycopg.Error, TimeoutError) as error:
            raise self.failure(f"could not drop the database {database}", error) from error

    def failure(self, what: str, error: BaseException) -> SandboxError:
        """The error to raise when the server let us down; a subclass adds what it knows of the cause."""
        return SandboxError(f"The {self.facts.kind} PostgreSQL {what}: {error}")

    def close(self) -> None:
        """Ends the server and removes what it left."""
