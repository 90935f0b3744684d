"""Two sorted streams of rows, brought together in parts of bounded size."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

import psycopg

from pytest_cutover.content.session import reading

Row = tuple[int, ...]
"""The number that rows are sorted by, then the others."""

BLOCK = 20_000
"""Rows held of each stream at a time."""


@contextmanager
def stream(connection: psycopg.Connection, name: str, table: str, query: str) -> Iterator[Iterator[list[Row]]]:
    """The query's rows in blocks; the next one is fetched while the last is worked on."""

    def fetch(cursor: psycopg.ServerCursor[Row]) -> list[Row]:
        with reading(table):
            return cursor.fetchmany(BLOCK)

    def blocks(cursor: psycopg.ServerCursor[Row], pool: ThreadPoolExecutor) -> Iterator[list[Row]]:
        ahead = pool.submit(fetch, cursor)
        while block := ahead.result():
            ahead = pool.submit(fetch, cursor)
            yield block

    with connection.cursor(name, binary=True) as cursor, ThreadPoolExecutor(1, name) as pool:
        first = pool.submit(cursor.execute, query.encode())
        with reading(table):
            first.result()
        yield blocks(cursor, pool)


def aligned(before: Iterator[list[Row]], after: Iterator[list[Row]]) -> Iterator[tuple[list[Row], list[Row]]]:
    """Parts of both streams in order, so that rows with the same first number are in the same pair of parts."""
    old, new = next(before, None), next(after, None)
    while old or new:
        ends = [block[-1][0] for block in (old, new) if block]
        # An exhausted stream holds nothing back.
        bound = min(ends)
        taken_old, old = _split(old, bound, before)
        taken_new, new = _split(new, bound, after)
        yield taken_old, taken_new


def _split(block: list[Row] | None, bound: int, rest: Iterator[list[Row]]) -> tuple[list[Row], list[Row] | None]:
    """The block's rows up to the bound, and those that follow."""
    taken: list[Row] = []
    while block and block[-1][0] <= bound:
        taken += block
        block = next(rest, None)
    if block:
        cut = bisect_right(block, bound, key=lambda row: row[0])
        taken += block[:cut]
        block = block[cut:]
    return taken, block
