"""What the engine's tests share: one disposable PostgreSQL, and databases on it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from pytest_cutover.sandbox import Sandboxes, Server
from pytest_cutover.target import Target
from tests.project import Project, make_project
from tests.tracing import MAJORS

# No run in these tests is to find a Docker engine unless it says so: see tests/sandbox/conftest.py.
# Workers of pytest-xdist inherit what the process that started them has already set.
DOCKER_HOST = os.environ.setdefault("CUTOVER_TESTS_DOCKER_HOST", os.environ.get("DOCKER_HOST", "")) or None
# Options of whoever runs these tests are not those of the runs that they start.
os.environ.pop("PYTEST_ADDOPTS", None)
os.environ["DOCKER_HOST"] = "unix:///nowhere/docker.sock"

pytest_plugins = ["pytester"]

_USUAL = 17
"""The major version of the wheel that the package depends on."""

_numbers = itertools.count(1)


@pytest.fixture(scope="session")
def server() -> Iterator[Server]:
    """The PostgreSQL that comes with the package, or what is nearest to it here, started for the session."""
    sandboxes = Sandboxes()
    try:
        yield sandboxes.server(production=_USUAL)
    finally:
        sandboxes.close()


@pytest.fixture(scope="session", params=MAJORS, ids=lambda major: f"PostgreSQL {major}")
def traced_server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server of each major version that traces are tested on."""
    sandboxes = Sandboxes()
    try:
        yield sandboxes.server(request.param, request.param)
    finally:
        sandboxes.close()


@pytest.fixture
def new_database(server: Server) -> Iterator[Callable[..., Target]]:
    """A function that makes a database, runs SQL in it, and returns its target; dropped after the test."""
    made: list[str] = []

    def make(sql: str = "", template: Target | None = None) -> Target:
        name = f"test_{next(_numbers)}"
        made.append(name)
        target = server.create(name, template=template)
        if sql:
            with target.connect() as connection:
                connection.execute(sql.encode())
        return target

    yield make
    for name in reversed(made):
        server.drop(name)


@pytest.fixture
def project(tmp_path: Path) -> Project:
    """A repository with one plan that comes out GO."""
    return make_project(tmp_path)
