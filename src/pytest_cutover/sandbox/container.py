"""PostgreSQL in a container, through testcontainers: any image that starts as the official one does."""

from __future__ import annotations

import contextlib
import re
import secrets
import socket
import subprocess
import time
import uuid
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox import extensions
from pytest_cutover.sandbox.binaries import client_programs
from pytest_cutover.sandbox.directories import make_directory, sandbox_base, sweep
from pytest_cutover.sandbox.docker_engine import ANSWER_TIMEOUT_S, Engine, Progress, shortened
from pytest_cutover.sandbox.server import DISPOSABLE_SETTINGS, STATISTICS, Server, ServerFacts
from pytest_cutover.sandbox.sweeping import end_reaper, labels_of, start_reaper, sweep_containers
from pytest_cutover.target import Target

if TYPE_CHECKING:
    from testcontainers.community.postgres import PostgresContainer

_PORT = 5432
_ROOM = "pg_stat_statements.max"
_START_TIMEOUT_S = 180.0
_RESTART_TIMEOUT_S = 30
_POLL_S = 0.05
_LOG_LINES = 12


class ContainerServer(Server):
    """A PostgreSQL container that listens on loopback alone and has a password of its own."""

    def __init__(
        self,
        facts: ServerFacts,
        maintenance: Target,
        programs: Path,
        container: PostgresContainer,
        keeping: subprocess.Popen[bytes],
    ) -> None:
        super().__init__(facts, maintenance, programs)
        self._container = container
        self._keeping = keeping

    @classmethod
    def start(cls, engine: Engine, image: str, why: str, progress: Progress) -> ContainerServer:
        """A running container of the image.

        Raises:
            SandboxError: it could not be started; nothing is left behind.
        """
        from docker.errors import DockerException

        digest = engine.fetch(image, progress)
        base = sandbox_base()
        sweep(base)
        sweep_containers(engine)
        directory, lock = make_directory(base)
        run = uuid.uuid4().hex
        with contextlib.ExitStack() as ending:
            keeping = start_reaper(run, directory, lock)
            ending.callback(end_reaper, keeping)
            progress(f"starting {image}")
            container = _container(engine, image, run, directory)
            ending.callback(_close, container)
            try:
                container.start()
            except (DockerException, OSError) as error:
                raise SandboxError(
                    f"The container of {image} could not be started: {_masked(str(error), container.password)}"
                ) from error
            maintenance, version = _wait_until_ready(container, image)
            if _may_count(maintenance):
                progress(f"starting {image} with pg_stat_statements")
                maintenance, version = _restarted(container, image)
            _add_stand_ins(container, maintenance)
            facts = ServerFacts("container", version, why, image, digest)
            programs = client_programs(facts.major).folder
            ending.pop_all()
            return cls(facts, maintenance, programs, container, keeping)

    def log_position(self) -> float:
        """The second in which the engine will write its next line, by the server's own clock."""
        with self.maintenance.connect() as connection:
            row = connection.execute("SELECT extract(epoch FROM clock_timestamp())::float8").fetchone()
        assert row is not None
        return float(row[0]) - 1

    def log_lines(self, position: float) -> Iterable[bytes]:
        """What the container printed since that second, nothing where the engine does not tell."""
        from docker.errors import DockerException

        try:
            printed: bytes = self._container.get_wrapped_container().logs(since=int(position))
        except (DockerException, OSError):
            return ()
        return printed.split(b"\n")

    def failure(self, what: str, error: BaseException) -> SandboxError:
        """The error with what the container's log says of its end."""
        return SandboxError(
            f"The PostgreSQL container {what}: {_masked(str(error).strip(), self.maintenance.password)}"
            + _explain(self._container, self.facts.image)
        )

    def close(self) -> None:
        """Removes the container and its volumes."""
        _close(self._container)
        end_reaper(self._keeping)


