"""What `--db-url` may be: a URL, a connection string, a service of libpq."""

from __future__ import annotations

from pathlib import Path

import pytest

from pytest_cutover.errors import TargetError
from pytest_cutover.target import Target


@pytest.fixture
def services(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A service file with one service."""
    file = tmp_path / "pg_service.conf"
    file.write_text("# ours\n[orders]\nhost=db.example.org\nport=6432\ndbname=orders\nuser=auditor\npassword=50%off\n")
    monkeypatch.setenv("PGSERVICEFILE", str(file))
    monkeypatch.delenv("PGSERVICE", raising=False)
    monkeypatch.delenv("PGSYSCONFDIR", raising=False)


@pytest.mark.usefixtures("services")
@pytest.mark.parametrize("address", ["service=orders", "postgresql://?service=orders"])
def test_a_service_leads_to_its_server(address: str) -> None:
    """Where a team keeps its servers in libpq's file, their addresses need not be written again."""
    target = Target.parse(address)

    assert target.shown == "postgresql://auditor@db.example.org:6432/orders"
    assert target.password == "50%off"


@pytest.mark.usefixtures("services")
def test_what_the_address_says_itself_counts_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """As libpq has it."""
    assert Target.parse("service=orders dbname=other").database == "other"
    monkeypatch.setenv("PGSERVICE", "orders")
    assert Target.parse("postgresql://me@localhost/mine").shown == "postgresql://me@localhost:6432/mine"


@pytest.mark.usefixtures("services")
def test_an_unknown_service_is_named_with_the_file() -> None:
    with pytest.raises(TargetError, match=r"There is no service oders in .*pg_service.conf"):
        Target.parse("service=oders")


def test_drivers_spellings_are_accepted() -> None:
    """A URL is often copied from an application's settings."""
    for scheme in ("postgres", "postgresql", "postgresql+psycopg", "postgresql+asyncpg"):
        assert Target.parse(f"{scheme}://me@db.example.org/orders").host == "db.example.org"
