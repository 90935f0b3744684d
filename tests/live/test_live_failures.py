"""Live runs that go wrong: a clear outcome each, never a GO. What may not leak is looked for after each of them."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from urllib.parse import urlsplit

import psycopg
import pytest

from pytest_cutover.sandbox import EmbeddedServer, Sandboxes
from pytest_cutover.target import Target
from tests.live.conftest import PASSWORD, ROWS, SCHEMA, Live
from tests.project import MIGRATION

WAITING = """
[[criteria]]
id = "ahead"
kind = "query"
sql = "SELECT count(*) FROM parcels"
value = 2
[[criteria]]
id = "waits"
kind = "query"
sql = "SELECT count(pg_sleep(30))"
value = 1
budget = "{budget}"
[[criteria]]
id = "behind"
kind = "not_null"
table = "parcels"
columns = ["size"]
"""
"""A criterion during which something happens to the server, one ahead of it, and one behind it."""


def add(live: Live, text: str) -> None:
    """Adds to the plan, whose migration stays the rehearsed one."""
    plan = live.project.root / "migrations/first/plan.toml"
    plan.write_text(plan.read_text(encoding="utf-8") + text, encoding="utf-8")


def as_role(live: Live, user: str, password: str) -> str:
    """The address of production for another account."""
    parts = urlsplit(live.url)
    return f"postgresql://{user}:{password}@{parts.hostname}:{parts.port}{parts.path}"


@contextmanager
def while_it_waits(target: Target, happens: Callable[[psycopg.Connection, int], object]) -> Iterator[None]:
    """Lets something happen as soon as the criterion `waits` is under way; it is given its process on the server."""
    stop = threading.Event()

    def watch() -> None:
        with suppress(psycopg.Error), target.connect(name="holder") as connection:
            while not stop.wait(0.05):
                row = connection.execute(
                    "SELECT pid FROM pg_stat_activity WHERE state = 'active' AND pid <> pg_backend_pid()"
                    " AND query LIKE '%pg_sleep(30)%' AND query NOT LIKE 'EXPLAIN%'"
                ).fetchone()
                if row is not None:
                    happens(connection, row[0])
                    return

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ("password", 'password authentication failed for user "postgres"'),
        ("user", 'password authentication failed for user "nobody"'),
        ("port", "Connection refused"),
        ("database", 'database "nowhere" does not exist'),
    ],
)
def test_a_server_that_cannot_be_reached_is_incomplete(migrated: Live, wrong: str, told: str) -> None:
    """Nothing was seen, so nothing is said to hold; the server's own word says why."""
    parts = urlsplit(migrated.url)
    password = migrated.target.password if wrong == "database" else PASSWORD
    port = 1 if wrong == "port" else parts.port
    user = "nobody" if wrong == "user" else parts.username
    path = "/nowhere" if wrong == "database" else parts.path

    url = f"postgresql://{user}:{password}@{parts.hostname}:{port}{path}"
    assert migrated.run("--db-url=production", url=url) == 10, migrated.project.output

    assert set(migrated.outcomes.values()) == {"not_checked"}
    reason = migrated.project.result["plans"][0]["reason"]
    assert "cannot be reached" in reason and told in reason


def test_a_url_on_the_command_line_is_not_written_down(migrated: Live) -> None:
    """The command is part of the result, and a URL holds a password."""
    assert migrated.run(f"--db-url={migrated.url}") == 10
    assert "--db-url" in migrated.project.result["command"]


def test_a_session_that_is_thrown_out_costs_one_criterion(migrated: Live) -> None:
    """The one that was under way is not checked; the rest goes on in a session of its own."""
    add(migrated, WAITING.format(budget="40s"))

    with while_it_waits(migrated.target, lambda admin, pid: admin.execute("SELECT pg_terminate_backend(%s)", (pid,))):
        assert migrated.run("--db-url=production") == 10, migrated.project.output

    assert migrated.outcomes["waits"] == "not_checked"
    assert "the server gave no answer" in migrated.found("waits")["reason"]
    assert migrated.outcomes["behind"] == migrated.outcomes["filled"] == "passed"


def test_a_server_that_is_killed_in_the_middle_is_incomplete(live: Live) -> None:
    """What was decided by then stays; the rest is not checked, and is not waited for."""
    add(live, WAITING.format(budget="40s"))
    sandboxes = Sandboxes()
    try:
        server = sandboxes.server(production=17)
        assert isinstance(server, EmbeddedServer)
        target = server.create("production")
        with target.connect() as connection:
            connection.execute((SCHEMA + ROWS + MIGRATION).encode())
        live.secrets.append(target.password)
        postmaster = int((server.directory / "data/postmaster.pid").read_text().split()[0])

        with while_it_waits(target, lambda *_: os.kill(postmaster, signal.SIGKILL)):
            assert live.run("--db-url=production", url=target.url) == 10, live.project.output
    finally:
        sandboxes.close()

    assert live.outcomes["schema_as_rehearsed"] == live.outcomes["ahead"] == "passed"
    assert live.outcomes["waits"] == live.outcomes["behind"] == "not_checked"
    assert "the server gave no answer" in live.found("waits")["reason"]
    assert "cannot be reached" in live.found("behind")["reason"]


