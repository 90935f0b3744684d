"""What Flyway makes of files and history together: the state of each migration, what is wrong, what is to run.

As Flyway's MigrationInfoServiceImpl and MigrationInfoImpl, whose words the messages keep.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from pytest_cutover.flyway.files import FlywayError, Migration
from pytest_cutover.flyway.history import Applied, abbreviated_description
from pytest_cutover.flyway.settings import Settings
from pytest_cutover.flyway.version import Version

_SYNTHETIC = ("SCHEMA", "BASELINE", "DELETE")
_KNOWN_TYPES = (*_SYNTHETIC, "SQL", "JDBC", "SPRING_JDBC", "SCRIPT")


@dataclass(frozen=True)
class Info:
    """One migration: its file, its row of the history (either may be None, not both), and its state as Flyway calls it."""

    migration: Migration | None
    applied: Applied | None
    state: str

    @property
    def version(self) -> Version | None:
        """The version that the history gives, else the file."""
        return self.applied.version if self.applied is not None else self.migration.version  # type: ignore[union-attr]


def examine(migrations: Sequence[Migration], applied: Sequence[Applied], settings: Settings) -> list[Info]:
    """The state of every migration: the rows of the history in their order, then what is only a file, in its order.

    Raises:
        FlywayError: the target is no migration's version, or the history holds what is not understood.
    """
    for each in applied:
        if each.type not in _KNOWN_TYPES:
            raise FlywayError(f"the history's row {each.rank} is of type {each.type}, which is not understood here")
    context = _Context(migrations, applied, settings)
    rows = [Info(context.file_of(each), each, context.applied_state(each)) for each in applied]
    run = {id(info.migration) for info in rows if info.state not in ("DELETED", "OUTDATED", "SUPERSEDED")}
    for info in rows:
        if info.state == "BASELINE":
            run.discard(id(info.migration))
    waiting = [Info(each, None, context.waiting_state(each)) for each in migrations if id(each) not in run]
    return [*rows, *waiting]


def pending(infos: Sequence[Info], settings: Settings) -> list[Migration]:
    """The migrations that a run would apply, in this order."""
    found = [info.migration for info in infos if info.state == "PENDING" and info.migration is not None]
    return found[:1] if settings.target == "next" else found


def problems(infos: Sequence[Info], settings: Settings, *, ignore_pending: bool) -> list[tuple[Info, str]]:
    """What validation finds: each wrong one with Flyway's text; `ignore_pending` as in the one before a migration."""
    baseline = max((info.version for info in infos if info.state == "BASELINE" and info.version), default=None)
    found = []
    for info in infos:
        text = _problem(info, settings, baseline, ignore_pending)
        if text:
            found.append((info, text))
    return found


class _Context:
    """The newest version on each side, and the latest run of each repeatable migration."""

    def __init__(self, migrations: Sequence[Migration], applied: Sequence[Applied], settings: Settings) -> None:
        self.settings = settings
        self.by_version = {each.version: each for each in migrations if each.version is not None}
        self.by_description = {
            abbreviated_description(each.description): each for each in migrations if each.version is None
        }
        self.last_resolved = max(self.by_version, default=None)
        self.latest_runs = {each.description: each.rank for each in applied if each.version is None}
        self.baseline = max(
            (each.version for each in applied if each.type == "BASELINE" and each.version), default=None
        )
        self.deleted = _deleted(applied)
        self.out_of_order: set[int] = set()
        self.last_applied: Version | None = None
        for each in applied:
            if each.version is None or each.type == "DELETE" or each.rank in self.deleted:
                continue
            if self.last_applied is not None and each.version <= self.last_applied:
                self.out_of_order.add(each.rank)
            else:
                self.last_applied = each.version
        self.target = self._target()

    def _target(self) -> Version | None:
        target = self.settings.target
        if target == "current":
            return self.last_applied
        if not isinstance(target, Version):
            return None
        if self.settings.fail_on_missing_target and target not in self.by_version:
            raise FlywayError(
                f"No migration with a target version {target} could be found. Ensure target is specified correctly and "
                "the migration exists."
            )
        return target

    def file_of(self, row: Applied) -> Migration | None:
        if row.type == "SCHEMA":
            return None
        if row.version is None:
            return self.by_description.get(row.description)
        return self.by_version.get(row.version)

    def waiting_state(self, migration: Migration) -> str:
        version = migration.version
        if version is None:
            return "PENDING"
        if self.baseline is not None and version <= self.baseline:
            return "BELOW_BASELINE"
        if self.target is not None and version > self.target:
            return "ABOVE_TARGET"
        if self.last_applied is not None and version < self.last_applied and not self.settings.out_of_order:
            return "IGNORED"
        return "PENDING"

    def applied_state(self, row: Applied) -> str:
        if row.type == "BASELINE":
            return "BASELINE"
        if row.type in ("SCHEMA", "DELETE"):
            return "SUCCESS"
        if row.rank in self.deleted:
            return "DELETED"
        migration = self.file_of(row)
        if migration is None:
            newer = row.version is not None and (self.last_resolved is None or row.version > self.last_resolved)
            return f"{'FUTURE' if newer else 'MISSING'}_{'SUCCESS' if row.success else 'FAILED'}"
        if not row.success:
            return "FAILED"
        if row.version is None:
            if row.rank != self.latest_runs[row.description]:
                return "SUPERSEDED"
            return "SUCCESS" if migration.matches(row.checksum) else "OUTDATED"
        return "OUT_OF_ORDER" if row.rank in self.out_of_order else "SUCCESS"


