"""What becomes of a database that a cut has left: the migration runs again, and where it refuses, the ways back do."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from pytest_cutover.catalog import Catalog
from pytest_cutover.content import differing_tables
from pytest_cutover.criteria.references import References
from pytest_cutover.database import Database
from pytest_cutover.engine import Engine
from pytest_cutover.errors import NotChecked
from pytest_cutover.interrupt.model import Outcome
from pytest_cutover.interrupt.numbering import DanglingError, Reference, close_gaps, gaps
from pytest_cutover.migrate.result import StepsRun
from pytest_cutover.plan.model import Plan, Step
from pytest_cutover.postgresql import PostgresDatabase
from pytest_cutover.state import StateDifferences, compare_states
from pytest_cutover.target import Target

# Several plans, of one name for whatever reason, may share a server.
_numbers = itertools.count(1)


class Aftermath:
    """Judges what cuts leave. States that are the same are judged once.

    `template` is the address of the restored backup on `server`; nothing but copies of it are changed.
    """

    def __init__(self, plan: Plan, engine: Engine, server: Any, template: Any, backup: Path | None) -> None:
        self.plan = plan
        self.engine = engine
        self.server = server
        self.template = template
        self.backup = backup
        self.varying: dict[str, tuple[str, ...]] = {}
        self._made: list[str] = []
        self._known: dict[object, tuple[Outcome, str]] = {}
        self._references = [
            Reference(each.table, tuple(each.columns), each.to, tuple(each.to_columns))
            for each in plan.criteria
            if isinstance(each, References)
        ]
        self._views: list[Database] = []
        self._reference: Database | None = None
        self.baseline = self.view(self.copy(template), "baseline")

    # Databases.

    def copy(self, of: Any) -> Any:
        """The address of a copy; sessions on the original are ended for it."""
        self.hang_up()
        name = f"{self.plan.name[:30].lower()}_cut_{next(_numbers)}"
        target = self.server.create(name, template=of, owner=self.plan.file.migrate.role)
        self._made.append(name)
        return target

    def view(self, target: Any, label: str) -> Database:
        """The read-only view of a database."""
        view = self.engine.database(target, label)
        self._views.append(view)
        return view

    def _forget(self, view: Database) -> None:
        view.close()
        self._views.remove(view)

    def drop(self, target: Any) -> None:
        """Drops a copy: a run makes hundreds."""
        self.hang_up()
        name = target.database if isinstance(target, Target) else target.path.parent.name
        self.server.drop(name)
        if name in self._made:
            self._made.remove(name)

    def close(self) -> None:
        """Drops what is left."""
        self.hang_up()
        while self._made:
            self.server.drop(self._made.pop())

    def hang_up(self) -> None:
        """Ends the sessions of all views: they open again where they are needed."""
        for view in self._views:
            view.close()

    # The uninterrupted migration.

    def learn(self, first: Any, second: Any) -> None:
        """Takes the database of an uninterrupted run as what every other has to lead to, and asks a second one what varies.

        Raises:
            NotChecked: two runs that nobody interrupted do not agree on what there is.
        """
        self._reference = self.view(first, "uninterrupted")
        other = self.view(second, "uninterrupted again")
        for table in differing_tables(self._reference, other):
            if not table.only_values:
                raise NotChecked(
                    f"two uninterrupted runs already differ in table:{table.table}: {table.summary}; what a cut leaves "
                    "cannot be told from that"
                )
            self.varying[table.table] = tuple(table.columns)
        found = compare_states(self._reference, other, varying=self.varying)
        if found:
            raise NotChecked(f"two uninterrupted runs already differ: {found.listed[0]}")
        self._forget(other)
        self.drop(second)

    def vary(self, table: str, columns: Sequence[str]) -> None:
        """Leaves columns out of the comparison of which it is known that no two runs agree on them."""
        self.varying[table] = tuple(dict.fromkeys([*self.varying.get(table, ()), *columns]))

    # What a cut leaves.

    def judge(self, left: Any, state: object = None) -> tuple[Outcome, str]:
        """What migrating again leads to, and why where it is nothing good. Two databases of one `state` are known to be alike."""
        if state is not None and state in self._known:
            return self._known[state]
        view = self.view(left, "cut off")
        try:
            # Beside a file there may be others, which nothing here compares.
            if not isinstance(view, PostgresDatabase):
                return self._migrate_again(left, view)
            digest = _digest(view)
            if digest not in self._known:
                self._known[digest] = self._migrate_again(left, view)
            if state is not None:
                self._known[state] = self._known[digest]
            return self._known[digest]
        finally:
            self._forget(view)

    def _migrate_again(self, left: Any, was: Database) -> tuple[Outcome, str]:
        assert self._reference is not None
        target = self.copy(left)
        run = self._run(self.plan.file.migrate.steps, target)
        now = self.view(target, "migrated again")
        try:
            failed = run.failed_step
            if failed is None:
                found = self._unlike_reference(now, target)
                if not found:
                    return "converges", ""
                return (
                    "neither",
                    f"migrating again goes through and leaves another state: {_told(found, self._left_over(now))}",
                )
            stopped = f"migrating again stops ({_first_line(failed.error)})"
            changed = compare_states(was, now, forward_sequences=True)
            if changed:
                return "neither", f"{stopped} and changes {_told(changed, self._left_over(now))}"
            if not self._unlike_reference(was, left):
                return "converges", ""
            return self._roll_back(left, stopped, self._left_over(was))
        finally:
            self._forget(now)
            self.drop(target)

    def _roll_back(self, left: Any, stopped: str, over: str) -> tuple[Outcome, str]:
        """Whether every declared way leads back to the baseline from here."""
        ways = self.plan.file.rollback
        if not ways:
            return "neither", f"{stopped}, and the plan declares no way back{over}"
        for way in (each for each in ways if not each.restore):
            target = self.copy(left)
            run = self._run(way.steps, target)
            view = self.view(target, "rolled back")
            try:
                if run.failed_step is not None:
                    why = _first_line(run.failed_step.error)
                    return "neither", f"{stopped}, and the rollback {way.name} stops ({why}){over}"
                found = compare_states(self.baseline, view, accepted=way.residue, forward_sequences=True)
                if found:
                    return (
                        "neither",
                        f"{stopped}, and the rollback {way.name} does not give the baseline back: {_told(found, over)}",
                    )
            finally:
                self._forget(view)
                self.drop(target)
        return "refuses", stopped

    def _run(self, steps: list[Step], target: Any) -> StepsRun:
        return self.engine.run(steps, self.plan.folder, self.server, target, self.plan.file.migrate.role, self.backup)

    def _unlike_reference(self, view: Database, target: Any) -> StateDifferences:
        """How a database differs from the uninterrupted run's, but for the gaps in what sequences gave out."""
        reference = self._reference
        assert reference is not None
        found = compare_states(reference, view, forward_sequences=True, varying=self.varying)
        if not found or not isinstance(view, PostgresDatabase):
            return found
        assert isinstance(reference, PostgresDatabase)
        assert isinstance(self.baseline, PostgresDatabase)
        explained = gaps(self.baseline, reference, view)
        if not explained:
            return found
        target = self.copy(target)
        closed = self.view(target, "without gaps")
        try:
            close_gaps(target, view.catalog, explained, self._references)
            return compare_states(reference, closed, forward_sequences=True, varying=self.varying)
        except (psycopg.Error, DanglingError):
            return found
        finally:
            self._forget(closed)
            self.drop(target)

    def _left_over(self, view: Database) -> str:
        """What only a cut leaves: what is not valid, and tables that neither the baseline nor the migrated database has."""
        assert self._reference is not None
        names = _unfinished(view.catalog) - _unfinished(self._reference.catalog)
        tables = (
            view.catalog.tables.keys() - self.baseline.catalog.tables.keys() - self._reference.catalog.tables.keys()
        )
        names |= {f"the leftover table {name}" for name in tables}
        return f"; it leaves {', '.join(sorted(names))}" if names else ""


def _unfinished(catalog: Catalog) -> set[str]:
    invalid = {f"the invalid index {name}" for name, each in catalog.indexes.items() if not each.valid}
    return invalid | {
        f"the constraint {name}, NOT VALID" for name, each in catalog.constraints.items() if not each.validated
    }


def _told(found: StateDifferences, over: str) -> str:
    listed = found.listed
    return listed[0] + (f", and {len(listed) - 1} more" if len(listed) > 1 else "") + over


def _first_line(error: object) -> str:
    return str(error).splitlines()[0]


def _digest(view: Database) -> str:
    """What tells a state from another one: every object, every sequence's position, the fingerprint of every column."""
    contents = {name: [each.rows, each.key, each.columns] for name, each in view.contents.items()}
    known = json.dumps([view.catalog.to_json(), contents], sort_keys=True, default=str)
    return hashlib.sha256(known.encode()).hexdigest()