def test_a_criterion_that_takes_too_long_is_incomplete(migrated: Live) -> None:
    """Its budget ends it on the server; the ones behind it are answered."""
    add(migrated, WAITING.format(budget="200ms"))

    assert migrated.run("--db-url=production") == 10, migrated.project.output

    assert "it takes longer than 200 ms on the live database" in migrated.found("waits")["reason"]
    assert migrated.outcomes["behind"] == "passed"


def test_the_runs_own_budget_ends_it(migrated: Live) -> None:
    """What is left when the time is over is not checked."""
    add(migrated, '\n[live]\nbudget = "1ms"\n')

    assert migrated.run("--db-url=production") == 10, migrated.project.output
    assert "the run's budget of 1 ms is used up" in migrated.project.result["plans"][0]["reason"]


@pytest.fixture
def auditor(migrated: Live) -> Iterator[str]:
    """The address of production for a role that may do nothing yet."""
    migrated.execute(f"CREATE ROLE auditor LOGIN PASSWORD '{PASSWORD}'")
    yield as_role(migrated, "auditor", PASSWORD)
    migrated.execute("DROP OWNED BY auditor; DROP ROLE auditor")


def test_an_ordinary_role_sees_what_it_may(migrated: Live, auditor: str) -> None:
    """Rights that are missing make it INCOMPLETE; the schema is for everybody to read."""
    assert migrated.run("--db-url=production", url=auditor) == 10, migrated.project.output

    undecided = ("filled", "weights", "as-many", "only_declared_changes")
    assert [migrated.outcomes[name] for name in undecided] == ["not_checked"] * 4
    assert "permission denied for table parcels" in migrated.found("filled")["reason"]


def test_rights_that_are_revoked_in_the_middle_are_incomplete(migrated: Live, auditor: str) -> None:
    """What the role was still allowed to see is decided; being refused says nothing of the rest."""
    migrated.execute("GRANT pg_read_all_data TO auditor")
    add(migrated, WAITING.format(budget="1s"))

    with while_it_waits(migrated.target, lambda admin, _: admin.execute("REVOKE pg_read_all_data FROM auditor")):
        assert migrated.run("--db-url=production", url=auditor) == 10, migrated.project.output

    assert migrated.outcomes["ahead"] == "passed"
    assert migrated.outcomes["behind"] == "not_checked"
    assert "may not be read: permission denied for table parcels" in migrated.found("behind")["reason"]


def test_a_table_that_is_dropped_in_the_middle_is_no_go(migrated: Live) -> None:
    """Neither is dropping it held up, nor is what cannot be asked any more said to hold."""
    add(migrated, WAITING.format(budget="1s"))

    with while_it_waits(migrated.target, lambda admin, _: admin.execute("DROP TABLE parcels CASCADE")):
        assert migrated.run("--db-url=production") == 1, migrated.project.output

    assert migrated.outcomes["ahead"] == "passed"
    assert migrated.outcomes["behind"] == "failed"
    assert 'relation "public.parcels" does not exist' in migrated.found("behind")["message"]


def test_no_finding_shows_a_rows_value(migrated: Live) -> None:
    """Rows that are wrong are told by their keys, and an error of the server without what it quotes."""
    migrated.execute(
        "CREATE FUNCTION tell(text) RETURNS int LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no %', $1; END $$"
    )
    add(migrated, """
[[criteria]]
id = "accepted-notes"
kind = "accepted"
table = "parcels"
column = "note"
values = ["none"]
[[criteria]]
id = "numbers"
kind = "query"
sql = "SELECT note::int FROM parcels"
empty = true
[[criteria]]
id = "told"
kind = "query"
sql = "SELECT tell(note) FROM parcels"
empty = true
[[criteria]]
id = "no-notes"
kind = "query"
sql = "SELECT id, note FROM parcels"
empty = true
""")  # fmt: skip

    assert migrated.run("--db-url=production") == 1, migrated.project.output

    assert [migrated.outcomes[name] for name in ("accepted-notes", "numbers", "told", "no-notes")] == ["failed"] * 4
    assert migrated.found("no-notes")["evidence"][0]["rows"] == [["1"], ["2"]]


def test_what_leaks_is_found(migrated: Live) -> None:
    """A plan may ask for rows in its report: then the search for them must find them, in every file."""
    add(migrated, """
[report]
evidence = "rows"
[[criteria]]
id = "no-notes"
kind = "where"
table = "parcels"
sql = "note = 'none'"
""")  # fmt: skip

    assert migrated.run("--db-url=production") == 1, migrated.project.output

    found = {place.partition(" in ")[2] for place in migrated.leaks()}
    assert {"result.json", "report.html"} <= found
    migrated.secrets.clear()
