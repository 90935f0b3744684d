"""Live runs that go wrong: a clear outcome each, never a GO, and no password anywhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from urllib.parse import urlsplit

import psycopg
import pytest

from pytest_cutover.target import Target
from tests.live.conftest import Live

PASSWORD = "open-sesame-7"


def everything(live: Live) -> str:
    """All that a run printed and wrote."""
    texts = [live.project.output]
    for folder, _, names in os.walk(live.project.root / "reports"):
        for name in names:
            with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                texts.append(file.read())
    return "\n".join(texts)


@pytest.mark.parametrize("wrong", ["password", "port", "database"])
def test_a_server_that_cannot_be_reached_is_incomplete(live: Live, wrong: str) -> None:
    """Nothing was seen, so nothing is said to hold."""
    parts = urlsplit(live.url)
    port = 1 if wrong == "port" else parts.port
    user = "nobody" if wrong == "password" else parts.username
    path = "/nowhere" if wrong == "database" else parts.path
    url = f"postgresql://{user}:{PASSWORD}@{parts.hostname}:{port}{path}"

    assert live.run("--db-url=production", url=url) == 10, live.project.output

    assert set(live.outcomes.values()) == {"not_checked"}
    assert "cannot be reached" in live.project.result["plans"][0]["reason"]
    assert PASSWORD not in everything(live)


def test_no_run_shows_the_password(migrated: Live) -> None:
    """Neither by name nor as a URL on the command line."""
    for given in ("--db-url=production", f"--db-url={migrated.url}"):
        migrated.run(given)
        assert migrated.target.password and migrated.target.password not in everything(migrated)


def test_a_run_that_is_thrown_out_in_the_middle_is_no_go(migrated: Live) -> None:
    """The criteria that were under way are not checked; the rest goes on in a session of its own."""
    slow = (
        '\n[[criteria]]\nid = "slow"\nkind = "query"\nsql = "SELECT count(pg_sleep(30))"\nvalue = 1\nbudget = "40s"\n'
    )
    plan = migrated.project.root / "migrations/first/plan.toml"
    plan.write_text(plan.read_text(encoding="utf-8") + slow, encoding="utf-8")
    stop = threading.Event()
    thread = threading.Thread(target=_throw_out, args=(migrated.target, stop))
    thread.start()
    try:
        assert migrated.run("--db-url=production") == 10, migrated.project.output
    finally:
        stop.set()
        thread.join()

    assert migrated.outcomes["slow"] == "not_checked"
    assert "the server gave no answer" in migrated.found("slow")["reason"]
    assert migrated.outcomes["filled"] == "passed"


def test_the_runs_own_budget_ends_it(migrated: Live) -> None:
    """What is left when the time is over is not checked."""
    plan = migrated.project.root / "migrations/first/plan.toml"
    plan.write_text(
        plan.read_text(encoding="utf-8").replace("[targets]", '[live]\nbudget = "1ms"\n[targets]'), encoding="utf-8"
    )

    assert migrated.run("--db-url=production") == 10, migrated.project.output
    assert "the run's budget of 1 ms is used up" in migrated.project.result["plans"][0]["reason"]


def test_an_ordinary_role_sees_what_it_may(migrated: Live, new_database: Callable[..., Target]) -> None:
    """Rights that are missing make it INCOMPLETE; the schema is for everybody to read."""
    migrated.execute(f"CREATE ROLE auditor LOGIN PASSWORD '{PASSWORD}'")
    try:
        parts = urlsplit(migrated.url)
        url = f"postgresql://auditor:{PASSWORD}@{parts.hostname}:{parts.port}{parts.path}"
        assert migrated.run("--db-url=production", url=url) == 10, migrated.project.output
        undecided = ("filled", "weights", "as-many", "only_declared_changes")
        assert [migrated.outcomes[name] for name in undecided] == ["not_checked"] * 4
        assert "permission denied for table parcels" in migrated.found("filled")["reason"]
        assert migrated.outcomes["schema_as_rehearsed"] == "passed"
        assert PASSWORD not in everything(migrated)
    finally:
        migrated.execute("DROP ROLE auditor")


def _throw_out(target: Target, stop: threading.Event) -> None:
    """Ends the session of the slow criterion as soon as it is seen."""
    with suppress(psycopg.Error), target.connect() as connection:
        while not stop.wait(0.2):
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE application_name = 'pytest-cutover' AND query LIKE '%%pg_sleep(30)%%' AND pid <> pg_backend_pid()"
            )
