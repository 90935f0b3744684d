"""Cutting a migration of PostgreSQL off: at each statement that its server sees, whoever sends it."""

from __future__ import annotations

import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import postgast

from pytest_cutover.errors import NotChecked, SandboxError
from pytest_cutover.flyway.settings import read_settings
from pytest_cutover.interrupt.aftermath import Aftermath
from pytest_cutover.interrupt.cutting import CuttingGate
from pytest_cutover.interrupt.gate import Gate, Seen
from pytest_cutover.interrupt.model import WAYS, Point, Way, step_name
from pytest_cutover.interrupt.watching import WatchingGate
from pytest_cutover.migrate import StepRun, Stop, run_steps
from pytest_cutover.migrate.roles import read_roles, role_changes
from pytest_cutover.migrate.script import Statement
from pytest_cutover.names import parse_relation
from pytest_cutover.plan.model import Step
from pytest_cutover.sandbox import EmbeddedServer
from pytest_cutover.target import Target

_PATIENCE_S = 30.0
_POLL_S = 0.005
_INSIDE = 3
"""How many points a statement that commits in between has in its inside."""

_OTHERS = """
SELECT pid FROM pg_catalog.pg_stat_activity
WHERE datname = %s AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
_UNLOGGED = "SELECT count(*) FROM pg_catalog.pg_class WHERE relpersistence = 'u' AND relkind IN ('r', 'S')"


class StatementCuts:
    """Runs the migration through a gate, and cuts it off there."""

    ways: tuple[Way, ...] = tuple(WAYS)
    unit = "statement"

    def __init__(self, aftermath: Aftermath, server: EmbeddedServer) -> None:
        self._aftermath = aftermath
        self._server = server
        self._steps: list[Step] = aftermath.plan.file.migrate.steps
        self.unseen: list[Point] = []

    def uninterrupted(self) -> list[Point]:
        """The points of a run that nobody cuts, whose database is from now on what every other has to lead to.

        Raises:
            NotChecked: the migration stops, or what it does outside of its database would meet every other run.
        """
        aftermath = self._aftermath
        with self._server.maintenance.connect() as connection:
            before = read_roles(connection)
        first, second = aftermath.copy(aftermath.template), aftermath.copy(aftermath.template)
        gate = WatchingGate(self._server)
        runs = self._run(first, gate)
        counting = WatchingGate(self._server, gate.several)
        again = self._run(second, counting)
        with self._server.maintenance.connect() as connection:
            changed = role_changes(before, read_roles(connection))
        self._server.is_spoiled |= bool(changed)
        for run in (*runs, *again):
            if run.error is not None:
                raise NotChecked(f"the migration stops without being cut: step {run.name}: {run.error}")
        if changed:
            raise NotChecked(f"the migration changes what all databases of the server share: {changed[0]}")
        aftermath.learn(first, second)
        self._know_flyway()
        if counting.failure is not None:
            raise SandboxError(f"The commits of the migration were not found: {counting.failure}") from counting.failure
        found = _points(gate.seen, runs, self._steps)
        self.unseen = [each for each in found if counting.commits.get(each.number, 0) is None]
        return [point for each in found for point in (each, *_inside(each, counting.commits.get(each.number) or 0))]

    def untried(self) -> dict[Way, str]:
        """The ways in which this migration cannot be cut, and why."""
        with self._aftermath.template.connect() as connection:
            row = connection.execute(_UNLOGGED).fetchone()
        if row is not None and row[0]:
            return {"server": "the backup holds unlogged tables, which a server that was killed empties"}
        return {}

    def cut(self, point: Point, way: Way) -> Target | None:
        """The database that a run leaves which is cut off there; None where the run did not come that far."""
        target = self._aftermath.copy(self._aftermath.template)
        self._aftermath.hang_up()
        stop = Stop()
        gate = CuttingGate(self._server, stop, point, way)
        self._run(target, gate, stop)
        if gate.failure is not None:
            raise SandboxError(f"The migration could not be cut off {point.shown}: {gate.failure}") from gate.failure
        self._wait_until_alone(target)
        return target if gate.reached else None

    def _run(self, target: Target, gate: Gate, stop: Stop | None = None) -> list[StepRun]:
        """Runs the migration through the gate, and closes both."""
        role = self._aftermath.plan.file.migrate.role
        account = self._server.login(target, role) if role else target
        stop = stop or Stop()
        runs: list[StepRun] = []
        try:
            for number, step in enumerate(self._steps):
                gate.step = number
                run = run_steps(
                    [step], self._aftermath.plan.folder, replace(account, port=gate.port), self._aftermath.backup, stop
                ).steps[0]
                runs.append(run)
                if run.error is not None or gate.closed_to_new:
                    break
        finally:
            gate.close()
            stop.close()
        return runs

    def _know_flyway(self) -> None:
        """When a file ran and how long it took, Flyway's history says of each run anew."""
        catalog = self._aftermath.baseline.catalog
        for step in self._steps:
            if step.flyway is not None:
                table = read_settings(step.settings).table
                for name in {table, *(each for each in catalog.tables if parse_relation(each).name == table)}:
                    self._aftermath.vary(name, ("installed_on", "execution_time"))

    def _wait_until_alone(self, target: Target) -> None:
        """Returns when no session is left on the database; what a cut leaves at work may work to its end."""
        deadline = time.monotonic() + _PATIENCE_S
        with self._server.maintenance.connect() as connection:
            while left := connection.execute(_OTHERS, (target.database,)).fetchall():
                if time.monotonic() > deadline:
                    for (pid,) in left:
                        connection.execute("SELECT pg_terminate_backend(%s, 5000)", (pid,))
                time.sleep(_POLL_S)


def _points(seen: Sequence[Seen], runs: Sequence[StepRun], steps: Sequence[Step]) -> list[Point]:
    """A point before each statement.

    Statements that a runner tells of have their place in a file; of what a program sends the values are left out.
    """
    found = []
    told = [list(run.statements) for run in runs]
    for number, each in enumerate(seen, start=1):
        step = steps[each.step]
        rest = told[each.step]
        summary = Statement(each.text, 1).summary
        if rest and rest[0].summary == summary:
            first = rest.pop(0)
            place = f"{first.file}:{first.line}"
        else:
            place, summary = f"step {step_name(step)}", _without_values(each.text)
        found.append(Point(number, place, summary))
    return found


def _inside(point: Point, commits: int) -> list[Point]:
    """Points behind the first of the statement's commits, in the middle, and before the last."""
    within = commits - 1
    chosen = {round(1 + part * (within - 1) / (_INSIDE - 1)) for part in range(_INSIDE)} if within > 0 else set()
    return [replace(point, commits=done, commits_of=commits) for done in sorted(chosen)]


def _without_values(text: str) -> str:
    with suppress(postgast.PgQueryError):
        return Statement(postgast.normalize(text), 1).summary
    return f"{text.split(maxsplit=1)[0]} …" if text.split() else "an empty statement"
