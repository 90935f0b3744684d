"""The databases of a rehearsal: each backup restored once, as a template, and the copies that are made of it."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from pytest_cutover.backup.inspect import BackupFacts
from pytest_cutover.backup.preludes import prelude_path, scripts_of
from pytest_cutover.database import Database
from pytest_cutover.engine import Engine, Restored
from pytest_cutover.errors import SandboxError
from pytest_cutover.plan.model import Plan
from pytest_cutover.sandbox import Sandboxes, Server

_numbers = itertools.count(1)


class Restores:
    """Restored backups of one session by content, so that plans of the same backup share one template."""

    def __init__(self, sandboxes: Sandboxes) -> None:
        self.sandboxes = sandboxes
        self._templates: dict[tuple[object, ...], Restored] = {}

    def template(
        self, plan: Plan, engine: Engine, facts: BackupFacts, server: Server, progress: Callable[[str], None]
    ) -> Restored:
        """The database that the plan's backup was restored into; it is only ever copied."""
        prelude, owner = _prelude(plan), plan.file.migrate.role
        key = (
            facts.path.resolve(),
            facts.path.stat().st_mtime_ns,
            id(server),
            tuple(script.read_bytes() for path in prelude for script in scripts_of(path)),
            owner,
        )
        if key not in self._templates:
            name = f"template_{next(_numbers)}"
            restored = engine.restore(facts, server, name, prelude, owner, progress)
            progress("analysing")
            engine.prepare(server, restored[0])
            self._templates[key] = restored
        engine.check_extensions(server, set(plan.file.sandbox.extensions))
        return self._templates[key]

    def place(self, plan: Plan, engine: Engine, facts: BackupFacts, progress: Callable[[str], None]) -> tuple[Any, Any]:
        """A server whose roles no run has changed, and the backup as it was restored there."""
        server = engine.server(self.sandboxes, facts, plan.file.sandbox, progress)
        return server, self.template(plan, engine, facts, server, progress)[0]


class Copies:
    """The databases that one plan's rehearsal makes: `addresses` by label.

    `server` is where; it is set once the backup tells what it needs.
    """

    def __init__(self, plan: Plan, engine: Engine) -> None:
        self.server: Any = None
        self.addresses: dict[str, Any] = {}
        self._plan = plan
        self._engine = engine
        self._made: list[str] = []

    def copy(self, template: Any, label: str, source: Database | None = None) -> Any:
        """The address of a copy of a database; the sessions on the source are ended for it, as the server demands."""
        if source is not None:
            source.close()
        name = self._name(label.split(" ")[0])
        target = self.server.create(name, template=template, owner=self._plan.file.migrate.role)
        self._made.append(name)
        return target

    def clone(self, template: Any, label: str, source: Database | None = None) -> Database:
        """A copy of a database, to look at and to make further copies of."""
        target = self.addresses[label] = self.copy(template, label, source)
        database = self._engine.database(target, label, lambda: self.copy(target, "scratch", source=database))
        return database

    def restore_afresh(self, facts: BackupFacts, progress: Callable[[str], None]) -> Database:
        """The backup restored once more, into a database that nothing shares."""
        name = self._name("fresh")
        target, _, _ = self._engine.restore(
            facts, self.server, name, _prelude(self._plan), self._plan.file.migrate.role, progress
        )
        self._made.append(name)
        return self._engine.database(target, "restored")

    def drop(self) -> None:
        """Drops them all."""
        # This is only thrift: what a broken server does not drop goes with the server.
        with suppress(SandboxError):
            while self._made:
                self.server.drop(self._made.pop())

    def _name(self, label: str) -> str:
        return f"{self._plan.name[:30].lower()}_{label}_{next(_numbers)}"


def _prelude(plan: Plan) -> list[Path]:
    """What the plan's dump expects to exist, in order."""
    return [prelude_path(entry, plan.folder) for entry in plan.file.backup.prelude]
