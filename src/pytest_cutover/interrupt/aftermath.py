"""What becomes of a database that a cut has left: the migration runs again, and where it refuses, the ways back do."""

from __future__ import annotations

import hashlib
import itertools
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg

from pytest_cutover.content import differing_tables
from pytest_cutover.criteria.references import References
from pytest_cutover.database import Database
from pytest_cutover.engine import Engine
from pytest_cutover.errors import NotChecked
from pytest_cutover.interrupt.leftovers import left_over, told
from pytest_cutover.interrupt.model import Left, Outcome
from pytest_cutover.interrupt.numbering import DanglingError, Reference, close_gaps, gaps
from pytest_cutover.migrate.result import StepsRun
from pytest_cutover.names import quote_identifier
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
        self._moved: dict[str, int] = {}
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
            self.vary(table.table, tuple(table.columns))
        found = compare_states(self._reference, other, varying=self.varying)
        if found:
            raise NotChecked(f"two uninterrupted runs already differ: {found.listed[0]}")
        self._forget(other)
        self.drop(second)
        self._moved = self._values_moved(self._reference)

    def hold_against(self, rehearsed: Database, *, alike: bool) -> None:
        """Holds the uninterrupted run against the rehearsed one, up to wording and names of roles where the servers are not `alike`.

        Raises:
            NotChecked: it has not done the same, so that it tells nothing of what a cut spoils.
        """
        reference = self._reference
        assert reference is not None
        if alike:
            found = compare_states(rehearsed, reference, forward_sequences=True, varying=self.varying).listed
        else:
            # Another version words and hashes the same in another way, and another server's owner has another name.
            found = [f"column:{name}" for name in rehearsed.catalog.columns.keys() ^ reference.catalog.columns.keys()]
            counts = [{name: each.rows for name, each in one.contents.items()} for one in (rehearsed, reference)]
            found += [f"table:{name}" for name, rows in counts[0].items() if counts[1].get(name) != rows]
        if found:
            raise NotChecked(
                f"an uninterrupted run does not do what the rehearsed one did: {found[0]}; what lies outside of the database, "
                "as a file that a program leaves, tells it that it has run"
            )

    def vary(self, table: str, columns: Sequence[str]) -> None:
        """Leaves columns out of the comparison of which it is known that no two runs agree on them."""
        self.varying[table] = tuple(dict.fromkeys([*self.varying.get(table, ()), *columns]))

    # What a cut leaves.

    def judge(self, left: Left) -> tuple[Outcome, str]:
        """What migrating again leads to, and why where it is nothing good."""
        if left.state is not None and left.state in self._known and not (left.ended_well or left.beside):
            return self._known[left.state]
        view = self.view(left.database, "cut off")
        try:
            if left.ended_well and (found := self._unlike_reference(view, left.database)):
                return "neither", f"it goes on, ends as if all were done, and leaves another state: {told(found, '')}"
            # Beside a file there may be others, which nothing here compares.
            if left.beside or not isinstance(view, PostgresDatabase):
                return self._migrate_again(left.database, view)
            digest = _digest(view)
            if digest not in self._known:
                self._known[digest] = self._migrate_again(left.database, view)
            if left.state is not None:
                self._known[left.state] = self._known[digest]
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
                    f"migrating again goes through and leaves another state: {told(found, self._left_over(now))}",
                )
            stopped = f"migrating again stops ({_first_line(failed.error)})"
            changed = compare_states(was, now, forward_sequences=True)
            if changed:
                return "neither", f"{stopped} and changes {told(changed, self._left_over(now))}"
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
                        f"{stopped}, and the rollback {way.name} does not give the baseline back: {told(found, over)}",
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
        found = self._compare(reference, view)
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
            return self._compare(reference, closed)
        except (psycopg.Error, DanglingError):
            return found
        finally:
            self._forget(closed)
            self.drop(target)

    def _compare(self, reference: Database, view: Database) -> StateDifferences:
        """How they differ. Of values on which no two runs agree it counts in how many rows the baseline's were replaced."""
        found = compare_states(reference, view, forward_sequences=True, varying=self.varying)
        if found or not self.varying:
            return found
        moved = self._values_moved(view)
        counted = [
            (f"column:{name}", f"{moved.get(name, 0)} values set instead of {self._moved.get(name, 0)}")
            for name in sorted(self._moved.keys() | moved.keys())
            if self._moved.get(name) != moved.get(name)
        ]
        return StateDifferences(tuple(counted), (), (), ())

    def _values_moved(self, view: Database) -> dict[str, int]:
        """By column on which no two runs agree: how many rows hold another value than in the baseline, or in new rows one."""
        found: dict[str, int] = {}
        for each in differing_tables(self.baseline, view, self.varying):
            found |= {
                f"{each.table}.{name}": count
                for name, count in each.columns.items()
                if name in self.varying.get(each.table, ())
            }
        for table, names in self.varying.items():
            for name in names:
                filled = f"SELECT count({quote_identifier(name)}) FROM {view.relation(table)}"
                found[f"{table}.{name} (filled)"] = int(view.scalar(filled))
        return found

    def _left_over(self, view: Database) -> str:
        assert self._reference is not None
        return left_over(view.catalog, self.baseline.catalog, self._reference.catalog)


def _first_line(error: object) -> str:
    return str(error).splitlines()[0]


def _digest(view: Database) -> str:
    """What tells a state from another one: every object, every sequence's position, the fingerprint of every column."""
    contents = {name: [each.rows, each.key, each.columns] for name, each in view.contents.items()}
    known = json.dumps([view.catalog.to_json(), contents], sort_keys=True, default=str)
    return hashlib.sha256(known.encode()).hexdigest()
