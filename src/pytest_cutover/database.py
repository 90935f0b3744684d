"""One database as checks see it: read-only, with its catalog, its counts and its contents."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, NamedTuple

import psycopg

from pytest_cutover.catalog import Catalog, read_catalog
from pytest_cutover.content import TableContent, table_contents
from pytest_cutover.errors import QueryError, describe_error
from pytest_cutover.migrate.result import StepsRun
from pytest_cutover.names import quote_relation
from pytest_cutover.target import Target

if TYPE_CHECKING:
    import pandas
    import sqlalchemy


class Rows(NamedTuple):
    """The result of a query: column names, and the rows as tuples."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Database:
    """A read-only view of one database of a rehearsal.

    `label` says which one it is ("before", "after", "rerun", …). `scratch` makes a copy that may be written to. `run`
    is what running the steps that led to it gave, None where none were run.
    """

    def __init__(self, target: Target, label: str, scratch: Callable[[], Target] | None = None) -> None:
        self.target = target
        self.label = label
        self.run: StepsRun | None = None
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
        """What one statement returns. Without parameters a `%` in the statement is only a `%`.

        Raises:
            QueryError: the server refused it; the message holds no row values.
        """
        try:
            cursor = self.connection.execute(sql.encode(), parameters)
            columns = tuple(column.name for column in cursor.description or ())
            return Rows(columns, cursor.fetchall() if columns else [])
        except psycopg.Error as error:
            raise QueryError(describe_error(error), error.sqlstate) from error

    def scalar(self, sql: str, parameters: Sequence[Any] | None = None) -> Any:
        """The first value of the first row, None where there is no row.

        Raises:
            QueryError: as `query`.
        """
        rows = self.query(sql, parameters).rows
        return rows[0][0] if rows else None

    def count(self, table: str) -> int:
        """The exact number of rows of a table, its partitions and inheriting tables included.

        Raises:
            QueryError: there is no such table, or it may not be read.
        """
        return int(self.scalar(f"SELECT count(*) FROM {quote_relation(table)}"))

    @cached_property
    def catalog(self) -> Catalog:
        """The schema as the catalog describes it, read once."""
        return read_catalog(self.connection)

    @cached_property
    def contents(self) -> dict[str, TableContent]:
        """The row count and fingerprint of every table, read once."""
        return table_contents(self.connection, self.catalog)

    @cached_property
    def engine(self) -> sqlalchemy.Engine:
        """A SQLAlchemy engine whose sessions are read-only."""
        import sqlalchemy

        return sqlalchemy.create_engine(
            "postgresql+psycopg://", creator=lambda: self.target.connect(read_only=True, autocommit=False)
        )

    def frame(self, sql: str) -> pandas.DataFrame:
        """The result of one statement as a DataFrame."""
        import pandas
        import sqlalchemy

        with self.engine.connect() as connection:
            return pandas.read_sql(sqlalchemy.text(sql.replace(":", r"\:")), connection)

    @cached_property
    def _scratch_target(self) -> Target:
        if self._make_scratch is None:
            raise QueryError(f"the {self.label} database cannot be written to, not even in a copy")
        return self._make_scratch()

    @contextmanager
    def trial(self, role: str | None = None) -> Iterator[psycopg.Connection]:
        """A transaction on a copy of this database, as the role; it is always undone.

        Raises:
            QueryError: the role does not exist, or there can be no copy.
        """
        with self._scratch_target.connect(autocommit=False) as connection:
            try:
                if role is not None:
                    connection.execute("SELECT set_config('session_authorization', %s, true)", (role,))
            except psycopg.Error as error:
                raise QueryError(describe_error(error), error.sqlstate) from error
            try:
                yield connection
            finally:
                connection.rollback()

    def close(self) -> None:
        """Ends the sessions of this view; the database itself stays."""
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        engine: sqlalchemy.Engine | None = self.__dict__.pop("engine", None)
        if engine is not None:
            engine.dispose()
