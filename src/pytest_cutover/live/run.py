"""One plan's live run: connect, read the schema, save or load the baseline; then the criteria, one at a time."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import psycopg

from pytest_cutover.database import Database
from pytest_cutover.errors import CutoverError, NotChecked, QueryError
from pytest_cutover.live import limits
from pytest_cutover.live.addresses import URL, Address
from pytest_cutover.live.baseline import Baseline, SavedDatabase, baseline_path, load_baseline, save_baseline
from pytest_cutover.live.counts import CountedRows, compare_counts
from pytest_cutover.live.figures import Figures, take_figures
from pytest_cutover.live.history import earlier_figures, history_path
from pytest_cutover.live.postgresql import LivePostgres
from pytest_cutover.live.rehearsed import Rehearsed, rehearsed
from pytest_cutover.live.sqlite import LiveSqlite
from pytest_cutover.plan.model import Plan
from pytest_cutover.plan.values import format_duration
from pytest_cutover.sqlite.connection import SqliteTarget
from pytest_cutover.stages import Stage

_IDENTITY = """
SELECT c.system_identifier || ' ' || d.oid
FROM pg_catalog.pg_control_system() AS c, pg_catalog.pg_database AS d
WHERE d.datname = pg_catalog.current_database()
"""
_ROLE = """
SELECT current_user, current_setting('server_version'), rolsuper, rolbypassrls
FROM pg_catalog.pg_roles WHERE rolname = current_user
"""


@dataclass
class Session:
    """What the server says of itself and of our role."""

    server_version: str
    role: str = ""
    identity: str = ""
    notes: list[str] = field(default_factory=list)


class LiveRun:
    """Runs one plan's criteria against the database that people use, and keeps what is known of it."""

    def __init__(
        self, plan: Plan, address: Address, phase: str, baselines: Path, rehearsals: Mapping[str, Any],
        rehearsal_path: Path, progress: Callable[[str, str], None],
    ) -> None:  # fmt: skip
        self.plan = plan
        self.address = address
        self.phase = phase
        self.path = baseline_path(baselines, plan.name, address.slug)
        self.rehearsals = rehearsals
        self.rehearsal_path = rehearsal_path
        self.stages = {"baseline": Stage(), "verify": Stage()}
        self.session: Session | None = None
        self.saved = ""
        self.changed = 0
        self.uncounted: dict[str, str] = {}
        self.database: LivePostgres | LiveSqlite = (
            LiveSqlite(address.target)
            if isinstance(address.target, SqliteTarget)
            else LivePostgres(address.target, plan.file.live.max_scan)
        )
        self._progress = progress
        self._failure = ""
        self._before: SavedDatabase | None = None
        self._counts: CountedRows | None = None
        self._figures: Figures | None = None
        self._history = history_path(baselines, plan.name, address.slug)
        self._until = time.monotonic() + plan.file.live.budget if plan.file.live.budget is not None else None

    def before(self) -> Database:
        """What is known of the database before the migration: the saved baseline, or nothing."""
        if self._before is None:
            baseline = None if self.phase == "before" else load_baseline(self.path)
            unfit = self._not_of_this(baseline) if baseline is not None else ""
            self._before = SavedDatabase(
                self.database.dialect, self.database.language, None if unfit else baseline, self.path,
                lambda criterion: self.rehearsed().proves(criterion, self.plan), unfit,
            )  # fmt: skip
        return self._before

    def after(self) -> Database:
        """The live database, with its catalog read; in the phase `before` the baseline is saved by then."""
        if self._failure:
            raise NotChecked(self._failure)
        if self.session is None:
            began = time.perf_counter()
            stage = self.stages["baseline"]
            try:
                self._open()
                stage.outcome = "ok"
            except (NotChecked, CutoverError, psycopg.Error) as error:
                stage.outcome, stage.error = "failed", str(error)
                self._failure = str(error)
                raise NotChecked(self._failure) from error
            finally:
                stage.seconds = time.perf_counter() - began
                self.changed += 1
                self._progress("live", f"{stage.outcome} {stage.seconds:.1f} s")
        return self.database

    @contextmanager
    def checking(self, name: str, budget_s: float | None) -> Iterator[None]:
        """Within it the database answers one criterion.

        Raises:
            NotChecked: the run's own budget is used up, or the server cannot be reached.
        """
        self.after()
        if self._until is not None and time.monotonic() > self._until:
            assert self.plan.file.live.budget is not None
            raise NotChecked(
                f"the run's budget of {format_duration(self.plan.file.live.budget)} is used up ([live] budget)"
            )
        try:
            with self.database.checking(name, budget_s):
                yield
        finally:
            self.changed += 1

    def rehearsed(self) -> Rehearsed:
        """The rehearsal that this database is compared with. Raises NotChecked where there is none of this migration."""
        return rehearsed(self.rehearsals, self.plan, self.rehearsal_path)

    def ledger(self) -> CountedRows:
        """Whether the rows of every table number what the plan declares, against the baseline's."""
        if self._counts is None:
            before = self.before()
            assert isinstance(before, SavedDatabase)
            before.require("comparing rows")
            assert before.baseline is not None
            self._counts = compare_counts(before.baseline, self.database, self.plan.file.changes)
        return self._counts

    def figures(self) -> Figures:
        """What a run of the monitor writes down, those of earlier runs beside it."""
        self.after()
        assert self._figures is not None, f"the phase {self.phase} takes no figures"
        return self._figures

    @property
    def taken(self) -> Figures | None:
        """The figures, None where none were taken."""
        return self._figures

    @property
    def has_baseline(self) -> bool:
        """True where a baseline of this target was saved."""
        return self.path.is_file()

    def close(self) -> None:
        """Ends the session."""
        self.database.close()

    def forget_backup(self) -> None:
        """Nothing: a live run has no backup."""

    def _not_of_this(self, baseline: Baseline) -> str:
        """What else the baseline is one of, in words; empty where it is of this plan and database."""
        if baseline.plan != self.plan.name:
            return f"the plan {baseline.plan}"
        if baseline.target != self.address.name:
            return f"the target {baseline.target}"
        self.after()
        known = self.session.identity if self.session is not None else ""
        return "another database" if known and baseline.identity and known != baseline.identity else ""

    def _open(self) -> None:
        self._progress("live", f"connecting to {self.address.target.shown}, read-only")
        with self.database.checking("(schema)", limits.CATALOG_S):
            session = self._ask_session()
            try:
                catalog = self.database.catalog
            except QueryError as error:
                raise NotChecked(f"the schema cannot be read: {error}") from error
        if not catalog.tables:
            session.notes.append("The live database has no table: is it the right one, and may the role see it?")
        if self.phase == "before":
            self._save(session.server_version, session.identity)
        if self.phase == "monitor":
            self._figures = take_figures(self.database, self.plan.file.changes, earlier_figures(self._history))
            session.notes += self._figures.notes
        self.session = session

    def _ask_session(self) -> Session:
        if isinstance(self.database, LiveSqlite):
            # A path is where a name of the plan leads, and may change; of a URL it is all that tells two files apart.
            path = str(self.address.target.path) if isinstance(self.address.target, SqliteTarget) else ""
            version = str(self.database.scalar("SELECT sqlite_version()"))
            return Session(version, identity=path if self.address.name == URL else "")
        role, version, superuser, bypasses = self.database.query(_ROLE).rows[0]
        session = Session(str(version).split()[0], str(role), self._identity())
        if superuser:
            session.notes.append(
                f"The role {role} is a superuser: it sees every row whatever the policies say. The sessions were read-only "
                "all the same; a role with pg_read_all_data and pg_read_all_stats is enough."
            )
        elif bypasses:
            session.notes.append(f"The role {role} bypasses row-level security (BYPASSRLS): it sees every row.")
        return session

    def _identity(self) -> str:
        with suppress(QueryError):  # a server may keep it to itself
            return str(self.database.scalar(_IDENTITY))
        return ""

    def _save(self, version: str, identity: str) -> None:
        """Saves the baseline; a table that cannot be counted in time, or not at all, is named in it."""
        counts: dict[str, int] = {}
        for name, table in self.database.catalog.tables.items():
            if table.kind not in ("table", "partitioned"):
                continue
            try:
                with self.database.checking(f"(rows of {name})"):
                    counts[name] = self.database.count(name)
            except (QueryError, NotChecked) as error:
                self.uncounted[name] = str(error)
        taken = datetime.now(timezone.utc).isoformat(timespec="seconds").replace("+00:00", "Z")
        save_baseline(
            Baseline(
                self.plan.name, self.address.name, taken, self.plan.migration_sha256, version, counts, self.uncounted,
                self.database.catalog, identity,
            ),
            self.path,
        )  # fmt: skip
        self.saved = taken
