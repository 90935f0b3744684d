"""Cutting a migration of PostgreSQL off: at each statement that its server sees, whoever sends it."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace

import postgast
import psycopg
from psycopg import sql

from pytest_cutover.errors import NotChecked, SandboxError
from pytest_cutover.flyway.script import waits_for_transactions
from pytest_cutover.flyway.settings import read_settings
from pytest_cutover.interrupt.aftermath import Aftermath
from pytest_cutover.interrupt.gate import Gate, Seen, Session
from pytest_cutover.interrupt.model import WAYS, Point, Way, step_name
from pytest_cutover.migrate import StepRun, Stop, run_steps
from pytest_cutover.migrate.roles import read_roles, role_changes
from pytest_cutover.migrate.script import Statement
from pytest_cutover.names import parse_relation
from pytest_cutover.plan.model import Step
from pytest_cutover.sandbox import EmbeddedServer
from pytest_cutover.target import Target

_PATIENCE_S = 30.0
_POLL_S = 0.005

_OTHERS = """
SELECT pid FROM pg_catalog.pg_stat_activity
WHERE datname = %s AND backend_type = 'client backend' AND pid <> pg_backend_pid()
"""
# The server keeps the first kilobyte of a statement.
_WAITS = """
SELECT state = 'active' AND wait_event = 'virtualxid', state <> 'active' OR left(query, 200) <> left(%s, 200)
FROM pg_catalog.pg_stat_activity WHERE pid = %s AND query_start > %s
"""
_TABLES = "SELECT oid::regclass::text FROM pg_catalog.pg_class WHERE relkind IN ('r', 'p') AND relpersistence <> 't' AND oid >= 16384"
_UNLOGGED = "SELECT count(*) FROM pg_catalog.pg_class WHERE relpersistence = 'u' AND relkind IN ('r', 'S')"


class StatementCuts:
    """Runs the migration through a gate, and cuts it off there."""

    ways: tuple[Way, ...] = tuple(WAYS)
    unit = "statement"

    def __init__(self, aftermath: Aftermath, server: EmbeddedServer) -> None:
        self._aftermath = aftermath
        self._server = server
        self._steps: list[Step] = aftermath.plan.file.migrate.steps

    def uninterrupted(self) -> list[Point]:
        """The points of a run that nobody cuts, whose database is from now on what every other has to lead to.

        Raises:
            NotChecked: the migration stops, or what it does outside of its database would meet every other run.
        """
        aftermath = self._aftermath
        with self._server.maintenance.connect() as connection:
            before = read_roles(connection)
        first, second = aftermath.copy(aftermath.template), aftermath.copy(aftermath.template)
        gate, runs = self._run(first)
        _, again = self._run(second)
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
        return list(_points(gate.seen, runs, self._steps))

    def untried(self) -> dict[Way, str]:
        """The ways in which this migration cannot be cut, and why."""
        with self._aftermath.template.connect() as connection:
            row = connection.execute(_UNLOGGED).fetchone()
        if row is not None and row[0]:
            return {"server": "the backup holds unlogged tables, which a server that was killed empties"}
        return {}

    def cut(self, point: Point, way: Way) -> Target | None:
        """The database that a run leaves which is cut off there; None where the run did not come that far.

        A statement without anything to do has no inside: that run is left to end by itself.
        """
        target = self._aftermath.copy(self._aftermath.template)
        self._aftermath.hang_up()
        gate, _ = self._run(target, point, way)
        if gate.failure is not None:
            raise SandboxError(f"The migration could not be cut off {point.shown}: {gate.failure}") from gate.failure
        self._wait_until_alone(target)
        return target if gate.reached or gate.passed_by else None

    def _run(
        self, target: Target, point: Point | None = None, way: Way = "connection"
    ) -> tuple[_CutGate, list[StepRun]]:
        role = self._aftermath.plan.file.migrate.role
        account = self._server.login(target, role) if role else target
        stop = Stop()
        gate = _CutGate(self._server, target, stop, point, way)
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
        return gate, runs

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


class _CutGate(Gate):
    """A gate that cuts in one of the ways. `reached` says that it did, `passed_by` that there was no inside to cut in."""

    def __init__(self, server: EmbeddedServer, target: Target, stop: Stop, point: Point | None, way: Way) -> None:
        self.reached = False
        self.passed_by = False
        self._own = server
        self._target = target
        self._stop = stop
        self._point = point
        self._way = way
        self._watch: threading.Thread | None = None
        super().__init__(
            server.maintenance.host,
            server.maintenance.port,
            None if point is None else point.number,
            self._at_the_point,
        )

    def close(self) -> None:
        if self._watch is not None:
            self._watch.join()
        super().close()

    def _at_the_point(self, session: Session) -> bool:
        """Cuts here; true where the statement may pass because it is cut when it is at work."""
        assert self._point is not None
        if not self._point.inside:
            self._strike(session)
            return False
        holding = threading.Event()
        self._watch = threading.Thread(target=self._strike_inside, args=(session, holding), daemon=True)
        self._watch.start()
        holding.wait(_PATIENCE_S)
        return True

    def _strike(self, session: Session) -> None:
        self.reached = True
        if self._way == "server":
            self._own.crash()
            self.hang_up()
        elif self._way == "connection":
            with self._own.maintenance.connect() as connection:
                connection.execute("SELECT pg_terminate_backend(%s, 30000)", (session.pid,))
        else:
            self.closed_to_new = True
            self._stop.kill()
            self.hang_up()

    def _strike_inside(self, session: Session, holding: threading.Event) -> None:
        """Lets the statement wait for a transaction that writes every table, and cuts it then.

        What runs CONCURRENTLY waits for such before it goes on; what it has done by then stays.
        """
        try:
            with suppress(psycopg.OperationalError), self._target.connect(autocommit=False) as holder:
                for (table,) in holder.execute(_TABLES.encode()).fetchall():
                    holder.execute(sql.SQL("LOCK TABLE ONLY {} IN ROW EXCLUSIVE MODE").format(sql.SQL(table)))
                with self._own.maintenance.connect() as connection:
                    row = connection.execute("SELECT clock_timestamp()").fetchone()
                    assert row is not None
                    begun = row[0]
                    holding.set()
                    deadline = time.monotonic() + _PATIENCE_S
                    waits = over = False
                    while not waits and not over and time.monotonic() < deadline:
                        time.sleep(_POLL_S)
                        row = connection.execute(_WAITS, (self.seen[-1].text, session.pid, begun)).fetchone()
                        waits, over = row or (False, False)
                if over:
                    # It waits for nobody, so it had nothing to do in several transactions, as with IF EXISTS.
                    self.passed_by = True
                if not waits:
                    return
                self._strike(session)
        except BaseException as error:  # noqa: BLE001 (as in the gate: who reads the outcome is told)
            self.failure = error
        finally:
            holding.set()


def _points(seen: Sequence[Seen], runs: Sequence[StepRun], steps: Sequence[Step]) -> list[Point]:
    """A point before each statement, and one inside of each that works in several transactions.

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
        with suppress(postgast.PgQueryError):
            if waits_for_transactions(each.text):
                found.append(replace(found[-1], inside=True))
    return found


def _without_values(text: str) -> str:
    with suppress(postgast.PgQueryError):
        return Statement(postgast.normalize(text), 1).summary
    return f"{text.split(maxsplit=1)[0]} …" if text.split() else "an empty statement"
