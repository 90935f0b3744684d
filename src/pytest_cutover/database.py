"""One database as checks see it: read-only, with its catalog, its counts and its contents."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar, Literal, NamedTuple, Protocol

from pytest_cutover.catalog import Catalog
from pytest_cutover.content import RowDifferences, TableContent
from pytest_cutover.content.settled import Settled
from pytest_cutover.errors import NotChecked
from pytest_cutover.language import Language
from pytest_cutover.migrate.result import StepsRun
from pytest_cutover.sql import Statement

if TYPE_CHECKING:
    import pandas
    import sqlalchemy


class Rows(NamedTuple):
    """The result of a query: column names, and the rows as tuples."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]


class Fetched(NamedTuple):
    """The first rows of a result, how many there were, and the positions of columns that are a table's key."""

    columns: tuple[str, ...]
    rows: list[tuple[Any, ...]]
    total: int
    keys: tuple[int, ...]


class Trial(Protocol):
    """A transaction on a copy of a database, which will be undone."""

    def run(self, statement: Statement) -> int | None:
        """The rows that the statement touched or returned, None where it is of a kind that touches none.

        Raises:
            QueryError: it was refused.
        """

    def check_deferred(self) -> None:
        """Raises QueryError where a deferred constraint is violated."""


class Database(ABC):
    """A read-only view of one database of a rehearsal.

    `label` says which one it is ("before", "after", "rerun", …). `run` is what running the steps that led to it gave,
    None where none were run. `known` is false where a live run knows nothing of what was before. `language` reads the SQL of the engine, which `dialect` names.
    """

    dialect: ClassVar[Literal["postgresql", "sqlite"]]
    language: ClassVar[Language]
    live: ClassVar[bool] = False
    """True of a database that people depend on."""

    def __init__(self, label: str) -> None:
        self.label = label
        self.known = True
        self.run: StepsRun | None = None

    # What every engine does in its own way.

    @abstractmethod
    def query(self, sql: str, parameters: Sequence[Any] | None = None) -> Rows:
        """What one statement returns.

        Raises:
            QueryError: the database refused it; the message holds no row values.
        """

    @abstractmethod
    def fetch(self, sql: str, keep: int) -> Fetched:
        """The first `keep` rows of one SELECT, read row by row so that a huge result needs no memory.

        A column is a key where the engine says that it comes from a table's primary key.

        Raises:
            QueryError: as `query`.
        """

    @abstractmethod
    def drain(self, sql: str) -> None:
        """Runs one SELECT until its last row has arrived, and forgets them.

        Raises:
            QueryError: as `query`.
        """

    @abstractmethod
    def time_limit(self, seconds: float) -> AbstractContextManager[None]:
        """Within it each statement is cancelled after this time, with SQLSTATE 57014."""

    @abstractmethod
    def relation(self, table: str) -> str:
        """The table or view as SQL, from nobody's other schema."""

    @abstractmethod
    def places(self, table: str) -> tuple[str, ...]:
        """The columns that say where a row of a table is, whether or not it has a key; none for a view."""

    @abstractmethod
    def as_text(self, expression: str) -> str:
        """The SQL for the expression's value as text."""

    @abstractmethod
    def count_own(self, table: str) -> int:
        """The exact number of rows that the table holds by itself, without its partitions and inheriting tables."""

    @abstractmethod
    def differences_to(self, after: Any, may_change: Mapping[str, Collection[str]]) -> list[RowDifferences]:
        """How the rows of every table differ in `after`, a database of the same engine, by name.

        `may_change` names, by table, the columns that do not tell two rows of a table without a key apart.

        Raises:
            QueryError: the rows of a table cannot be read.
        """

    def settled_instants(
        self, after: Any, table: str, key: Sequence[str], columns: Sequence[str], offsets: Mapping[str, str],
        left_out: Sequence[str],
    ) -> Settled | None:  # fmt: skip
        """What the database itself proves of the timestamps in `after`, which is of the same engine; None: nothing.

        `offsets` has the offset of the texts without a zone, as +07:00, by what stands between their date and time; `left_out`
        the patterns of values that are no timestamps, none of them as long as one.
        """
        return None

    @abstractmethod
    def trial(self, role: str | None = None, timeout_s: int = 60) -> AbstractContextManager[Trial]:
        """A transaction on a copy of this database, as the role; it is always undone.

        Raises:
            QueryError: the role does not exist, or there can be no copy.
        """

    @abstractmethod
    def close(self) -> None:
        """Ends the sessions of this view; the database itself stays."""

    @abstractmethod
    def _read_catalog(self) -> Catalog: ...

    @abstractmethod
    def _read_contents(self) -> dict[str, TableContent]: ...

    @abstractmethod
    def _make_engine(self) -> sqlalchemy.Engine: ...

    # What is the same for all.

    def for_rows(self) -> Database:
        """The view for a question on rows: where there are none to be asked, one of which nothing is known."""
        return self

    def require(self, what: str) -> None:
        """Raises NoBaseline where nothing is known of this database, so that `what` cannot be done."""

    def proved_in_rehearsal(self, criterion: str) -> str:
        """When the criterion passed in the rehearsal that a live run is compared with, for what a live run cannot prove.

        Raises:
            NotChecked: nobody knows of such a rehearsal.
        """
        raise NotChecked("it was not compared with a rehearsal")

    def parts(self, table: str, alias: str = "") -> Iterator[str]:
        """Conditions in SQL of which each row of the table meets exactly one, to be asked for one after another.

        It is one that all meet, but of a live table that is too large to be read in one statement. `alias` is what the
        table is called in the statement.

        Raises:
            QueryError: as `query`.
        """
        yield "true"

    def sample(self, table: str, percent: float) -> str:
        """The clause behind a table in SQL that leaves about so many of a hundred rows; empty where all are read.

        Only a live PostgreSQL database is sampled. Within one check it is always the same sample.

        Raises:
            NotChecked: a view cannot be sampled.
        """
        return ""

    @property
    def remarks(self) -> tuple[str, ...]:
        """How the last check was answered, where that was not in one statement."""
        return ()

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
        return sum(
            int(self.scalar(f"SELECT count(*) FROM {self.relation(table)} WHERE {part}")) for part in self.parts(table)
        )

    @cached_property
    def catalog(self) -> Catalog:
        """The schema as the catalog describes it, read once."""
        return self._read_catalog()

    @cached_property
    def contents(self) -> dict[str, TableContent]:
        """The row count and fingerprint of every table, read once."""
        return self._read_contents()

    @cached_property
    def engine(self) -> sqlalchemy.Engine:
        """A SQLAlchemy engine whose sessions are read-only."""
        return self._make_engine()

    def frame(self, sql: str) -> pandas.DataFrame:
        """The result of one statement as a DataFrame."""
        import pandas
        import sqlalchemy

        with self.engine.connect() as connection:
            return pandas.read_sql(sqlalchemy.text(sql.replace(":", r"\:")), connection)

    def _dispose_engine(self) -> None:
        engine: sqlalchemy.Engine | None = self.__dict__.pop("engine", None)
        if engine is not None:
            engine.dispose()
