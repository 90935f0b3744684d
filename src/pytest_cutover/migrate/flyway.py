"""Runs a folder of Flyway migrations as `flyway migrate` would: the same order, the same history, the same refusals.

As Flyway's Flyway.migrate, DbMigrate, DbValidate and DbBaseline (Apache-2.0). One
connection keeps the history and the lock, another one runs the migrations, so that nothing that a migration sets for its
session reaches the history.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
from psycopg import sql

from pytest_cutover.errors import CutoverError, describe_error
from pytest_cutover.flyway.files import FlywayError, Folder, Migration, resolve
from pytest_cutover.flyway.history import History
from pytest_cutover.flyway.lock import locked
from pytest_cutover.flyway.script import in_transaction, waits_for_transactions
from pytest_cutover.flyway.settings import Settings, read_settings
from pytest_cutover.flyway.state import Info, examine, pending, problems
from pytest_cutover.migrate.result import Notice, StatementRun, StepError, StepRun
from pytest_cutover.migrate.script import Execute, ScriptError, Statement, execute, parse_script
from pytest_cutover.plan.model import Step
from pytest_cutover.target import Target

_SCHEMA_MARKER = "<< Flyway Schema Creation >>"


class _StoppedError(CutoverError):
    """A migration that failed, with its place."""

    def __init__(self, error: StepError) -> None:
        self.error = error
        super().__init__(str(error))


def run_flyway(step: Step, folder: Path, target: Target, execute: Execute = execute) -> StepRun:
    """Runs what is pending in the step's folder. A migration that runs in a transaction and fails leaves nothing."""
    assert step.flyway is not None
    run = _Run(folder / step.flyway, execute)
    began = time.perf_counter()
    error: StepError | None = None
    try:
        settings = read_settings(step.settings)
        # The sessions have the server's own settings: pinned ones would read dates unlike production does.
        with target.connect(pinned=False) as keeper, target.connect(pinned=False, autocommit=False) as runner:
            _Flyway(run, settings, step.placeholders, keeper, runner).migrate()
    except _StoppedError as stopped:
        error = stopped.error
    except (FlywayError, ValueError) as refused:
        error = StepError(str(refused))
    except psycopg.Error as failed:
        error = StepError(describe_error(failed), failed.sqlstate)
    return StepRun(
        step.name, "ok" if error is None else "failed", time.perf_counter() - began, step.budget, error,
        tuple(run.ran), tuple(run.notices),
    )  # fmt: skip


@dataclass
class _Run:
    """What happened so far, and which statement is running."""

    folder: Path
    execute: Execute
    ran: list[StatementRun] = field(default_factory=list)
    notices: list[Notice] = field(default_factory=list)
    file: str | None = None
    line: int | None = None

    def warn(self, text: str) -> None:
        """Notes what Flyway only logs."""
        self.notices.append(Notice("WARNING", text))

    def keep(self, diagnostic: psycopg.errors.Diagnostic) -> None:
        """Notes a message of the server."""
        severity = diagnostic.severity_nonlocalized or "NOTICE"
        self.notices.append(Notice(severity, diagnostic.message_primary or "", self.file, self.line))


