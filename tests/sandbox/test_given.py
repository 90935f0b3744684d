"""A given server: what a run makes there goes with it, and nothing else is touched."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator

import psycopg
import pytest

from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox import Sandboxes, Server
from pytest_cutover.sandbox.given import PREFIX
from pytest_cutover.target import Target
from tests.project import BACKUP, MIGRATION, PLAN, Project

_HOLD = """
import os, sys, time
from pytest_cutover.sandbox import Sandboxes
server = Sandboxes(os.environ["GIVEN"]).server()
print(server.create("held").database, flush=True)
time.sleep(600)
"""


@pytest.fixture(scope="module")
def own_server() -> Iterator[Server]:
    """A server of this module's own: what is on it is compared as a whole."""
    sandboxes = Sandboxes()
    yield sandboxes.server(production=17)
    sandboxes.close()


@pytest.fixture
def given(own_server: Server) -> Target:
    """The server that is given."""
    return own_server.maintenance


@pytest.fixture
def use(given: Target) -> Iterator[Callable[..., Server]]:
    """A function that uses the given server as a sandbox."""
    used: list[Sandboxes] = []

    def make(address: str = given.url, live: dict[str, str] | None = None) -> Server:
        used.append(Sandboxes(address, live))
        return used[-1].server()

    yield make
    for each in used:
        each.close()


def _state(target: Target) -> tuple[object, ...]:
    """What may not change on a server that is not ours: databases, roles and their passwords, settings."""
    queries = (
        "SELECT datname, datdba, datacl::text, shobj_description(oid, 'pg_database') FROM pg_database ORDER BY 1",
        "SELECT rolname, rolsuper, rolcanlogin, rolpassword, shobj_description(oid, 'pg_authid') FROM pg_authid ORDER BY 1",
        "SELECT roleid::regrole::text, member::regrole::text FROM pg_auth_members ORDER BY 1, 2",
        "SELECT setdatabase, setrole, setconfig FROM pg_db_role_setting ORDER BY 1, 2",
        "SELECT spcname FROM pg_tablespace ORDER BY 1",
        "SELECT name, setting FROM pg_settings WHERE source NOT IN ('client', 'session') ORDER BY 1",
    )
    with target.connect() as connection:
        return tuple(connection.execute(query.encode()).fetchall() for query in queries)


@pytest.mark.parametrize("arguments", [(), ("-n", "2")])
def test_a_rehearsal_there_is_a_go_and_leaves_the_server_as_it_was(
    given: Target, project: Project, arguments: tuple[str, ...]
) -> None:
    """Roles that the backup names are the server's, not a database's: they go too."""
    project.write("fixtures/backup.sql", BACKUP.replace("COPY", "ALTER TABLE public.parcels OWNER TO app_owner;\nCOPY"))
    text = PLAN.replace("[migrate]\n", '[migrate]\nrole = "app_owner"\n')
    project.plan(text=text)
    project.plan("second", text=text)
    before = _state(given)

    status = project.run(f"--sandbox={given.url}", *arguments)

    assert status == 0, project.output
    assert [plan["target"]["kind"] for plan in project.result["plans"]] == ["given", "given"]
    assert _state(given) == before


def test_the_password_is_in_no_output(given: Target, project: Project) -> None:
    assert project.run(f"--sandbox={given.url}", "-v") == 0, project.output

    written = project.output + "".join(
        path.read_text(encoding="utf-8") for path in (project.root / "reports").iterdir() if path.is_file()
    )
    assert given.password not in written
    assert "postgresql://postgres:…@" in json.dumps(project.result, ensure_ascii=False)


