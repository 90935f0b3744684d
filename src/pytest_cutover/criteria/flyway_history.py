"""Flyway's history agrees with the files, and with what ran."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field, PrivateAttr, ValidationInfo, field_validator, model_validator
from typing_extensions import Self

from pytest_cutover.criteria.base import Example
from pytest_cutover.criteria.checking import DatabaseKind
from pytest_cutover.database import Database
from pytest_cutover.finding import Evidence, Finding
from pytest_cutover.flyway import flyway_problems
from pytest_cutover.flyway.files import FlywayError, Folder, resolve
from pytest_cutover.flyway.history import Applied, select_history
from pytest_cutover.flyway.settings import Settings, SettingsError, read_settings
from pytest_cutover.flyway.state import Info, examine, pending, problems
from pytest_cutover.flyway.version import Version
from pytest_cutover.migrate.script import ScriptError, parse_script
from pytest_cutover.names import DEFAULT_SCHEMA, quote_identifier
from pytest_cutover.plan.model import Text


@dataclass(frozen=True)
class _Source:
    """One folder of migrations with its settings; `runs` where this tool itself runs it as a step."""

    folder: Path
    settings: Settings
    placeholders: dict[str, str]
    runs: bool


class FlywayHistory(DatabaseKind):
    """Flyway's history says that every migration of the folder ran, once, in order, as the file is, and none failed."""

    KIND: ClassVar[str] = "flyway_history"
    GROUP: ClassVar[str] = "history"
    PROVES: ClassVar[str] = (
        "The history table is there; every file of the plan's `flyway` steps has its row, with its checksum, description "
        "and type; no row is failed, without a file, or of a version that came late; no number is skipped among the new "
        "rows; no earlier row was changed or is gone; the newest version is `latest`. Settings that make Flyway look away "
        "(`outOfOrder`, `ignoreMigrationPatterns`, `validateOnMigrate`) do not make this criterion look away. Where the "
        "plan's own `flyway` steps run, each new row must be of a file that they ran."
    )
    CANNOT: ClassVar[str] = (
        "A row says that a file ran, not that its work is still there: pair it with criteria on what the migrations make. "
        "With `files` and a `command` step it cannot tell a row that was written by hand."
    )
    EXAMPLE: ClassVar[Example] = Example(
        criterion='latest = "2"',
        before="CREATE TABLE lots (id int PRIMARY KEY);\nINSERT INTO lots VALUES (1);",
        passing="ANALYZE lots;",
        failing="DELETE FROM flyway_schema_history WHERE version = '2'; -- to run it again one day",
        message="version 2 (rates) is pending",
        plan='migrate.steps = [{ flyway = "sql", settings = { baselineOnMigrate = true } }, { sql = "migration.sql" }]\n'
        'changes.added = ["table:flyway_schema_history", "column:lots.rate"]',
        files={"sql/V2__rates.sql": "ALTER TABLE lots ADD COLUMN rate int;\n"},
    )

    latest: Text | None = Field(None, description="the version that is the newest afterwards; files above it may wait")
    files: Text | None = Field(
        None, description="a folder of migrations; without it those of the plan's `flyway` steps"
    )
    settings: dict[str, Any] = Field({}, description="Flyway settings that go with `files`")
    placeholders: dict[str, str] = Field({}, description="Flyway placeholders that go with `files`")
    out_of_order: bool = Field(False, strict=True, description="whether a version may come after a newer one")

    _sources: list[_Source] = PrivateAttr(default_factory=list)

    @field_validator("latest")
    @classmethod
    def _version(cls, text: str | None) -> str | None:
        return None if text is None else Version.parse(text).text

    @model_validator(mode="after")
    def _read(self, info: ValidationInfo) -> Self:
        context = info.context or {}
        if "folder" not in context:
            raise ValueError("the files can only be read with the folder of the plan")
        folder, root = Path(context["folder"]), Path(context.get("root", context["folder"]))
        if self.files is None:
            if self.settings or self.placeholders:
                raise ValueError("`settings` and `placeholders` go with `files`; a flyway step has its own")
            steps = _flyway_steps(context.get("migrate"))
            if not steps:
                raise ValueError("the plan has no flyway step: name the folder with the key `files`")
            sources = [(step["flyway"], step.get("settings", {}), step.get("placeholders", {}), True) for step in steps]
        else:
            sources = [(self.files, self.settings, self.placeholders, False)]
        for name, settings, placeholders, runs in sources:
            path = (folder / name).resolve()
            if Path(name).is_absolute() or not path.is_relative_to(root.resolve()) or not path.is_dir():
                raise ValueError(f'files = "{name}": there is no such folder beside the plan')
            # What is wrong with a step is told where the step is.
            if not runs and (wrong := flyway_problems(path, settings, placeholders)):
                raise ValueError("; ".join(text for _, text in wrong))
            try:
                self._sources.append(_Source(path, read_settings(settings), placeholders, runs))
            except (SettingsError, AttributeError):
                if not runs:
                    raise
        return self

    def find(self, before: Database, after: Database) -> Finding:
        """Finds where history and files disagree."""
        was, earlier_wrong = self._earlier(before) if before.known else ("", False)
        wrong: list[tuple[str, str]] = []
        shown: list[str] = []
        for source in self._sources:
            said, found = self._examine(source, before, after)
            shown.append(said)
            wrong += found
        actual = "; ".join(dict.fromkeys(shown))
        expected = (f"version {self.latest}, " if self.latest else "") + "none pending, failed, missing or changed"
        if not wrong:
            return Finding(
                True, f"the history agrees with the files: {actual}", before=was, expected=expected, actual=actual,
                held_before=not earlier_wrong,
            )  # fmt: skip
        more = f", and {len(wrong) - 1} more" if len(wrong) > 1 else ""
        return Finding(
            False, f"{wrong[0][0]} {wrong[0][1]}{more}", before=was, expected=expected, actual=actual,
            evidence=(Evidence.of("Where history and files disagree", ("migration", "what"), wrong),),
            held_before=not earlier_wrong,
        )  # fmt: skip

    def _earlier(self, before: Database) -> tuple[str, bool]:
        shown, wrong = [], False
        for source in self._sources:
            said, found = self._examine(source, before, before)
            shown.append(said)
            wrong = wrong or bool(found)
        return "; ".join(dict.fromkeys(shown)), wrong

    def _examine(self, source: _Source, before: Database, after: Database) -> tuple[str, list[tuple[str, str]]]:
        """What one history holds, in words, and what is wrong with it."""
        strict = replace(
            source.settings, out_of_order=False, ignore_migration_patterns=(), ignore_missing_migrations=False,
            ignore_pending_migrations=False, ignore_ignored_migrations=False, ignore_future_migrations=False,
            fail_on_missing_target=False, target=Version.parse(self.latest) if self.latest else None,
        )  # fmt: skip
        table, schema = source.settings.table, _schema(source.settings, after)
        if not _exists(after, schema, table):
            gone = ", though it was there before" if before.known and _exists(before, schema, table) else ""
            return "no history", [(f"the history table {table}", f"is not there{gone}")]
        try:
            rows = _applied(after, schema, table)
            # Where nobody knows what was there before, the files alone say what should be.
            old = _applied(before, schema, table) if before.known else rows
            session = {"defaultSchema": schema, "user": "", "database": "", "timestamp": "", "workingDirectory": ""}
            folder = resolve(source.folder, source.settings, source.placeholders, session)
            infos = examine(folder.migrations, rows, strict)
        except (FlywayError, ValueError) as error:
            return "not readable", [(f"the history {table}", f"cannot be compared with the files: {error}")]
        newest = max((each.version for each in rows if each.version is not None and each.success), default=None)
        said = f"version {newest if newest is not None else 'none'}, {len(rows)} rows, {len(pending(infos, strict))} pending"
        return said, [
            *self._against_files(infos, strict, folder, newest),
            *self._among_rows(infos, rows, old),
            *_not_run(source, folder, rows, old, after),
        ]

    def _against_files(
        self, infos: list[Info], settings: Settings, folder: Folder, newest: Version | None
    ) -> list[tuple[str, str]]:
        found = [_told(info, text) for info, text in problems(infos, settings, ignore_pending=False)]
        found += [(name, f"is no migration to Flyway, and never runs: {why}") for name, why in folder.unrecognised]
        if self.latest is not None and newest != Version.parse(self.latest):
            found.append(
                ("the newest version", f"is {newest if newest is not None else 'none'}, expected is {self.latest}")
            )
        return found

    def _among_rows(self, infos: list[Info], rows: list[Applied], old: list[Applied]) -> list[tuple[str, str]]:
        found = []
        now = {each.rank: each for each in rows}
        # The row of a failed migration may go: Flyway's `repair` takes it away, too.
        known = [each for each in old if each.success or now.get(each.rank) == each]
        for each in known:
            if each.rank not in now:
                found.append((_name(each), "ran before, and its row is gone"))
            elif now[each.rank] != each:
                found.append((_name(each), "ran before, and its row was changed"))
        new = _new(rows, old)
        if not self.out_of_order:
            late = {info.applied.rank for info in infos if info.applied is not None and info.state == "OUT_OF_ORDER"}
            found += [(_name(each), "ran after a newer version") for each in new if each.rank in late]
        last = max((each.rank for each in known), default=0)
        for each in new:
            if each.rank not in (0, last + 1):
                found.append((_name(each), f"has the rank {each.rank}, though the row before it has {last}"))
            last = each.rank
        return found