def _close(container: PostgresContainer) -> None:
    """Closes our connections to the engine; the container itself is the reaper's."""
    container.get_docker_client().client.close()


def _container(engine: Engine, image: str, run: str, directory: Path) -> PostgresContainer:
    """The container, not started yet."""
    from testcontainers.community.postgres import PostgresContainer
    from testcontainers.core.config import testcontainers_config

    class Container(PostgresContainer):
        """Without testcontainers' own wait, which notices neither a container that ended nor keeps its password."""

        def _connect(self) -> None:
            pass

    testcontainers_config.ryuk_disabled = True
    attributes = engine.client.images.get(image).attrs["Config"]
    environment = dict(entry.split("=", 1) for entry in attributes.get("Env") or () if "=" in entry)
    # Some images come with a superuser of their own (supabase_admin), without whom their set-up fails.
    container = Container(
        image, username=environment.get("POSTGRES_USER", "postgres"), password=secrets.token_urlsafe(24),
        dbname="postgres", driver=None,
    )  # fmt: skip
    container.with_env("POSTGRES_INITDB_ARGS", "--no-sync")
    container.with_kwargs(
        labels=labels_of(run, directory), **_own_network(engine)
    )  # fmt: skip
    # A remote engine's loopback is out of our reach.
    ports: dict[str, Any] = {f"{_PORT}/tcp": ("127.0.0.1", None) if engine.is_local else None}
    container.ports = ports
    command = list(attributes.get("Cmd") or ())
    if any(part.rsplit("/", 1)[-1] == "postgres" for part in command):
        # The image's own command may name its settings file; ours are put behind it.
        settings = (DISPOSABLE_SETTINGS | {_ROOM: STATISTICS[_ROOM]}).items()
        container.with_command([*command, *(part for pair in settings for part in ("-c", "=".join(pair)))])
    return container


def _own_network(engine: Engine) -> dict[str, str]:
    """Where we are in a container of the same engine: the network to put the server on, so that we reach it."""
    from docker.errors import DockerException

    if not Path("/.dockerenv").exists():
        return {}
    with contextlib.suppress(DockerException):
        ourselves = engine.client.containers.get(socket.gethostname())
        for network in ourselves.attrs["NetworkSettings"]["Networks"]:
            return {"network": str(network)}
    return {}


def _addresses(container: PostgresContainer) -> Iterator[tuple[str, int]]:
    """Where the server may be reachable from here, best first."""
    client = container.get_docker_client()
    attributes = container.get_wrapped_container().attrs["NetworkSettings"]
    for published in (attributes.get("Ports") or {}).get(f"{_PORT}/tcp") or ():
        loopback = published["HostIp"] == "127.0.0.1"
        yield "127.0.0.1" if loopback else client.host(), int(published["HostPort"])
    if Path("/.dockerenv").exists():
        for network in (attributes.get("Networks") or {}).values():
            if network.get("IPAddress"):
                yield str(network["IPAddress"]), _PORT


def _wait_until_ready(container: PostgresContainer, image: str) -> tuple[Target, str]:
    """The server's address and version, once it answers for good.

    While such an image sets itself up, its server listens only inside the container, so that an answer over the
    network comes from the final one.

    Raises:
        SandboxError: it ended, or did not answer in time, with what its log says.
    """
    deadline = time.monotonic() + _START_TIMEOUT_S
    wrapped = container.get_wrapped_container()
    last = "it was not reached at all"
    answered = False
    while time.monotonic() < deadline:
        wrapped.reload()
        if wrapped.status not in ("created", "running", "restarting"):
            raise SandboxError(f"The container of {image} ended while starting.{_explain(container, image)}")
        for rank, (host, port) in enumerate(_addresses(container)):
            target = Target(host, port, "postgres", container.username, container.password)
            try:
                with target.connect(timeout_s=ANSWER_TIMEOUT_S) as connection:
                    row = connection.execute(
                        "SELECT current_setting('server_version'), rolsuper FROM pg_roles WHERE rolname = current_user"
                    ).fetchone()
            except psycopg.Error as error:
                last = _masked(str(error), container.password)
                continue
            if rank and not answered:
                answered = True  # the better address was asked before the server was up: once more from the first
                break
            if row is None or not row[1]:
                raise SandboxError(f"The image {image} gives its user {container.username} no superuser's rights.")
            version = re.match(r"\d+(?:\.\d+)*", row[0])
            return target, version[0] if version else "0"
        time.sleep(_POLL_S)
    raise SandboxError(
        f"The container of {image} did not answer within {_START_TIMEOUT_S:.0f} s: {last}{_explain(container, image)}"
    )