def _deleted(applied: Sequence[Applied]) -> set[int]:
    """The ranks of rows that `repair` has marked as deleted by a later row of type DELETE."""
    found: set[int] = set()
    for number, each in enumerate(applied):
        if each.type == "DELETE" and each.success:
            earlier = [
                row.rank
                for row in applied[:number]
                if (row.version, row.version or row.description) == (each.version, each.version or each.description)
            ]
            found |= set(earlier[-1:])
    return found


def _problem(info: Info, settings: Settings, baseline: Version | None, ignore_pending: bool) -> str:
    row, migration, state = info.applied, info.migration, info.state
    repeatable = info.version is None
    name = row.description if row is not None else migration.description if migration is not None else ""
    if state in ("ABOVE_TARGET", "DELETED", "BELOW_BASELINE", "BASELINE"):
        return ""
    if state.endswith("FAILED") and not (state.startswith("FUTURE") and settings.ignores("future", repeatable=False)):
        if repeatable:
            return f"Detected failed repeatable migration: {name}. Please remove any half-completed changes then run repair."
        return (
            f"Detected failed migration to version {info.version} ({name}). Please remove any half-completed changes "
            "then run repair to fix the schema history."
        )
    if row is not None and migration is None and row.type not in _SYNTHETIC:
        if settings.ignores(state.split("_")[0].lower(), repeatable=repeatable):
            return ""
        return (
            f"Detected applied migration not resolved locally: {info.version or name}. If you removed this migration "
            "intentionally, run repair to mark the migration as deleted."
        )
    if state == "IGNORED" and not settings.ignores("ignored", repeatable=False):
        return (
            f"Detected resolved migration not applied to database: {info.version}. To ignore this migration, set "
            "ignoreMigrationPatterns to '*:ignored'. To allow executing this migration, set outOfOrder to true."
        )
    skip_pending = ignore_pending or settings.ignores("pending", repeatable=repeatable)
    if state == "PENDING" and row is None and not skip_pending:
        kind = "repeatable migration" if repeatable else "migration"
        return f"Detected resolved {kind} not applied to database: {info.version or name}."
    if state == "OUTDATED" and not skip_pending:
        return f"Detected outdated resolved repeatable migration that should be re-applied to database: {name}."
    if row is None or migration is None or row.type in _SYNTHETIC:
        return ""
    if info.version is not None and baseline is not None and info.version <= baseline:
        return ""
    return _mismatch(row, migration, state)


def _mismatch(row: Applied, migration: Migration, state: str) -> str:
    if row.type != "SQL":
        return _differs("type", row.label, row.type, "SQL")
    if row.version is not None and not migration.matches(row.checksum):
        return _differs("checksum", row.label, row.checksum, migration.checksum) + (
            " Either revert the changes to the migration, or run repair to update the schema history."
        )
    description = abbreviated_description(migration.description)
    if state not in ("OUTDATED", "SUPERSEDED") and description != row.description:
        return _differs("description", row.label, row.description, description)
    return ""


def _differs(what: str, label: str, applied: object, resolved: object) -> str:
    return (
        f"Migration {what} mismatch for migration {label}: applied to database {applied}, resolved locally {resolved}."
    )
