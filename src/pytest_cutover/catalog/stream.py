"""Sends many queries at once and hands out the rows of each as soon as they arrive."""

from __future__ import annotations

from collections import deque, namedtuple
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import cache
from types import TracebackType
from typing import Any

import psycopg
from psycopg.adapt import Transformer
from psycopg.pq import ExecStatus
from psycopg.pq.abc import PGresult
from psycopg.rows import namedtuple_row
from typing_extensions import Self


@cache
def _row_maker(names: tuple[str, ...]) -> Callable[[Iterable[Any]], Any]:
    """What makes a named tuple of a row's values."""
    row: Any = namedtuple("Row", list(names))  # type: ignore[misc]
    make: Callable[[Iterable[Any]], Any] = row._make
    return make


class Stream(Mapping[str, list[Any]]):
    """The rows of each query as named tuples, by the name it was asked under.

    In libpq's pipeline mode the server works on while the rows of the queries before are used; psycopg's own pipeline
    would wait for all. Without that mode each query is run when it is added.
    """

    def __init__(self, connection: psycopg.Connection[Any]) -> None:
        self._connection = connection
        self._pgconn = connection.pgconn
        self._rows: dict[str, list[Any]] = {}
        self._expected: deque[str | None] = deque()
        self._pipelined = psycopg.Pipeline.is_supported()

    def __enter__(self) -> Self:
        if self._pipelined:
            self._pgconn.enter_pipeline_mode()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if not self._pipelined or self._connection.broken:
            return
        while self._expected:
            self._next_result()
            self._expected.popleft()
        self._pgconn.exit_pipeline_mode()

    def add(self, queries: Mapping[str, str]) -> None:
        """Sends the queries; their rows come after those of all queries added before."""
        if not self._pipelined:
            for name, query in queries.items():
                cursor = self._connection.cursor(row_factory=namedtuple_row)
                self._rows[name] = cursor.execute(query.encode(), prepare=False).fetchall()
            return
        for name, query in queries.items():
            self._pgconn.send_query_params(query.encode(), None)
            # Else the server would keep the last rows back until the next query gives some.
            self._pgconn.send_flush_request()
            self._expected.append(name)
        self._pgconn.pipeline_sync()
        self._expected.append(None)

    def __getitem__(self, name: str) -> list[Any]:
        """The rows of the query; waits until they have come.

        Raises:
            psycopg.Error: the server refused this query or one before it.
        """
        while name not in self._rows:
            self._receive()
        return self._rows[name]

    def __iter__(self) -> Iterator[str]:
        return iter([*self._rows, *(name for name in self._expected if name is not None)])

    def __len__(self) -> int:
        return len(list(iter(self)))

    def _receive(self) -> None:
        if not self._expected:
            raise KeyError("no such query was added")
        result = self._next_result()
        name = self._expected.popleft()
        if name is None:
            return
        if result.status != ExecStatus.TUPLES_OK:
            raise psycopg.errors.error_from_result(result, encoding=self._connection.info.encoding)
        transformer = Transformer(self._connection)
        transformer.set_pgresult(result)
        names = tuple((result.fname(number) or b"").decode() for number in range(result.nfields))
        self._rows[name] = transformer.load_rows(0, result.ntuples, _row_maker(names))

    def _next_result(self) -> PGresult:
        """The result of the next query or synchronisation; the empty one that ends a query's is skipped."""
        result = self._pgconn.get_result()
        if result is None:
            result = self._pgconn.get_result()
        if result is None or self._connection.broken:
            raise psycopg.OperationalError("the connection was lost while the catalog was read")
        return result
