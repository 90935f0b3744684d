"""A database and a copy of it where more SQL has run."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from pytest_cutover.database import Database
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.target import Target
from tests.content.pairs import Pair


@pytest.fixture
def pair(new_database: Callable[..., Target]) -> Iterator[Pair]:
    """A function that makes a database, and a copy of it where more SQL has run."""
    opened: list[Database] = []

    def make(before: str, change: str = "") -> tuple[Database, Database]:
        first = new_database(before)
        second = new_database(change, template=first)
        opened.extend([PostgresDatabase(first, "before"), PostgresDatabase(second, "after")])
        return opened[-2], opened[-1]

    yield make
    for each in opened:
        each.close()
