"""What a migration does to the roles of its server is told, since no comparison of databases sees it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.project import MIGRATION, PLAN, Project

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
        ("GRANT backend TO visitor", ("altered role:visitor: got membership of backend",)),
        ("ALTER ROLE visitor SUPERUSER NOINHERIT", ("altered role:visitor: got NOINHERIT, SUPERUSER",)),
        ("ALTER ROLE backend NOBYPASSRLS CREATEDB", ("altered role:backend: got CREATEDB and lost BYPASSRLS",)),
        ("CREATE ROLE newcomer BYPASSRLS", ("added role:newcomer: BYPASSRLS",)),
        ("DROP ROLE backend", ("dropped role:backend",)),
        ("ALTER ROLE visitor SET app.token = 'first-secret'", ("altered role:visitor: got the setting app.token",)),
    ],
)
def test_each_change_is_told_without_a_value(server: Server, roles: None, change: str, told: tuple[str, ...]) -> None:
    """LOGIN and passwords are ours to give for the rehearsal."""
    with server.maintenance.connect() as connection:
        before = read_roles(connection)
        connection.execute(change.encode())
        assert tuple(str(each) for each in role_changes(before, read_roles(connection))) == told


def test_another_value_of_a_setting_is_a_change(server: Server, roles: None) -> None:
    with server.maintenance.connect() as connection:
        connection.execute("ALTER ROLE visitor SET app.token = 'first-secret'")
        before = read_roles(connection)
        connection.execute("ALTER ROLE visitor SET app.token = 'second-secret'")

        assert tuple(str(each) for each in role_changes(before, read_roles(connection))) == (
            "altered role:visitor: got the setting app.token",
        )


_GRANTING = MIGRATION + "\nDROP ROLE IF EXISTS parcel_reader;\nCREATE ROLE parcel_reader BYPASSRLS;\n"


def test_a_role_that_is_not_declared_is_no_go(project: Project) -> None:
    """GRANT service_role TO authenticated opens every tenant, and no comparison of two databases sees it."""
    project.plan(migration=_GRANTING)

    assert project.run() == 1, project.output

    assert project.outcome("only_declared_changes") == "failed"
    assert "role:parcel_reader: added, which the plan does not declare (BYPASSRLS)" in project.output
    assert project.result["plans"][0]["notes"] == [
        "The migration changed roles, which no rollback of a database undoes: added role:parcel_reader: BYPASSRLS."
    ]


def test_a_declared_role_is_a_go(project: Project) -> None:
    project.plan(text=PLAN.replace("added = [", 'added = ["role:parcel_reader", '), migration=_GRANTING)

    assert project.run() == 0, project.output


def test_the_next_plan_does_not_find_it(project: Project) -> None:
    """A role that one plan's migration made would hide that another one's is missing it."""
    project.plan("a", text=PLAN.replace("added = [", 'added = ["role:parcel_reader", '), migration=_GRANTING)
    project.plan("b", migration=MIGRATION + "\nGRANT SELECT ON parcels TO parcel_reader;\n")

    assert project.run("--plan=a", "--plan=b") == 1, project.output

    assert {each["name"]: each["verdict"] for each in project.result["plans"]} == {"a": "GO", "b": "NO-GO"}
    assert 'role "parcel_reader" does not exist' in project.output
