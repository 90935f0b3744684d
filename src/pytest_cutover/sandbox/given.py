"""A PostgreSQL server that somebody gives: databases of ours are made on it and dropped, nothing else is touched."""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import re
import secrets
import socket
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager

import psycopg
from psycopg import sql

from pytest_cutover.errors import SandboxError, TargetError
from pytest_cutover.sandbox.binaries import client_programs
from pytest_cutover.sandbox.server import Server, ServerFacts
from pytest_cutover.target import Target

PREFIX = "pytest_cutover_"
_MARK = "made by pytest-cutover; it drops this when its run ends"
# Any numbers will do that nobody else uses. They stand for "a rehearsal is using this server", and for "one is making
# roles", which belong to the whole server.
_LOCK = 7_236_150_914_423
_ROLES_LOCK = 7_236_150_914_424
_CONNECT_TIMEOUT_S = 10


class GivenServer(Server):
    """A server that is not ours. What a run makes there carries its prefix or our mark, and goes with the run.

    A session that lives as long as the run tells other runs that its databases are in use.
    """

    def __init__(self, facts: ServerFacts, maintenance: Target, run: str, guard: psycopg.Connection) -> None:
        super().__init__(facts, maintenance, client_programs(facts.major).folder)
        self.prefix = f"{PREFIX}{run}_"
        self._guard = guard

    @classmethod
    def use(cls, address: str, live: Mapping[str, str]) -> GivenServer:
        """The server behind the address, once what earlier runs left there is dropped.

        `live` are the addresses that plans name as their targets, by a name for people.

        Raises:
            SandboxError: it is one of those, cannot be reached, or lets us make no databases.
        """
        try:
            target = Target.parse(address)
        except TargetError as error:
            raise SandboxError(f"--sandbox: {error}") from None
        refuse_live(target, live)
        run = secrets.token_hex(3)
        try:
            guard = target.connect(name=f"{PREFIX}{run}", timeout_s=_CONNECT_TIMEOUT_S)
        except psycopg.Error as error:
            raise SandboxError(
                f"--sandbox={target.shown}: the server cannot be used: {_first_line(error, target)}\n"
                "Start it, correct the address, or leave --sandbox out."
            ) from None
        # What .pgpass gave is needed by programs that do not read that file.
        target = Target(
            target.host, target.port, target.database, target.user, guard.info.password or "", target.parameters
        )
        try:
            _require_rights(guard, target)
            guard.execute("SELECT pg_advisory_lock_shared(%s)", (_LOCK,))
            _sweep(guard)
            row = guard.execute("SHOW server_version").fetchone()
            assert row is not None
            version = re.match(r"\d+(?:\.\d+)*", row[0])
            if version is None:
                raise SandboxError(f"--sandbox={target.shown}: cannot make out the version {row[0]!r} of this server.")
            facts = ServerFacts("given", version[0], f"--sandbox={target.shown}")
            return cls(facts, target, run, guard)
        except BaseException:
            guard.close()
            raise

    def create(self, database: str, template: Target | None = None, owner: str | None = None) -> Target:
        """As on any server; the database is marked as ours."""
        target = super().create(database, template, owner)
        self._mark("DATABASE", target.database)
        return target

    def create_roles(self, names: Iterable[str]) -> list[str]:
        """As on any server; the roles are marked as ours."""
        with self.noting_roles():
            return super().create_roles(names)

    @contextmanager
    def noting_roles(self) -> Iterator[None]:
        """Roles that appear inside are marked as ours, and so dropped when the last run on this server ends.

        One run at a time is inside, so that no other one takes a role that is not marked yet for somebody else's.
        """
        self._guard.execute("SELECT pg_advisory_lock(%s)", (_ROLES_LOCK,))
        try:
            before = self._roles()
            try:
                yield
            finally:
                for role in self._roles() - before:
                    self._mark("ROLE", role)
        finally:
            self._guard.execute("SELECT pg_advisory_unlock(%s)", (_ROLES_LOCK,))

    def login(self, target: Target, role: str) -> Target:
        """As on any server, for a role that a run made; another one's password is not ours to change."""
        with self.noting_roles(), self.maintenance.connect() as connection:
            found = connection.execute(
                "SELECT shobj_description(oid, 'pg_authid') FROM pg_roles WHERE rolname = %s", (role,)
            ).fetchone()
        if found is not None and found[0] != _MARK:
            raise SandboxError(
                f"The role {role} exists on {self.maintenance.shown} and was not made by a rehearsal: logging in as it "
                "would mean to change its password.\nEither give a server without that role, or leave --sandbox out."
            )
        return super().login(target, role)

    def close(self) -> None:
        """Drops what the run made; the last run on the server drops the roles too."""
        with contextlib.suppress(psycopg.Error), self._guard:
            for database in _marked_databases(self._guard, self.prefix):
                _drop_database(self._guard, database)
            self._guard.execute("SELECT pg_advisory_unlock_shared(%s)", (_LOCK,))
            _drop_roles(self._guard)

    def _role_password(self, role: str) -> str:
        # The workers of one run log in as the same roles: a password of each worker's own would lock the others out.
        secret = self.maintenance.password or secrets.token_hex(16)
        return hmac.new(secret.encode(), f"pytest-cutover role {role}".encode(), hashlib.sha256).hexdigest()

    def _roles(self) -> set[str]:
        with self.maintenance.connect() as connection:
            return {name for (name,) in connection.execute("SELECT rolname FROM pg_roles").fetchall()}

    def _mark(self, kind: str, name: str) -> None:
        with self.maintenance.connect() as connection:
            connection.execute(
                sql.SQL("COMMENT ON {} {} IS {}").format(sql.SQL(kind), sql.Identifier(name), sql.Literal(_MARK))
            )


