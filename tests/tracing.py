"""Migrations that run traced, on a server of each major version that this machine has."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from pytest_cutover.canaries import Wait
from pytest_cutover.engine import PostgreSQL
from pytest_cutover.migrate import StepsRun
from pytest_cutover.plan.model import Step
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.sandbox import Server
from pytest_cutover.sandbox.binaries import find_binaries
from pytest_cutover.target import Target
from pytest_cutover.trace import Held, Recording, Trace

MAJORS = sorted({binaries.major for binaries in find_binaries()})
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
    waits: list[Wait] = field(default_factory=list)

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


@contextmanager
def migrated(
    server: Server,
    folder: Path,
    before: str,
    migration: str,
    runner: str = "sql",
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
    step = Step(sql="migration.sql")
    if runner == "command":
        psql = [str(server.programs / "psql"), "--no-psqlrc", "--set=ON_ERROR_STOP=1", "--file=migration.sql"]
        step = Step(command=psql, env=_ADDRESS)
    with engine.tracing(server, target) as recording, engine.watching(target, watch) as waits:
        run = engine.run([step], folder, server, target, role, None)
    traced = Traced(
        PostgresDatabase(source, "before"), PostgresDatabase(target, "after"), target, recording, run, waits
    )
    traced.after.run = run
    try:
        yield traced
    finally:
        traced.before.close()
        traced.after.close()
        for name in names:
            server.drop(name)
