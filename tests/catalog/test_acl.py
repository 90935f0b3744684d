"""Access lists are read as PostgreSQL prints them, whatever the roles are called."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pytest_cutover.catalog import Grant, read_catalog
from pytest_cutover.catalog.acl import parse_acl
from pytest_cutover.errors import CutoverError
from pytest_cutover.sandbox import Server
from pytest_cutover.target import Target


def test_each_privilege_is_a_grant() -> None:
    assert parse_acl(["bob=r*w/alice", "=X/alice"]) == (
        Grant("bob", "SELECT", True, "alice"),
        Grant("bob", "UPDATE", False, "alice"),
        Grant("public", "EXECUTE", False, "alice"),
    )


def test_the_order_of_the_items_does_not_matter() -> None:
    assert parse_acl(["a=r/o", "b=w/o"]) == parse_acl(["b=w/o", "a=r/o"])


def test_no_list_and_an_empty_list_grant_nothing() -> None:
    assert parse_acl(None) == parse_acl([]) == ()


@pytest.mark.parametrize("item", ["bob=q/alice", "bob=*/alice", "bob", "bob=r", '"bob=r/alice', "bob=r/alice/x"])
def test_an_unknown_privilege_is_an_error(item: str) -> None:
    with pytest.raises(CutoverError, match="the server reports"):
        parse_acl([item])


@pytest.mark.parametrize(
    "role", ["Upper", 'with "quotes"', "with=sign", "with/slash", "with, comma", "ä✈", "1", "PUBLIC"]
)
def test_the_names_of_roles_are_read_exactly(server: Server, new_database: Callable[..., Target], role: str) -> None:
    name = "cat " + role if role != "PUBLIC" else role
    quoted = '"' + name.replace('"', '""') + '"'
    with server.maintenance.connect() as maintenance:
        maintenance.execute(f"CREATE ROLE {quoted}".encode())
        try:
            target = new_database(f"CREATE TABLE t (); GRANT SELECT ON t TO {quoted} WITH GRANT OPTION")
            with target.connect() as connection:
                catalog = read_catalog(connection)
                connection.execute(f"DROP OWNED BY {quoted}".encode())
        finally:
            maintenance.execute(f"DROP ROLE {quoted}".encode())

    owner = catalog.tables["t"].owner
    assert [grant for grant in catalog.tables["t"].acl if grant.grantee != owner] == [
        Grant(name, "SELECT", True, owner)
    ]