def test_a_server_of_any_plans_targets_is_refused(
    given: Target, project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also of a plan that is not run, under another name of the host, and whatever the database."""
    monkeypatch.setenv("OTHER_URL", f"postgres://app:x@localhost:{given.port}/shop")
    project.plan("other", text=PLAN + '[targets]\nproduction = "${OTHER_URL}"\n')
    before = _state(given)

    assert project.run(f"--sandbox={given.url}", "--plan=first") == 10

    assert "is the server that other: [targets] production names as a live target" in project.output
    assert _state(given) == before


def test_a_role_that_may_not_create_databases_is_refused(
    given: Target, own_server: Server, use: Callable[..., Server]
) -> None:
    with given.connect() as connection:
        connection.execute("CREATE ROLE reader LOGIN PASSWORD 'reader'")
    try:
        with pytest.raises(SandboxError, match="the role reader may not create databases there") as raised:
            use(f"postgresql://reader:reader@{given.host}:{given.port}/postgres")
    finally:
        with given.connect() as connection:
            connection.execute("DROP ROLE reader")

    assert "ALTER ROLE reader CREATEDB" in str(raised.value)


def test_a_server_that_does_not_answer_and_a_wrong_password_are_clear_errors(
    given: Target, use: Callable[..., Server]
) -> None:
    with pytest.raises(SandboxError, match="the server cannot be used") as refused:
        use("postgresql://someone:hidden-word@127.0.0.1:1/postgres")
    with pytest.raises(SandboxError, match="password authentication failed") as wrong:
        use(f"postgresql://postgres:hidden-word@{given.host}:{given.port}/postgres")

    assert "hidden-word" not in str(refused.value) + str(wrong.value)


def test_what_is_no_address_is_a_usage_error_that_does_not_repeat_it(project: Project) -> None:
    assert project.run("--sandbox=mysql://root:hidden-word@db/x") == 4
    assert "--sandbox: allowed are auto, embedded, docker, or the URL" in project.output
    assert "hidden-word" not in project.output


def test_a_role_that_was_there_before_is_not_changed(given: Target, use: Callable[..., Server]) -> None:
    """Its password is somebody's."""
    with given.connect() as connection:
        connection.execute("CREATE ROLE app_owner LOGIN PASSWORD 'theirs'")
    before = _state(given)
    server = use()
    try:
        assert server.create_roles(["app_owner"]) == []
        with pytest.raises(SandboxError, match="The role app_owner exists on .* was not made by a rehearsal"):
            server.login(server.maintenance, "app_owner")
    finally:
        assert _state(given) == before
        with given.connect() as connection:
            connection.execute("DROP ROLE app_owner")


def test_what_a_killed_run_left_is_dropped_by_the_next_and_nothing_else(
    given: Target, use: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A database with such a name that a rehearsal did not make stays; so does one of a run that is going on."""
    monkeypatch.setenv("GIVEN", given.url)
    holding = subprocess.Popen([sys.executable, "-c", _HOLD], stdout=subprocess.PIPE, text=True)
    assert holding.stdout is not None
    left = holding.stdout.readline().strip()
    theirs = f"{PREFIX}abcdef_theirs"
    with given.connect() as connection:
        connection.execute(f"CREATE DATABASE {theirs}".encode())
    running = use().create("running").database
    assert {left, theirs, running} <= _databases(given)

    holding.send_signal(signal.SIGKILL)
    holding.wait()
    holding.stdout.close()
    _wait_for_the_end_of(given, left[: len(PREFIX) + 6])
    use()

    try:
        assert {left, theirs, running} & _databases(given) == {theirs, running}
    finally:
        with given.connect() as connection:
            connection.execute(f"DROP DATABASE {theirs}".encode())


def _databases(target: Target) -> set[str]:
    with target.connect() as connection:
        return {name for (name,) in connection.execute("SELECT datname FROM pg_database").fetchall()}


def _wait_for_the_end_of(target: Target, session: str) -> None:
    with target.connect() as connection:
        for _ in range(200):
            row = connection.execute(
                "SELECT count(*), pg_sleep(0.05)::text FROM pg_stat_activity WHERE application_name = %s", (session,)
            ).fetchone()
            if row is not None and row[0] == 0:
                return
    raise AssertionError(f"the session of {session} does not end")


def test_a_server_that_only_creates_databases_will_do(given: Target, project: Project) -> None:
    """A plan that needs no roles needs no superuser."""
    with given.connect() as connection:
        connection.execute("CREATE ROLE maker LOGIN CREATEDB PASSWORD 'maker'")
    try:
        status = project.run(f"--sandbox=postgresql://maker:maker@{given.host}:{given.port}/postgres")
        assert status == 0, project.output
        proved = "the migration ran as maker, which is no superuser"
        assert project.result["plans"][0]["hazards"]["proved"] == [{"id": "superuser-only", "how": proved}]
    finally:
        with given.connect() as connection:
            connection.execute("DROP ROLE maker")


def test_roles_that_the_migration_makes_there_keep_an_ordinary_owner_out(given: Target, project: Project) -> None:
    """Its run would find them, and not what it takes to make them."""
    project.plan(migration=f"{MIGRATION}CREATE ROLE parcel_reader;\n")

    assert project.run(f"--sandbox={given.url}") == 1  # A second run stops.

    unknown = {each["id"]: each["reason"] for each in project.result["plans"][0]["hazards"]["unknown"]}
    assert unknown["superuser-only"].startswith("while the migration ran, roles changed")


def test_the_password_may_come_from_the_environment(
    given: Target, use: Callable[..., Server], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PGPASSWORD", given.password)

    server = use(f"postgresql://{given.user}@{given.host}:{given.port}/postgres")

    assert server.create("from_environment").database.startswith(PREFIX)


def test_closing_drops_what_was_made(given: Target) -> None:
    sandboxes = Sandboxes(given.url)
    server = sandboxes.server(production=17)
    made = server.create("made").database
    assert made in _databases(given)

    sandboxes.close()

    assert made not in _databases(given)
    with pytest.raises(psycopg.OperationalError, match="does not exist"):
        given.named(made).connect()
