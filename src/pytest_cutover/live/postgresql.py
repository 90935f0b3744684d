"""A live PostgreSQL database: every session read-only by the server, every question inside a read-only snapshot."""

from __future__ import annotations

import random
import re
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, ClassVar

import psycopg
from psycopg.pq import TransactionStatus

from pytest_cutover.catalog import Catalog
from pytest_cutover.database import Fetched, Rows
from pytest_cutover.errors import NotChecked, QueryError, describe_error
from pytest_cutover.live import limits
from pytest_cutover.live.ranges import BY_INDEX, find_ranges
from pytest_cutover.live.scans import Scales
from pytest_cutover.names import DEFAULT_SCHEMA, parse_relation, quote_identifier
from pytest_cutover.plan.model import Live
from pytest_cutover.plan.values import Size, format_duration
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sql import parse_select
from pytest_cutover.target import Target

if TYPE_CHECKING:
    import pandas
    import sqlalchemy

_CANCELLED = "57014"
_DATABASE_PATH = """
SELECT pg_catalog.substring(each, '^search_path=(.*)$')
FROM pg_catalog.pg_db_role_setting AS s, pg_catalog.unnest(s.setconfig) AS each
WHERE s.setrole = 0 AND each LIKE 'search\\_path=%'
AND s.setdatabase = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
"""
_OWN_SCHEMA = re.compile(r'"\$user"\s*(,\s*|$)')
"""The schema that is called as the role: another one for the role of a live run."""
_CRITERION = "SAVEPOINT cutover_criterion"
_UNDO = "ROLLBACK TO SAVEPOINT cutover_criterion"


@dataclass
class Snapshot:
    """One snapshot: its number, when the server took it, and the criteria that were decided in it."""

    number: int
    taken: str
    criteria: list[str] = field(default_factory=list)


