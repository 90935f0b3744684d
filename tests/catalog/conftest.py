"""One rich schema, made once, and copies of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from pytest_cutover.catalog import Catalog, read_catalog
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target

RICH = Path(__file__).with_name("rich.sql")
ROLES = ("cat_alice", "cat_bob")

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def rich(server: Server) -> Iterator[Target]:
    """A database with an object of every kind. Copying it ends all sessions in it."""
    with server.maintenance.connect() as connection:
        for role in ROLES:
            connection.execute(f"CREATE ROLE {role}".encode())
    target = server.create("catalog_template")
    with target.connect() as connection:
        connection.execute(RICH.read_bytes())
    yield target
    server.drop(target.database)
    with server.maintenance.connect() as connection:
        for role in ROLES:
            connection.execute(f"DROP ROLE {role}".encode())


@pytest.fixture(scope="session")
def rich_catalog(rich: Target) -> Catalog:
    """The catalog of the rich schema."""
    with rich.connect(read_only=True) as connection:
        return read_catalog(connection)


@pytest.fixture
def clone(server: Server, rich: Target) -> Iterator[Callable[[], Target]]:
    """A function that copies the rich database; the copies are dropped after the test."""
    made: list[str] = []

    def make() -> Target:
        made.append(f"catalog_clone_{next(_numbers)}")
        return server.create(made[-1], template=rich)

    yield make
    for name in made:
        server.drop(name)


@pytest.fixture
def connection(clone: Callable[[], Target]) -> Iterator[psycopg.Connection]:
    """A connection to a copy of the rich database."""
    with clone().connect() as opened:
        yield opened