def _not_run(
    source: _Source, folder: Folder, rows: list[Applied], old: list[Applied], after: Database
) -> list[tuple[str, str]]:
    """The new rows of files that no step ran."""
    if not source.runs or after.run is None:
        return []
    ran = {each.file for step in after.run.steps for each in step.statements}
    # A file without a statement runs without a trace.
    silent = {each.script for each in folder.migrations if not _holds_statements(each.text, each.script)}
    return [
        (_name(each), "has a row, and no step of the plan ran its file")
        for each in _new(rows, old)
        if each.type == "SQL" and each.script not in ran | silent
    ]


def _new(rows: list[Applied], old: list[Applied]) -> list[Applied]:
    """The rows that were not there before, in the order of their ranks."""
    ranks = {each.rank for each in old if each.success or each in rows}
    return [each for each in rows if each.rank not in ranks]


def _holds_statements(text: str, script: str) -> bool:
    try:
        return bool(parse_script(text, script))
    except ScriptError:
        return True


def _flyway_steps(migrate: Any) -> list[dict[str, Any]]:
    """The flyway steps of the plan's raw `migrate` table."""
    steps = migrate.get("steps") if isinstance(migrate, dict) else None
    listed = steps if isinstance(steps, list) else []
    return [each for each in listed if isinstance(each, dict) and isinstance(each.get("flyway"), str)]


