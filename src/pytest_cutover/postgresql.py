"""A PostgreSQL database as checks see it, through psycopg."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

import psycopg
from psycopg.types.string import TextLoader

from pytest_cutover import sql as postgresql_sql
from pytest_cutover.catalog import Catalog, read_catalog
from pytest_cutover.content import RowDifferences, TableContent, table_contents
from pytest_cutover.content.differing import all_tables
from pytest_cutover.database import Database, Fetched, Rows, Trial
from pytest_cutover.errors import QueryError, describe_error
from pytest_cutover.language import Language
from pytest_cutover.names import quote_relation
from pytest_cutover.sql import Statement
from pytest_cutover.target import Target

if TYPE_CHECKING:
    import sqlalchemy

_AS_TEXT = ("date", "time", "timetz", "timestamp", "timestamptz", "interval", "json", "jsonb")
"""Types read as PostgreSQL prints them: Python has no value for some of theirs, as infinity."""

_TOUCHES_ROWS = ("InsertStmt", "UpdateStmt", "DeleteStmt", "MergeStmt", "SelectStmt")


class PostgresDatabase(Database):
    """A database of a PostgreSQL server. `scratch` makes a copy that may be written to."""

    dialect: ClassVar[Literal["postgresql", "sqlite"]] = "postgresql"
    language: ClassVar[Language] = postgresql_sql

    def __init__(self, target: Target, label: str, scratch: Callable[[], Target] | None = None) -> None:
        super().__init__(label)
        self.target = target
        self._make_scratch = scratch
        self._connection: psycopg.Connection | None = None

    def __repr__(self) -> str:
        return f"<{self.label} database {self.target.shown}>"

    @property
    def connection(self) -> psycopg.Connection:
        """The read-only, autocommit psycopg connection behind this view; opened again where it was lost."""
        if self._connection is None or self._connection.closed:
            self._connection = self.target.connect(read_only=True)
            # A kept serial plan would hide what the planner chooses for one statement.
            self._connection.prepare_threshold = None
        return self._connection

    def query(self, sql: str, parameters: Sequence[Any] | None = None) -> Rows:
        """As `Database.query`. Without parameters a `%` in the statement is only a `%`."""
        try:
            cursor = self.connection.execute(sql.encode(), parameters)
            columns = tuple(column.name for column in cursor.description or ())
            return Rows(columns, cursor.fetchall() if columns else [])
        except psycopg.Error as error:
            raise QueryError(describe_error(error), error.sqlstate) from error

    def fetch(self, sql: str, keep: int) -> Fetched:
        rows: list[tuple[Any, ...]] = []
        total = 0
        columns: tuple[str, ...] = ()
        sources: list[tuple[int, int]] = []
        try:
            with self.connection.cursor() as cursor:
                for name in _AS_TEXT:
                    cursor.adapters.register_loader(name, TextLoader)
                for row in cursor.stream(sql.encode()):
                    if total == 0 and cursor.pgresult is not None:
                        columns = tuple(column.name for column in cursor.description or ())
                        result = cursor.pgresult
                        sources = [(result.ftable(i), result.ftablecol(i)) for i in range(len(columns))]
                    if total < keep:
                        rows.append(tuple(row))
                    total += 1
        except psycopg.Error as error:
            raise QueryError(describe_error(error), error.sqlstate) from error
        return Fetched(columns, rows, total, self._key_positions(columns, sources))

    def _key_positions(self, columns: Sequence[str], sources: Sequence[tuple[int, int]]) -> tuple[int, ...]:
        if not any(table for table, _ in sources):
            return ()
        primary = self.query("SELECT indrelid, unnest(indkey) FROM pg_catalog.pg_index WHERE indisprimary").rows
        known = {(int(table), int(column)) for table, column in primary}
        seen: set[str] = set()
        found = []
        for position, (name, source) in enumerate(zip(columns, sources, strict=True)):
            # Two columns of one name could not be told apart: the second might hold values.
            if source in known and columns.count(name) == 1 and name not in seen:
                found.append(position)
                seen.add(name)
        return tuple(found)

    def drain(self, sql: str) -> None:
        try:
            self.connection.execute(sql.encode())
        except psycopg.Error as error:
            raise QueryError(describe_error(error), error.sqlstate) from error

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        self.query(f"SET statement_timeout = {max(int(seconds * 1000), 1)}")
        try:
            yield
        finally:
            self.query("RESET statement_timeout")

    def relation(self, table: str) -> str:
        return quote_relation(table)

    def places(self, table: str) -> tuple[str, ...]:
        return ("tableoid", "ctid") if table in self.catalog.tables else ()

    def as_text(self, expression: str) -> str:
        return f"{expression}::text"

    def count_own(self, table: str) -> int:
        return int(self.scalar(f"SELECT count(*) FROM ONLY {quote_relation(table)}"))

    def differences_to(
        self, after: PostgresDatabase, may_change: Mapping[str, Collection[str]]
    ) -> list[RowDifferences]:
        return all_tables(self, after, may_change)

    def _read_catalog(self) -> Catalog:
        return read_catalog(self.connection)

    def _read_contents(self) -> dict[str, TableContent]:
        return table_contents(self.connection, self.catalog)

    def _make_engine(self) -> sqlalchemy.Engine:
        import sqlalchemy

        return sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: self.target.connect(read_only=True, autocommit=False)
        )

    @cached_property
    def _scratch_target(self) -> Target:
        if self._make_scratch is None:
            raise QueryError(f"the {self.label} database cannot be written to, not even in a copy")
        return self._make_scratch()

    @contextmanager
    def trial(self, role: str | None = None, timeout_s: int = 60) -> Iterator[Trial]:
        with self._scratch_target.connect(autocommit=False) as connection:
            try:
                if role is not None:
                    connection.execute("SELECT set_config('session_authorization', %s, true)", (role,))
                connection.execute(f"SET LOCAL statement_timeout = '{timeout_s}s'".encode())
            except psycopg.Error as error:
                raise QueryError(describe_error(error), error.sqlstate) from error
            try:
                yield _PostgresTrial(connection)
            finally:
                connection.rollback()

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._dispose_engine()


class _PostgresTrial:
    """The statements of a trial, in one open transaction."""

    def __init__(self, connection: psycopg.Connection) -> None:
        self._connection = connection

    def run(self, statement: Statement) -> int | None:
        touched = self._execute(statement.text)
        return max(touched, 0) if statement.kind in _TOUCHES_ROWS else None

    def check_deferred(self) -> None:
        self._execute("SET CONSTRAINTS ALL IMMEDIATE")

    def _execute(self, text: str) -> int:
        try:
            return self._connection.execute(text.encode()).rowcount
        except psycopg.Error as error:
            raise QueryError(describe_error(error), error.sqlstate) from error
