"""What a migration does to the roles of its server is told, since no comparison of databases sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.project import MIGRATION, Project

from pytest_cutover.migrate.roles import read_roles, role_changes
from pytest_cutover.sandbox import Server


@pytest.fixture
def roles(server: Server) -> Iterator[None]:
    """Two roles that live as long as the test."""
    with server.maintenance.connect() as connection:
        connection.execute("CREATE ROLE visitor; CREATE ROLE backend BYPASSRLS")
        yield
        connection.execute("DROP ROLE IF EXISTS visitor, backend, newcomer")


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ("SELECT 1", ()),
        ("ALTER ROLE visitor LOGIN PASSWORD 'x'", ()),
        ("GRANT backend TO visitor", ("visitor got membership of backend",)),
        ("ALTER ROLE visitor SUPERUSER NOINHERIT", ("visitor got NOINHERIT, SUPERUSER",)),
        ("ALTER ROLE backend NOBYPASSRLS CREATEDB", ("backend got CREATEDB and lost BYPASSRLS",)),
        ("CREATE ROLE newcomer BYPASSRLS", ("newcomer was made, with BYPASSRLS",)),
        ("DROP ROLE backend", ("backend was dropped",)),
        ("ALTER ROLE visitor SET app.token = 'first-secret'", ("visitor got the setting app.token",)),
    ],
)
def test_each_change_is_told_without_a_value(server: Server, roles: None, change: str, told: tuple[str, ...]) -> None:
    """LOGIN and passwords are ours to give for the rehearsal."""
    with server.maintenance.connect() as connection:
        before = read_roles(connection)
        connection.execute(change.encode())
        assert role_changes(before, read_roles(connection)) == told


def test_another_value_of_a_setting_is_a_change(server: Server, roles: None) -> None:
    with server.maintenance.connect() as connection:
        connection.execute("ALTER ROLE visitor SET app.token = 'first-secret'")
        before = read_roles(connection)
        connection.execute("ALTER ROLE visitor SET app.token = 'second-secret'")

        assert role_changes(before, read_roles(connection)) == ("visitor got the setting app.token",)


def test_the_report_tells_it_beside_the_verdict(project: Project) -> None:
    project.plan(migration=MIGRATION + "\nDROP ROLE IF EXISTS parcel_reader;\nCREATE ROLE parcel_reader BYPASSRLS;\n")

    assert project.run() == 0, project.output
    assert project.result["plans"][0]["notes"] == [
        "The migration changed roles, which no rollback of a database undoes: parcel_reader was made, with BYPASSRLS."
    ]