def _schema(settings: Settings, database: Database) -> str:
    return settings.schema or str(database.scalar("SELECT current_schema()") or DEFAULT_SCHEMA)


def _exists(database: Database, schema: str, table: str) -> bool:
    query = "SELECT to_regclass(%s) IS NOT NULL"
    return bool(database.scalar(query, (f"{quote_identifier(schema)}.{quote_identifier(table)}",)))


def _applied(database: Database, schema: str, table: str) -> list[Applied]:
    if not _exists(database, schema, table):
        return []
    query = select_history(f"{quote_identifier(schema)}.{quote_identifier(table)}")
    return [Applied.of(row) for row in database.query(query).rows]


def _name(row: Applied) -> str:
    return f"version {row.version} ({row.description})" if row.version is not None else f"repeatable {row.description}"


def _told(info: Info, text: str) -> tuple[str, str]:
    """The problem in this tool's words where Flyway's are advice for a run; else Flyway's."""
    if info.applied is not None:
        name = _name(info.applied)
    else:
        assert info.migration is not None
        version, description = info.migration.version, info.migration.description
        name = f"version {version} ({description})" if version is not None else f"repeatable {description}"
    state = info.state.removeprefix("MISSING_").removeprefix("FUTURE_")
    short = {"PENDING": "is pending", "IGNORED": "is older than what ran, so it never runs", "FAILED": "failed"}
    if state == "OUTDATED":
        return name, "ran as an older file, so it is pending again"
    if info.migration is None and state != "FAILED":
        return name, "ran, and there is no file of it"
    return name, short.get(state) or text
