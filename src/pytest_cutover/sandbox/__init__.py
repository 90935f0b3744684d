"""Disposable database servers: which one a plan gets, and that each is started once and ended."""

from __future__ import annotations

from pytest_cutover.sandbox.binaries import choose_binaries
from pytest_cutover.sandbox.embedded import EmbeddedServer
from pytest_cutover.sandbox.server import Server, ServerFacts

__all__ = ["EmbeddedServer", "Sandboxes", "Server", "ServerFacts"]


class Sandboxes:
    """The servers of one run, started when first asked for, one per set of programs."""

    def __init__(self) -> None:
        self._servers: dict[str, EmbeddedServer] = {}

    def server(self, at_least: int | None = None, production: int | None = None) -> Server:
        """A running server for a backup of major version `at_least`, best of major version `production`.

        Raises:
            SandboxError: none can be had.
        """
        binaries, why = choose_binaries(at_least, production)
        key = str(binaries.folder)
        if key not in self._servers:
            self._servers[key] = EmbeddedServer.start(binaries, why)
        return self._servers[key]

    def close(self) -> None:
        """Ends every server and removes what they left."""
        while self._servers:
            self._servers.popitem()[1].close()