def _may_count(maintenance: Target) -> bool:
    """True where the server can count statements once it is started again: it has the library, and loads no other of its own."""
    try:
        with maintenance.connect() as connection:
            row = connection.execute(
                "SELECT current_setting('shared_preload_libraries') = '' AND EXISTS ("
                "SELECT FROM pg_available_extensions WHERE name = 'pg_stat_statements')"
            ).fetchone()
            if row != (True,):
                return False
            # A library that cannot be loaded would keep the server from starting.
            connection.execute("LOAD 'pg_stat_statements'")
            connection.execute("ALTER SYSTEM SET shared_preload_libraries = pg_stat_statements")
    except psycopg.Error:
        return False
    return True


def _restarted(container: PostgresContainer, image: str) -> tuple[Target, str]:
    """The server's address and version once it has been started again.

    Raises:
        SandboxError: it does not come back.
    """
    from docker.errors import DockerException

    try:
        container.get_wrapped_container().restart(timeout=_RESTART_TIMEOUT_S)
    except (DockerException, OSError) as error:
        raise SandboxError(
            f"The container of {image} could not be started again: {_masked(str(error), container.password)}"
        ) from error
    maintenance, version = _wait_until_ready(container, image)
    with maintenance.connect() as connection:
        connection.execute("ALTER SYSTEM SET pg_stat_statements.track = 'none'")
        connection.execute("SELECT pg_reload_conf()")
    return maintenance, version


def _add_stand_ins(container: PostgresContainer, maintenance: Target) -> None:
    """Puts our stand-ins where the server looks for extensions, for those that its image lacks."""
    with maintenance.connect() as connection:
        known = {name for (name,) in connection.execute("SELECT name FROM pg_available_extensions").fetchall()}
        missing = [name for name in extensions.stand_ins() if name not in known]
        row = connection.execute("SELECT setting FROM pg_config WHERE name = 'SHAREDIR'").fetchone()
    if missing and row is not None:
        container.get_wrapped_container().put_archive(f"{row[0]}/extension", extensions.as_tar(missing))


def _explain(container: PostgresContainer, image: str | None) -> str:
    """What is known of the container's end, to be put behind an error; empty where it still runs well."""
    from docker.errors import DockerException

    try:
        wrapped = container.get_wrapped_container()
        wrapped.reload()
        state = wrapped.attrs["State"]
        log = _masked(wrapped.logs(tail=200).decode(errors="replace"), container.password)
    except (DockerException, OSError) as error:
        return f"\nThe container of {image} is gone ({shortened(error)})."
    if "No space left on device" in log:
        return "\nThe disk of the Docker engine is full. Free some space there, for instance with `docker system df`."
    if state.get("OOMKilled"):
        return "\nThe container was killed because its memory ran out."
    if state.get("Running"):
        told = [line for line in log.splitlines() if "FATAL" in line or "PANIC" in line][-_LOG_LINES:]
    else:
        told = [f"It ended with status {state.get('ExitCode')}. The end of its log:", *log.splitlines()[-_LOG_LINES:]]
    return "".join(f"\n    {line}" for line in told)


def _masked(text: str, password: str) -> str:
    return text.replace(password, "…")
