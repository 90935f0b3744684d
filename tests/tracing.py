"""Migrations that run traced, on a server of each major version that this machine has."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pytest_cutover.canaries import Wait
from pytest_cutover.engine import PostgreSQL
from pytest_cutover.hazards import Scene
from pytest_cutover.migrate import StepsRun
from pytest_cutover.ordinary.model import Ordinary
from pytest_cutover.ordinary.run import AsOwner
from pytest_cutover.plan.model import Step
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import Server
from pytest_cutover.sandbox.binaries import find_binaries
from pytest_cutover.target import Target
from pytest_cutover.trace import Held, Recording, Trace
from tests.live.servers import majors

MAJORS = sorted(majors()) or [max(binaries.major for binaries in find_binaries())]
RUNNERS = ("sql", "command")

_numbers = itertools.count(1)
_ADDRESS = {
    "PGHOST": "{host}",
    "PGPORT": "{port}",
    "PGDATABASE": "{database}",
    "PGUSER": "{user}",
    "PGPASSWORD": "{password}",
}


@dataclass
class Traced:
    """What a traced migration led to."""

    before: PostgresDatabase
    after: PostgresDatabase
    target: Target
    recording: Recording
    run: StepsRun
    role: str | None
    again: Callable[[Collection[str]], Ordinary]
    waits: list[Wait] = field(default_factory=list)

    def ordinary(self, platform: Collection[str] = ()) -> Ordinary:
        """What an ordinary owner of the database gets of it otherwise."""
        return self.again(platform)

    def scene(self) -> Scene:
        """What hazards are looked for in."""
        return Scene(self.before, self.after, self.recording, self.role, self.ordinary)

    @property
    def trace(self) -> Trace:
        """The trace, which must have been had."""
        return self.recording.had()

    def held(self, table: str) -> dict[str, Held]:
        """The longest lock of each mode on the table."""
        found: dict[str, Held] = {}
        for each in self.trace.held:
            if each.table == table:
                found.setdefault(each.mode, each)
        return found


def psql_step(server: Server, *options: str) -> Step:
    """The file as psql runs it, which stops at the first error unless the options say otherwise."""
    psql = [str(server.programs / "psql"), "--no-psqlrc", "--set=ON_ERROR_STOP=1", *options, "--file=migration.sql"]
    return Step(command=psql, env=_ADDRESS)


@contextmanager
def migrated(
    server: Server,
    folder: Path,
    before: str,
    migration: str,
    runner: str | Step = "sql",
    role: str | None = None,
    watch: Sequence[str] = (),
) -> Iterator[Traced]:
    """Runs `before` in a database, and `migration` in a copy of it, as a step of the runner; both are gone afterwards.

    The tables to `watch` are watched meanwhile.
    """
    number = next(_numbers)
    names = [f"traced_{number}_before", f"traced_{number}_after"]
    engine = PostgreSQL()
    source = server.create(names[0])
    with source.connect() as connection:
        connection.execute(before.encode())
        connection.execute("ANALYZE")
    target = server.create(names[1], template=source, owner=role)
    (folder / "migration.sql").write_text(migration)
    step = runner if isinstance(runner, Step) else Step(sql="migration.sql") if runner == "sql" else psql_step(server)
    with engine.tracing(server, target) as recording, engine.watching(target, watch) as waits:
        run = engine.run([step], folder, server, target, role, None)
    views = PostgresDatabase(source, "before"), PostgresDatabase(target, "after")

    def again(platform: Collection[str]) -> Ordinary:
        views[0].close()
        owner = AsOwner([step], folder, engine, None, lambda: (server, source), platform, views[1], lambda text: None)
        return owner.run()

    traced = Traced(*views, target, recording, run, role, again, waits)
    traced.after.run = run
    try:
        yield traced
    finally:
        traced.before.close()
        traced.after.close()
        for name in names:
            server.drop(name)
