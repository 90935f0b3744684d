"""A SQLite database as checks see it: opened for reading alone, the SQL of a plan held to reading by SQLite itself."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from pytest_cutover.catalog import Catalog
from pytest_cutover.catalog.sqlite import quote_table, read_sqlite_catalog
from pytest_cutover.content import RowDifferences, TableContent
from pytest_cutover.content.differing_sqlite import sqlite_differences
from pytest_cutover.content.settled import Settled
from pytest_cutover.content.sqlite import sqlite_contents
from pytest_cutover.database import Database, Fetched, Rows, Trial
from pytest_cutover.errors import QueryError
from pytest_cutover.language import Language
from pytest_cutover.sql import Statement
from pytest_cutover.sqlite import language as sqlite_language
from pytest_cutover.sqlite.connection import Authorizer, SqliteTarget, as_query_error, only_reading, restrict
from pytest_cutover.sqlite.instants import settle
from pytest_cutover.sqlite.tokens import code, split, strict_names

if TYPE_CHECKING:
    import pandas
    import sqlalchemy

_STEPS = 1000
"""How many steps of its machine SQLite takes between two looks at the clock."""

_TOUCHES_ROWS = ("InsertStmt", "UpdateStmt", "DeleteStmt")


class SqliteDatabase(Database):
    """A SQLite database file. `scratch` makes a copy that may be written to."""

    dialect: ClassVar[Literal["postgresql", "sqlite"]] = "sqlite"
    language: ClassVar[Language] = sqlite_language

    def __init__(self, target: SqliteTarget, label: str, scratch: Callable[[], SqliteTarget] | None = None) -> None:
        super().__init__(label)
        self.target = target
        self._make_scratch = scratch
        self._connection: sqlite3.Connection | None = None

    def __repr__(self) -> str:
        return f"<{self.label} database {self.target.shown}>"

    @property
    def connection(self) -> sqlite3.Connection:
        """The connection behind this view: it reads, and SQLite refuses everything else."""
        if self._connection is None:
            try:
                self._connection = self._restricted(only_reading)
            except sqlite3.Error as error:
                raise as_query_error(error) from error
        return self._connection

    def _restricted(self, authorizer: Authorizer) -> sqlite3.Connection:
        connection = self.target.connect(read_only=True)
        try:
            restrict(connection, authorizer)
        except sqlite3.Error:
            connection.close()
            raise
        return connection

    @contextmanager
    def _session(self, sql: str) -> Iterator[sqlite3.Connection]:
        """The connection for one statement.

        Of a file that is opened for reading alone SQLite ignores every CHECK, and says so to nobody: its integrity is
        asked on a connection that could write but for the authorizer and `query_only`.
        """
        if "integrity_check" not in sql.lower() and "quick_check" not in sql.lower():
            yield self.connection
            return
        with closing(self.target.connect()) as connection:
            connection.execute("PRAGMA query_only = ON")
            connection.set_authorizer(only_reading)
            yield connection

    def query(self, sql: str, parameters: Sequence[Any] | None = None) -> Rows:
        """As `Database.query`; parameters are written `?`."""
        try:
            asked = strict_names(sql), tuple(parameters or ())
            with self._session(sql) as connection, closing(connection.execute(*asked)) as cursor:
                columns = tuple(column[0] for column in cursor.description or ())
                return Rows(columns, cursor.fetchall())
        except sqlite3.Error as error:
            raise as_query_error(error) from error

    def fetch(self, sql: str, keep: int) -> Fetched:
        rows: list[tuple[Any, ...]] = []
        total = 0
        try:
            with self._session(sql) as connection, closing(connection.execute(strict_names(sql))) as cursor:
                columns = tuple(column[0] for column in cursor.description or ())
                for row in cursor:
                    if total < keep:
                        rows.append(row)
                    total += 1
        except sqlite3.Error as error:
            raise as_query_error(error) from error
        return Fetched(columns, rows, total, self._key_positions(sql, columns))

    def _key_positions(self, sql: str, columns: Sequence[str]) -> tuple[int, ...]:
        """Python does not say which table a column of a result is from, so only the plainest query has keys.

        A name alone is no proof: `SELECT note id FROM t` calls a value `id`.
        """
        found = [token for token in code(sql) if token.text != ";"]
        words = [token.word for token in found]
        tables = self.language.tables_read(sql)
        if words[:1] != ["SELECT"] or words.count("SELECT") != 1 or "FROM" not in words or len(tables) != 1:
            return ()
        items = split(found[1 : words.index("FROM")])
        key = self.catalog.primary_key(tables[0])
        if [[token.text for token in item] for item in items] == [["*"]]:
            return tuple(position for position, name in enumerate(columns) if name in key)
        alone = [item[0].identifier if len(item) == 1 and item[0].kind in ("word", "name") else "" for item in items]
        return tuple(position for position, name in enumerate(alone) if name in key and alone.count(name) == 1)

    def drain(self, sql: str) -> None:
        try:
            with self._session(sql) as connection, closing(connection.execute(strict_names(sql))) as cursor:
                for _ in cursor:
                    pass
        except sqlite3.Error as error:
            raise as_query_error(error) from error

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        connection = self.connection
        _limit(connection, seconds)
        try:
            yield
        finally:
            connection.set_progress_handler(None, 0)

    def relation(self, table: str) -> str:
        return quote_table(table)

    def places(self, table: str) -> tuple[str, ...]:
        found = self.catalog.tables.get(table)
        if found is None:
            return ()
        return self.catalog.primary_key(table) if "without rowid" in found.options else ("rowid",)

    def as_text(self, expression: str) -> str:
        return f"CAST({expression} AS TEXT)"

    def count_own(self, table: str) -> int:
        return self.count(table)

    def differences_to(self, after: SqliteDatabase, may_change: Mapping[str, Collection[str]]) -> list[RowDifferences]:
        return sqlite_differences(self.target, after.target, self.catalog, after.catalog, may_change)

    def settled_instants(
        self, after: SqliteDatabase, table: str, key: Sequence[str], columns: Sequence[str], offsets: Mapping[str, str],
        left_out: Sequence[str],
    ) -> Settled | None:  # fmt: skip
        return settle(self.target, after.target, table, key, columns, offsets, left_out)

    def _read_catalog(self) -> Catalog:
        try:
            with closing(self.target.connect(read_only=True)) as connection:
                return read_sqlite_catalog(connection)
        except sqlite3.Error as error:
            raise as_query_error(error) from error

    def frame(self, sql: str) -> pandas.DataFrame:
        return super().frame(strict_names(sql))

    def _read_contents(self) -> dict[str, TableContent]:
        return sqlite_contents(self.target, self.catalog)

    def _make_engine(self) -> sqlalchemy.Engine:
        import sqlalchemy

        return sqlalchemy.create_engine(
            "sqlite://", creator=lambda: self._restricted(_reading_in_transactions), poolclass=sqlalchemy.pool.NullPool
        )

    @cached_property
    def _scratch_target(self) -> SqliteTarget:
        if self._make_scratch is None:
            raise QueryError(f"the {self.label} database cannot be written to, not even in a copy")
        return self._make_scratch()

    @contextmanager
    def trial(self, role: str | None = None, timeout_s: int = 60) -> Iterator[Trial]:
        if role is not None:
            raise QueryError("SQLite has no roles", "0A000")
        with closing(self._scratch_target.connect()) as connection:
            _limit(connection, timeout_s)
            trial = _SqliteTrial(connection)
            try:
                yield trial
            finally:
                connection.set_progress_handler(None, 0)
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                if trial.committed:
                    self.__dict__.pop("_scratch_target", None)

    def close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        self._dispose_engine()


def _reading_in_transactions(
    action: int, first: str | None, second: str | None, database: str | None, source: str | None
) -> int:
    """As `only_reading`, with the transactions that SQLAlchemy begins and ends."""
    return 0 if action == _TRANSACTION else only_reading(action, first, second, database, source)


_TRANSACTION = 22
"""SQLITE_TRANSACTION of sqlite3.h."""


def _limit(connection: sqlite3.Connection, seconds: float) -> None:
    """Interrupts what the connection runs once this time is over."""
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: time.monotonic() > end, _STEPS)


class _SqliteTrial:
    """The statements of a trial, in one transaction that begins behind what sets the session up."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self.committed = False

    def run(self, statement: Statement) -> int | None:
        try:
            if statement.kind == "PragmaStmt":
                self._connection.execute(statement.text)
                return None
            if not self._connection.in_transaction:
                self._connection.execute("BEGIN IMMEDIATE")
            before = self._connection.total_changes
            returned = len(self._connection.execute(statement.text).fetchall())
        except sqlite3.Error as error:
            raise as_query_error(error) from error
        if statement.kind == "SelectStmt":
            return returned
        return self._connection.total_changes - before if statement.kind in _TOUCHES_ROWS else None

    def check_deferred(self) -> None:
        """Only COMMIT checks a deferred foreign key; the copy that keeps what it commits is not used again."""
        if not self._connection.in_transaction or not self._connection.execute("PRAGMA foreign_keys").fetchone()[0]:
            return
        try:
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            raise as_query_error(error) from error
        self.committed = True