class LivePostgres(PostgresDatabase):
    """A database that people depend on. Outside of `checking` it answers nothing.

    Each session begins with the settings of `limits.settings`; each criterion runs behind a savepoint of a transaction
    that is itself READ ONLY, so that no function can make a later statement write.
    """

    live: ClassVar[bool] = True

    def __init__(self, target: Target, max_scan: Size | None = None) -> None:
        options = " ".join(f"-c {name}={value}" for name, value in limits.settings().items())
        given = target.parameters.get("options", "")
        # Ours come last: of two settings of one name the server takes the later one.
        super().__init__(
            replace(target, parameters={**target.parameters, "options": f"{given} {options}".strip()}), "live"
        )
        self.snapshots: list[Snapshot] = []
        self._began = self._started = self._deadline = 0.0
        self._budget = self._allowed = 0.0
        self._narrowed = False
        self._unreachable = ""
        self._scales = Scales(self, max_scan or Live().max_scan)
        self._name = ""
        self._by_range: set[str] = set()
        self._remarks: list[str] = []
        self._seed = 0
        self.sampled: dict[str, float] = {}

    @property
    def connection(self) -> psycopg.Connection:
        """The one session of this view, opened again where it was lost.

        Raises:
            NotChecked: the server cannot be reached; it is not asked a second time.
        """
        if self._unreachable:
            raise NotChecked(self._unreachable)
        if self._connection is None or self._connection.closed:
            try:
                self._connection = self.target.connect(read_only=True, timeout_s=limits.CONNECT_S)
            except psycopg.Error as error:
                self._unreachable = f"{self.target.shown} cannot be reached: {_harmless(error, self.target)}"
                raise NotChecked(self._unreachable) from None
            self._connection.prepare_threshold = None
            self._find_names_as_rehearsed(self._connection)
        return self._connection

    @contextmanager
    def checking(self, name: str, budget_s: float | None = None) -> Iterator[None]:
        """Within it the database answers, in a snapshot no older than a minute and for no longer than the budget.

        Raises:
            NotChecked: the server cannot be reached.
        """
        self._name, self._allowed = name, budget_s or limits.CRITERION_S
        self._budget = min(self._allowed, limits.SNAPSHOT_S)
        self._by_range, self._remarks = set(), []
        self._seed = random.randrange(2**31)  # another sample in each run
        self._scales.forget()
        self._begin()
        self._started = time.monotonic()
        self._deadline = self._started + self._budget
        try:
            yield
        finally:
            self._deadline = 0.0
            self._undo()

    def query(self, sql: str, parameters: Sequence[Any] | None = None) -> Rows:
        with self._asking(sql if parameters is None else None):
            self._scales.weigh(sql, parameters, self._by_range)
            return super().query(sql, parameters)

    def fetch(self, sql: str, keep: int) -> Fetched:
        with self._asking(sql):
            self._scales.weigh(sql, None, self._by_range)
            return super().fetch(sql, keep)

    def drain(self, sql: str) -> None:
        with self._asking(sql):
            self._scales.weigh(sql, None, self._by_range)
            super().drain(sql)

    def frame(self, sql: str) -> pandas.DataFrame:
        with self._asking(sql):
            self._scales.weigh(sql, None, self._by_range)
        return super().frame(sql)

    def parts(self, table: str, alias: str = "") -> Iterator[str]:
        ranges = find_ranges(self, table, self._scales.limit)
        if ranges is None:
            yield "true"
            return
        first, number, low = len(self.snapshots), 0, None
        self._by_range |= ranges.relations
        self._deadline = self._started + self._allowed
        while True:
            began = time.monotonic()
            self._limit_range()
            high = next(iter(self.query(ranges.border(low, self.connection)).rows), None)
            number += 1
            yield ranges.condition(alias or quote_identifier(parse_relation(table).name), low, high, self.connection)
            if high is None:
                break
            low = high
            time.sleep(min((time.monotonic() - began) * limits.PAUSES, limits.PAUSE_S))
        # What is asked next must do with what the snapshot has left.
        self._deadline = min(self._deadline, self._began + limits.SNAPSHOT_S)
        self._limit(max(self._deadline - time.monotonic(), 0.001))
        seen = len(self.snapshots) - first + 1
        self._remarks.append(
            f"{table} was read in {number:,} ranges of {', '.join(ranges.key)}"
            + (f", in {seen} snapshots and so not as it was at one moment" if seen > 1 else "")
        )

    def sample(self, table: str, percent: float) -> str:
        if table not in self.catalog.tables:
            raise NotChecked(f"{table} is a view, which cannot be sampled; leave `sample` out")
        self.sampled[self._name] = percent
        return f" TABLESAMPLE SYSTEM ({percent}) REPEATABLE ({self._seed})"

    @property
    def remarks(self) -> tuple[str, ...]:
        return tuple(self._remarks)

    @contextmanager
    def time_limit(self, seconds: float) -> Iterator[None]:
        left = max(self._deadline - time.monotonic(), 0.001)
        self._narrowed = seconds < left
        self._limit(min(seconds, left))
        try:
            yield
        finally:
            self._narrowed = False
            with suppress(psycopg.Error):
                self._limit(self._budget)

    def close(self) -> None:
        if self._connection is not None and not self._connection.closed:
            with suppress(psycopg.Error):
                self._connection.execute("ROLLBACK")
        super().close()

    def _read_catalog(self) -> Catalog:
        with self._asking(None):
            try:
                return super()._read_catalog()
            except psycopg.Error as error:
                raise QueryError(describe_error(error), error.sqlstate) from error

    def _make_engine(self) -> sqlalchemy.Engine:
        import sqlalchemy

        engine = super()._make_engine()

        @sqlalchemy.event.listens_for(engine, "connect")
        def find_names(connection: psycopg.Connection, _: Any) -> None:
            self._find_names_as_rehearsed(connection)
            connection.commit()

        @sqlalchemy.event.listens_for(engine, "before_cursor_execute")
        def refuse(_: Any, __: Any, statement: str, parameters: Any, *___: Any) -> None:
            # With parameters the protocol allows one statement only, but it has no text that could be parsed here.
            if not parameters:
                _refuse_all_but_select(statement)
                if self._deadline:
                    self._scales.weigh(statement, None, self._by_range)
            elif statement.lstrip().split(None, 1)[0].upper() not in ("SELECT", "WITH"):
                raise QueryError("a live database is only read: write a SELECT", "25006")

        return engine

    def _find_names_as_rehearsed(self, connection: psycopg.Connection) -> None:
        """Lets a name without a schema mean what it means in a rehearsal, whatever the address or the role has set.

        Raises:
            NotChecked: the server does not tell the database's own setting.
        """
        try:
            row = connection.execute(_DATABASE_PATH).fetchone()
            path = _OWN_SCHEMA.sub("", row[0] if row is not None else "").strip(", ") or DEFAULT_SCHEMA
            connection.execute("SELECT pg_catalog.set_config('search_path', %s, false)", (path,))
        except psycopg.Error as error:
            self._unreachable = f"the server does not tell its search_path: {_harmless(error, self.target)}"
            raise NotChecked(self._unreachable) from None

    # The snapshot and its limits.

    def _limit_range(self) -> None:
        """Limits what one range may take, in a new snapshot where half of this one's time is over."""
        if time.monotonic() - self._began > limits.SNAPSHOT_S / 2:
            self._begin(anew=True)
        try:
            self._limit(max(min(self._deadline - time.monotonic(), limits.SNAPSHOT_S / 2), 0.001))
            self.connection.execute(BY_INDEX)
        except psycopg.Error as error:
            raise NotChecked(f"the server gave no answer: {_harmless(error, self.target)}") from error

    def _begin(self, *, anew: bool = False) -> None:
        connection = self.connection
        fresh = connection.info.transaction_status == TransactionStatus.IDLE
        try:
            if not fresh and (anew or time.monotonic() - self._began + self._budget > limits.SNAPSHOT_S):
                connection.execute("ROLLBACK")
                fresh = True
            if fresh:
                connection.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                row = connection.execute(
                    "SELECT to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')"
                ).fetchone()
                self._began = time.monotonic()
                self.snapshots.append(Snapshot(len(self.snapshots) + 1, row[0] if row else ""))
            self._limit(self._budget)
            connection.execute(_CRITERION)
            self.snapshots[-1].criteria.append(self._name)
        except psycopg.Error as error:
            raise NotChecked(f"the server gave no answer: {_harmless(error, self.target)}") from error

    def _undo(self) -> None:
        """Takes back what the criterion may have set, and makes a transaction that failed usable again."""
        connection = self._connection
        if connection is None or connection.closed:
            return
        # A session that was ended is seen, and opened anew, when the next criterion begins.
        with suppress(psycopg.Error):
            if connection.info.transaction_status in (TransactionStatus.INTRANS, TransactionStatus.INERROR):
                connection.execute(_UNDO)

    def _limit(self, seconds: float) -> None:
        self.connection.execute(f"SET LOCAL statement_timeout = {max(int(seconds * 1000), 1)}".encode())

    @contextmanager
    def _asking(self, sql: str | None) -> Iterator[None]:
        if sql is not None:
            _refuse_all_but_select(sql)
        if self._deadline == 0.0:
            raise NotChecked("a live database answers only while a check runs")
        if time.monotonic() > self._deadline:
            raise self._over_budget()
        if self._connection is None or self._connection.closed:
            raise NotChecked("the connection to the server was lost")
        try:
            yield
        except QueryError as error:
            self._undo()
            if error.sqlstate == _CANCELLED and not self._narrowed and "timeout" in str(error):
                raise self._over_budget() from error
            raise

    def _over_budget(self) -> NotChecked:
        if self._by_range:
            return NotChecked(
                f"it takes longer than {format_duration(self._allowed)} on the live database, read by ranges with "
                "pauses; `budget` of the criterion allows more"
            )
        return NotChecked(
            f"it takes longer than {format_duration(self._budget)} on the live database; "
            f"`budget` of the criterion allows more, up to {format_duration(limits.SNAPSHOT_S)}"
        )


@lru_cache(maxsize=512)
def _refuse_all_but_select(sql: str) -> None:
    try:
        parse_select(sql)
    except ValueError as error:
        raise QueryError(f"a live database is only read: the statement {error}", "25006") from None


def _harmless(error: psycopg.Error, target: Target) -> str:
    """The message on one line, without the password should a server repeat it."""
    text = " ".join((error.diag.message_primary or str(error) or type(error).__name__).split())
    return text.replace(target.password, "…") if target.password else text