class _Flyway:
    def __init__(
        self, run: _Run, settings: Settings, placeholders: dict[str, str], keeper: psycopg.Connection,
        runner: psycopg.Connection,
    ) -> None:  # fmt: skip
        self.run = run
        self.settings = settings
        self.keeper = keeper
        self.runner = runner
        self.major = keeper.info.server_version // 10000
        row = keeper.execute("SELECT current_user::text, current_schema()::text, current_database()::text").fetchone()
        assert row is not None
        user, current, database = row
        self.schema = settings.schema or current
        if self.schema is None:
            raise FlywayError(
                "Unable to determine current schema as search_path is empty. Set the current schema in Flyway's "
                "defaultSchema setting"
            )
        path = keeper.execute("SHOW search_path").fetchone()
        self.search_path = path[0] if path is not None else ""
        self.history = History(keeper, self.schema, settings.table, settings.installed_by or user)
        self.folder: Folder = resolve(
            run.folder, settings, placeholders,
            {
                "defaultSchema": self.schema, "user": user, "database": database,
                "timestamp": time.strftime("%Y-%m-%d %H:%M:%S"), "workingDirectory": str(run.folder),
            },
        )  # fmt: skip
        for name, why in self.folder.unrecognised:
            run.warn(f"{name} is passed over, because {why}")

    def migrate(self) -> None:
        if self.settings.validate_on_migrate:
            found = problems(self._infos(), self.settings, ignore_pending=True)
            if found:
                texts = "\n".join(text for _, text in found)
                raise FlywayError(f"Validate failed: Migrations have failed validation\n{texts}")
        if not self.history.exists():
            self._prepare()
        with locked(self.keeper, self.schema, self.settings.table, self.settings.lock_retry_count):
            for each in (self.keeper, self.runner):
                each.add_notice_handler(self.run.keep)
            if self.settings.out_of_order:
                self.run.warn("outOfOrder mode is active. Migration of schema may not be reproducible.")
            done: set[str] = set()
            while True:
                group = self._next(done)
                if not group:
                    break
                self._apply(group)
                done |= {each.script for each in group}
                if self.settings.target == "next":
                    break

    def _infos(self) -> list[Info]:
        return examine(self.folder.migrations, self.history.applied(), self.settings)

    def _prepare(self) -> None:
        """Makes the history table, in a schema that was empty or is to be baselined."""
        schemas = self.settings.schemas or (self.schema,)
        kept = {name: History(self.keeper, name, self.settings.table, self.history.installed_by) for name in schemas}
        full = [name for name, each in kept.items() if each.schema_exists() and not each.schema_is_empty()]
        settings = self.settings
        if full and not settings.baseline_on_migrate:
            names = ", ".join(f'"{name}"' for name in full)
            raise FlywayError(
                f"Found non-empty schema(s) {names} but no schema history table. Use baseline() or set baselineOnMigrate "
                "to true to initialize the schema history table."
            )
        made = []
        if not full and settings.create_schemas:
            made = [name for name, each in kept.items() if not each.schema_exists()]
            for name in made:
                self.keeper.execute(sql.SQL("CREATE SCHEMA {}").format(sql.Identifier(name)))
        with self.keeper.transaction():
            self.history.create()
            if made:
                names = ",".join(f'"{name}"' for name in made)
                self.history.add(None, _SCHEMA_MARKER, "SCHEMA", names, None, 0, success=True)
            if full:
                text = settings.baseline_description
                self.history.add(str(settings.baseline_version), text, "BASELINE", text, None, 0, success=True)

    def _next(self, done: set[str]) -> list[Migration]:
        """The migrations that run next: one, or with `group` all that are pending."""
        infos = self._infos()
        failed = [each for each in infos if each.state.endswith("FAILED")]
        if failed and not (len(failed) == 1 and self._may_fail(failed[0])):
            version = failed[0].version
            what = "a failed repeatable migration" if version is None else f"a failed migration to version {version}"
            raise FlywayError(f'Schema "{self.schema}" contains {what} !')
        if not done and any(each.state.startswith("FUTURE") for each in infos):
            newest = max(each.version for each in infos if each.applied is not None and each.version is not None)
            self.run.warn(
                f'Schema "{self.schema}" has a version ({newest}) that is newer than the latest available migration !'
            )
        found = [each for each in pending(infos, self.settings) if each.script not in done]
        return found if self.settings.group else found[:1]

    def _may_fail(self, info: Info) -> bool:
        return info.state == "FUTURE_FAILED" and self.settings.ignores("future", repeatable=False)

    def _apply(self, group: Sequence[Migration]) -> None:
        """Runs migrations in one transaction, or each statement by itself; then writes their rows."""
        parsed = []
        for each in group:
            try:
                statements = parse_script(each.text, each.script)
            except ScriptError as error:
                raise _StoppedError(error.error) from error
            self._refuse_waiting(each, statements)
            parsed.append((each, statements, in_transaction(each, statements, self.settings, self.major)))
        together = {inside for _, _, inside in parsed}
        if len(together) > 1 and not self.settings.mixed:
            first = next(each for each, _, inside in parsed if inside != parsed[0][2])
            raise FlywayError(
                "Detected both transactional and non-transactional migrations within the same migration group (even "
                f"though mixed is false). First offending migration: {first.label}"
            )
        inside = together == {True}
        self.runner.autocommit = not inside
        finished: list[tuple[Migration, int]] = []
        for each, statements, _ in parsed:
            began = time.perf_counter()
            try:
                self._reset()
                self._execute(each, statements)
                if inside and each is group[-1]:
                    self.runner.commit()
            except psycopg.Error as error:
                raise _StoppedError(self._undo(each, error, began, inside=inside)) from error
            finished.append((each, _milliseconds(began)))
            if not inside:
                self._record(each, finished.pop()[1], success=True)
        for each, milliseconds in finished:
            self._record(each, milliseconds, success=True)

    def _refuse_waiting(self, migration: Migration, statements: Sequence[Statement]) -> None:
        """Where Flyway waits for itself the rehearsal may not go through.

        Reported to Flyway as issues 3497, 3682 and 3854; the setting is its documented way out.
        """
        if not self.settings.postgresql_transactional_lock:
            return
        waiting = next((each for each in statements if waits_for_transactions(each.text)), None)
        if waiting is not None:
            raise _StoppedError(
                StepError(
                    "Flyway 9.1.2 and newer keeps a transaction open for its lock, and CONCURRENTLY may wait for that "
                    'without end: set "postgresql.transactional.lock" = false, here and in production (older versions '
                    "behave so)", None, migration.script, waiting.line, waiting.summary,
                )
            )  # fmt: skip

    def _reset(self) -> None:
        """Makes the session as it was, as Flyway does before each migration."""
        self.runner.execute("RESET ROLE")
        first = sql.Identifier(self.schema).as_string(self.runner)
        path = self.search_path
        if self.settings.schema is not None:
            rest = [part for part in path.split(", ") if part and part != self.schema]
            path = ", ".join([first, *rest])
        self.runner.execute("SELECT set_config('search_path', %s, false)", (path,))

    def _execute(self, migration: Migration, statements: Sequence[Statement]) -> None:
        run = self.run
        run.file = migration.script
        for statement in statements:
            run.line = statement.line
            started = time.perf_counter()
            try:
                cursor = run.execute(self.runner, statement)
            except psycopg.Error as error:
                position = error.diag.statement_position
                run.line = statement.line_at(int(position)) if position else statement.line
                raise
            seconds = time.perf_counter() - started
            run.ran.append(
                StatementRun(migration.script, statement.line, statement.summary, cursor.statusmessage or "", seconds)
            )
        run.line = None

    def _undo(self, migration: Migration, error: psycopg.Error, began: float, *, inside: bool) -> StepError:
        """Rolls back, or writes the failed row where that cannot be."""
        run = self.run
        if not self.runner.closed:
            self.runner.rollback()
        committed = any(
            each.file == migration.script and each.tag in ("COMMIT", "PREPARE TRANSACTION") for each in run.ran
        )
        if not inside:
            self._record(migration, _milliseconds(began), success=False)
            outcome = "what it did before stays, and the history holds a failed row"
        elif committed:
            outcome = "what came before its own COMMIT stays, and the history says nothing of it"
        else:
            outcome = "it was rolled back, and the history holds no row of it"
        statement = None if run.line is None else _shown(run, migration)
        message = f"migration of {migration.label} failed: {describe_error(error)}; {outcome}"
        return StepError(message, error.sqlstate, migration.script, run.line, statement)

    def _record(self, migration: Migration, milliseconds: int, *, success: bool) -> None:
        version = None if migration.version is None else str(migration.version)
        self.history.add(
            version, migration.description, "SQL", migration.script, migration.checksum, milliseconds, success=success
        )


def _milliseconds(began: float) -> int:
    return int((time.perf_counter() - began) * 1000)


def _shown(run: _Run, migration: Migration) -> str | None:
    """The line at which the server stopped."""
    lines = migration.text.splitlines()
    return lines[run.line - 1].strip() if run.line is not None and run.line <= len(lines) else None
