"""Cutting a migration of PostgreSQL off: at each statement that its server sees, whoever sends it."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace

import postgast

from pytest_cutover.errors import NotChecked, SandboxError
from pytest_cutover.flyway.settings import read_settings
from pytest_cutover.interrupt.aftermath import Aftermath
from pytest_cutover.interrupt.commits import next_transaction
from pytest_cutover.interrupt.cutting import CuttingGate
from pytest_cutover.interrupt.gate import Gate, Seen
from pytest_cutover.interrupt.model import WAYS, Left, Point, Way, step_name
from pytest_cutover.interrupt.origins import Origin, copies_whole, holds_unlogged, state_of
from pytest_cutover.interrupt.watching import WatchingGate
from pytest_cutover.migrate import StepRun, Stop, run_steps
from pytest_cutover.migrate.roles import Roles, read_roles, role_changes
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


class StatementCuts:
    """Runs the migration through a gate, and cuts it off there."""

    ways: tuple[Way, ...] = tuple(WAYS)
    unit = "statement"

    def __init__(self, aftermath: Aftermath, server: EmbeddedServer) -> None:
        self._aftermath = aftermath
        self._server = server
        self._steps: list[Step] = aftermath.plan.file.migrate.steps
        self.unseen: list[Point] = []
        self._roles: Roles = {}
        self._origins = [Origin(aftermath.template)]
        self._untried: dict[Way, str] = {}
        if holds_unlogged(aftermath.template):
            self._untried["server"] = "the backup holds unlogged tables, which a server that was killed empties"

    def uninterrupted(self) -> list[Point]:
        """The points of a run that nobody cuts, whose database is from now on what every other has to lead to.

        Raises:
            NotChecked: the migration stops, or what it does outside of its database would meet every other run.
        """
        aftermath = self._aftermath
        self._roles = self._read_roles()
        first, second = aftermath.copy(aftermath.template), aftermath.copy(aftermath.template)
        gate = WatchingGate(self._server)
        runs = self._run(self._account(first), gate, behind=lambda step: self._keep(first, step, len(gate.seen)))
        counting = WatchingGate(self._server, gate.several)
        again = self._run(self._account(second), counting)
        changed = role_changes(self._roles, self._read_roles())
        self._server.is_spoiled |= bool(changed)
        for run in (*runs, *again):
            if run.error is not None:
                raise NotChecked(f"the migration stops without being cut: step {run.name}: {run.error}")
        if changed:
            raise NotChecked(f"the migration changes what all databases of the server share: {changed[0]}")
        if not holds_unlogged(aftermath.template) and holds_unlogged(first):
            self._untried["server"] = "the migration makes unlogged tables, which a server that was killed empties"
        self._know_flyway()
        aftermath.learn(first, second)
        if counting.failure is not None:
            raise SandboxError(f"The commits of the migration were not found: {counting.failure}") from counting.failure
        found = _points(gate.seen, runs, self._steps)
        self.unseen = [each for each in found if counting.commits.get(each.number, 0) is None]
        return [point for each in found for point in (each, *_inside(each, counting.commits.get(each.number) or 0))]

    def untried(self) -> dict[Way, str]:
        """The ways in which this migration cannot be cut, and why."""
        return self._untried

    def cut(self, point: Point, way: Way) -> Left | None:
        """What a run leaves that is cut off there; None where it did not come that far."""
        origin = next(each for each in reversed(self._origins) if each.seen < point.number)
        target = self._aftermath.copy(origin.target)
        account = self._account(target)
        with self._server.maintenance.connect() as connection:
            begun = next_transaction(connection)
        stop = Stop()
        gate = CuttingGate(self._server, stop, replace(point, number=point.number - origin.seen), way)
        runs = self._run(account, gate, stop, origin.step)
        if gate.failure is not None:
            raise SandboxError(f"The migration could not be cut off {point.shown}: {gate.failure}") from gate.failure
        self._wait_until_alone(target)
        if not gate.reached:
            return None
        ended_well = len(runs) == len(self._steps) - origin.step and all(run.error is None for run in runs)
        beside = self._read_roles() != self._roles
        return Left(target, state_of(target, origin, begun), ended_well, beside)

    def left_beside(self) -> str:
        """What of the server's roles is not as it was; told once."""
        was, self._roles = self._roles, self._read_roles()
        self._server.is_spoiled |= was != self._roles
        return ", ".join(f"{each.object}: {each.detail or each.kind}" for each in role_changes(was, self._roles))

    def _read_roles(self) -> Roles:
        with self._server.maintenance.connect() as connection:
            return read_roles(connection)

    def _account(self, target: Target) -> Target:
        """The database as the migration's role."""
        role = self._aftermath.plan.file.migrate.role
        return self._server.login(target, role) if role else target

    def _run(
        self,
        account: Target,
        gate: Gate,
        stop: Stop | None = None,
        first: int = 0,
        behind: Callable[[int], None] = lambda step: None,
    ) -> list[StepRun]:
        """Runs the migration through the gate from a step on, and closes both. `behind` is told which step comes next."""
        stop = stop or Stop()
        runs: list[StepRun] = []
        try:
            for number, step in enumerate(self._steps[first:], start=first):
                gate.step = number
                run = run_steps(
                    [step], self._aftermath.plan.folder, replace(account, port=gate.port), self._aftermath.backup, stop
                ).steps[0]
                runs.append(run)
                if run.error is not None or gate.closed_to_new:
                    break
                if number + 1 < len(self._steps):
                    behind(number + 1)
        finally:
            gate.close()
            stop.close()
        return runs

    def _keep(self, target: Target, step: int, seen: int) -> None:
        """Keeps what the steps so far left, for the runs that are cut off behind it.

        Not behind a program: what it leaves outside of its database, as a file, may be for the next step.
        """
        if any(each.command is not None for each in self._steps[:step]):
            return
        self._wait_until_alone(target)
        if copies_whole(target):
            self._origins.append(Origin(self._aftermath.copy(target), step, seen))

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
