"""Disposable database servers: which one a plan gets, and that each is started once and ended."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack

from pytest_cutover.errors import SandboxError
from pytest_cutover.sandbox.binaries import choose_binaries
from pytest_cutover.sandbox.container import ContainerServer
from pytest_cutover.sandbox.docker_engine import Engine
from pytest_cutover.sandbox.embedded import EmbeddedServer
from pytest_cutover.sandbox.given import GivenServer
from pytest_cutover.sandbox.server import SURVIVES_A_CRASH, Server, ServerFacts
from pytest_cutover.sandbox.sqlite import SqliteFolder

__all__ = ["AUTO", "DOCKER", "EMBEDDED", "EmbeddedServer", "Sandboxes", "Server", "ServerFacts"]

AUTO, EMBEDDED, DOCKER = "auto", "embedded", "docker"

_IMAGE_OF_UNKNOWN = "postgres:18"
"""For a backup that does not say which version it comes from, of a plan without an image."""


class Sandboxes:
    """The servers of one run, started when first asked for: one per set of programs, image or address.

    `choice` is "auto", "embedded", "docker" or the URL of a server; `live` are the addresses that must not be used,
    by a name for people.
    """

    def __init__(self, choice: str = EMBEDDED, live: Mapping[str, str] | None = None) -> None:
        self.choice = choice
        self._live = live or {}
        self._servers: dict[str, Server] = {}
        self._engine: Engine | SandboxError | None = None
        self._files: SqliteFolder | None = None

    def files(self) -> SqliteFolder:
        """The folder for SQLite databases, whatever `choice` says of servers.

        Raises:
            SandboxError: it cannot be made.
        """
        if self._files is None:
            self._files = SqliteFolder()
        return self._files

    def describe(self) -> str:
        """Where plans will be rehearsed and why, as far as that is known before one is."""
        if self.choice == EMBEDDED:
            return "on the embedded PostgreSQL (--sandbox=embedded)"
        if self.choice not in (AUTO, DOCKER):
            return "on the server that --sandbox gives"
        try:
            engine = self._docker()
        except SandboxError:
            return "on the embedded PostgreSQL (--sandbox=auto: no Docker engine answers)"
        if self.choice == DOCKER:
            return f"in containers of Docker {engine.version} on {engine.place} (--sandbox=docker)"
        return (
            f"in containers of Docker {engine.version} on {engine.place} where it has or gets the image, "
            "else on the embedded PostgreSQL (--sandbox=auto)"
        )

    def server(
        self,
        at_least: int | None = None,
        production: int | None = None,
        image: str | None = None,
        progress: Callable[[str], None] = lambda text: None,
    ) -> Server:
        """A running server for a backup of major version `at_least`, best of major version `production`.

        Raises:
            SandboxError: none can be had, or it is older than the backup.
        """
        found = self._find(at_least, production, image, progress)
        if at_least is not None and found.facts.major < at_least:
            raise SandboxError(
                f"The backup comes from PostgreSQL {at_least}, and the server is {found.facts.version} "
                f"({found.facts.why}): it cannot be expected to read it.\n"
                f"Use PostgreSQL {at_least} or newer, in sandbox.image or --sandbox."
            )
        return found

    def _find(
        self, at_least: int | None, production: int | None, image: str | None, progress: Callable[[str], None]
    ) -> Server:
        if self.choice == EMBEDDED:
            return self._embedded(at_least, production, "")
        if self.choice not in (AUTO, DOCKER):
            return self._once(self.choice, lambda: GivenServer.use(self.choice, self._live))
        wanted = image or (f"postgres:{production or at_least}" if production or at_least else _IMAGE_OF_UNKNOWN)
        why = "the plan's image" if image else "the official image of the backup's major version"
        if self.choice == DOCKER:
            engine = self._docker()
        else:
            try:
                engine = self._docker()
                engine.fetch(wanted, progress)
            except SandboxError as error:
                return self._embedded(at_least, production, str(error).splitlines()[0])
        return self._once(wanted, lambda: ContainerServer.start(engine, wanted, why, progress))

    def _embedded(self, at_least: int | None, production: int | None, instead: str) -> Server:
        binaries, why = choose_binaries(at_least, production)
        return self._once(
            str(binaries.folder), lambda: EmbeddedServer.start(binaries, f"{why}. {instead}" if instead else why)
        )

    def _once(self, key: str, start: Callable[[], Server]) -> Server:
        if key in self._servers and self._servers[key].is_spoiled and not isinstance(self._servers[key], GivenServer):
            # What a plan did to the server itself, another plan's rehearsal must not find.
            self._servers[f"{key} {len(self._servers)}"] = self._servers.pop(key)
        if key not in self._servers:
            self._servers[key] = start()
        return self._servers[key]

    def server_to_crash(self, at_least: int | None = None, production: int | None = None) -> EmbeddedServer:
        """A server of its own that survives being killed as production's would: its commits are in its log.

        It is always the embedded one, whatever `choice` says: no other is ours to kill.

        Raises:
            SandboxError: none can be had, or it is older than the backup.
        """
        binaries, why = choose_binaries(at_least, production)
        key = f"to crash {binaries.folder}"
        found = self._once(key, lambda: EmbeddedServer.start(binaries, why, SURVIVES_A_CRASH))
        assert isinstance(found, EmbeddedServer)
        return found

    def _docker(self) -> Engine:
        """The Docker engine; it is looked for once."""
        if self._engine is None:
            try:
                self._engine = Engine.find()
            except SandboxError as error:
                self._engine = error
        if isinstance(self._engine, SandboxError):
            raise self._engine
        return self._engine

    def close(self) -> None:
        """Ends every server and removes what they left."""
        with ExitStack() as closing:
            if self._files is not None:
                closing.callback(self._files.close)
                self._files = None
            while self._servers:
                closing.callback(self._servers.popitem()[1].close)
            if isinstance(self._engine, Engine):
                closing.callback(self._engine.client.close)
                self._engine = None