def refuse_live(target: Target, live: Mapping[str, str]) -> None:
    """Raises SandboxError where the target is the server, whatever the database, of one of the live addresses."""
    ours = _places(target)
    for name, address in live.items():
        with contextlib.suppress(TargetError):
            if ours & _places(Target.parse(address)):
                raise SandboxError(
                    f"--sandbox={target.shown} is the server that {name} names as a live target: "
                    "nothing is rehearsed there.\nGive another server, or leave --sandbox out."
                )


def _places(target: Target) -> set[tuple[str, int]]:
    """The addresses behind a target's host, with the port."""
    if target.host.startswith("/"):
        return {(target.host, target.port)}
    places = {(target.host.lower(), target.port)}
    with contextlib.suppress(OSError):
        places |= {
            (str(found[4][0]), target.port)
            for found in socket.getaddrinfo(target.host, target.port, type=socket.SOCK_STREAM)
        }
    return places


def _first_line(error: BaseException, target: Target) -> str:
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    return text.replace(target.password, "…") if target.password else text


def _require_rights(connection: psycopg.Connection, target: Target) -> None:
    row = connection.execute(
        "SELECT rolsuper, rolcreatedb, pg_is_in_recovery() FROM pg_roles WHERE rolname = current_user"
    ).fetchone()
    superuser, createdb, standby = row or (False, False, False)
    if standby:
        raise SandboxError(f"--sandbox={target.shown} is a standby: no database can be made there. Give a primary.")
    if not (superuser or createdb):
        raise SandboxError(
            f"--sandbox={target.shown}: the role {target.user} may not create databases there.\n"
            f"Either give the server's superuser, or let it: ALTER ROLE {target.user} CREATEDB."
        )


def _marked_databases(connection: psycopg.Connection, prefix: str) -> list[str]:
    rows = connection.execute(
        "SELECT datname FROM pg_database WHERE starts_with(datname, %s)"
        " AND shobj_description(oid, 'pg_database') = %s ORDER BY 1",
        (prefix, _MARK),
    ).fetchall()
    return [name for (name,) in rows]


def _drop_database(connection: psycopg.Connection, name: str) -> None:
    connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))


def _drop_roles(connection: psycopg.Connection) -> None:
    """Drops the roles of ours, unless another run still uses the server; a role that something needs stays."""
    row = connection.execute("SELECT pg_try_advisory_lock(%s)", (_LOCK,)).fetchone()
    if row is None or not row[0]:
        return
    try:
        rows = connection.execute(
            "SELECT rolname FROM pg_roles WHERE shobj_description(oid, 'pg_authid') = %s ORDER BY 1", (_MARK,)
        ).fetchall()
        for (role,) in rows:
            with contextlib.suppress(psycopg.Error):
                connection.execute(sql.SQL("DROP ROLE {}").format(sql.Identifier(role)))
    finally:
        connection.execute("SELECT pg_advisory_unlock(%s)", (_LOCK,))


def _sweep(guard: psycopg.Connection) -> None:
    """Drops the databases of runs whose guarding session is gone."""
    alive = {
        name
        for (name,) in guard.execute("SELECT application_name FROM pg_stat_activity").fetchall()
        if name is not None
    }
    for database in _marked_databases(guard, PREFIX):
        run = database[: len(PREFIX) + 6]
        if run not in alive:
            _drop_database(guard, database)
