"""The settings of a `flyway` step: Flyway's own names and defaults; what would do harm or has no effect is refused.

Names and defaults as in the configuration parameters of Flyway's documentation. Spring's spelling (`out-of-order`) and
the prefixes `flyway.` and `spring.flyway.` are understood. The four `ignore…Migrations` are those of Flyway 8 and older.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_cutover.flyway.version import Version
from pytest_cutover.names import nearest

PATTERN_TYPES = ("*", "versioned", "repeatable")
PATTERN_STATES = ("*", "missing", "pending", "ignored", "future")

_OF_THE_STEP = "it is the sandbox's: leave it out"
_REFUSED = {
    "url": _OF_THE_STEP, "user": _OF_THE_STEP, "password": _OF_THE_STEP, "driver": _OF_THE_STEP,
    "environment": _OF_THE_STEP, "enabled": "a step that is in the plan runs; leave it out",
    "locations": "the folder is the step's `flyway` key",
    "placeholders": "write them under the step's `placeholders` key",
    "callbacks": "callbacks are not run here; run what they do as a step of its own",
    "cleanOnValidationError": "it would wipe the database where a checksum differs; leave it out",
    "cherryPick": "it is not rehearsed here; name a `target`",
    "skipExecutingMigrations": "it writes a history of what never ran",
    "resolvers": "migrations in Java are not run here", "javaMigrations": "migrations in Java are not run here",
    "javaMigrationClassProvider": "migrations in Java are not run here",
    "dryRunOutput": "a rehearsal runs the migration", "undoSqlMigrationPrefix": "undo migrations are not run here",
    "baselineMigrationPrefix": "baseline migrations (B…__…) are not run here",
    "initSql": "it is not run here; write it as an `sql` step or into the migrations",
    "errorOverrides": "errors are never overridden here",
}  # fmt: skip


class SettingsError(ValueError):
    """Settings that cannot be used; holds every problem found."""

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        super().__init__("\n".join(problems))


@dataclass(frozen=True)
class Settings:
    """What Flyway is told to do; the fields are Flyway's parameters. `target` None means the latest version.

    A target is a Version, or "current" or "next".
    """

    baseline_description: str = "<< Flyway Baseline >>"
    baseline_on_migrate: bool = False
    baseline_version: Version = field(default=Version("1", (1,)))
    clean_disabled: bool = True
    create_schemas: bool = True
    default_schema: str | None = None
    encoding: str = "UTF-8"
    execute_in_transaction: bool = True
    fail_on_missing_target: bool = True
    group: bool = False
    ignore_future_migrations: bool = True
    ignore_ignored_migrations: bool = False
    ignore_migration_patterns: tuple[str, ...] = ()
    ignore_missing_migrations: bool = False
    ignore_pending_migrations: bool = False
    installed_by: str | None = None
    lock_retry_count: int = 50
    mixed: bool = False
    out_of_order: bool = False
    placeholder_prefix: str = "${"
    placeholder_replacement: bool = True
    placeholder_suffix: str = "}"
    postgresql_transactional_lock: bool = True
    repeatable_sql_migration_prefix: str = "R"
    schemas: tuple[str, ...] = ()
    sql_migration_prefix: str = "V"
    sql_migration_separator: str = "__"
    sql_migration_suffixes: tuple[str, ...] = (".sql",)
    table: str = "flyway_schema_history"
    target: Version | str | None = None
    validate_migration_naming: bool = False
    validate_on_migrate: bool = True

    @property
    def schema(self) -> str | None:
        """The schema of the history table where the settings name one; else it is the session's own."""
        return self.default_schema or (self.schemas[0] if self.schemas else None)

    def ignores(self, state: str, *, repeatable: bool) -> bool:
        """True where validation passes over migrations of this kind in this state."""
        by_flag = {
            "missing": self.ignore_missing_migrations, "pending": self.ignore_pending_migrations,
            "ignored": self.ignore_ignored_migrations,
            # A list of patterns takes the place of the default, which is *:future.
            "future": self.ignore_future_migrations and not self.ignore_migration_patterns,
        }  # fmt: skip
        kind = "repeatable" if repeatable else "versioned"
        patterns = {(name, what) for name in ("*", kind) for what in ("*", state)}
        return by_flag[state] or any(tuple(each.split(":")) in patterns for each in self.ignore_migration_patterns)


def known_names() -> list[str]:
    """Flyway's names of the settings that a step may have."""
    return sorted(_name(each) for each in Settings.__dataclass_fields__)


def read_settings(raw: Mapping[str, Any]) -> Settings:
    """The settings as a plan writes them.

    Raises:
        SettingsError: at least one is unknown, refused or has a wrong value; it lists all.
    """
    problems: list[str] = []
    found: dict[str, Any] = {}
    fields = {_name(each): each for each in Settings.__dataclass_fields__}
    for written, value in _flat(raw):
        name = _flyway_spelling(written)
        if name in _REFUSED:
            problems.append(f'the Flyway setting "{written}" is not for a rehearsal: {_REFUSED[name]}')
        elif name not in fields:
            known = known_names()
            problems.append(
                f'unknown Flyway setting "{written}". Known settings: {", ".join(known)}.{nearest(name, known)}'
            )
        elif fields[name] in found:
            problems.append(f'the Flyway setting "{name}" is given twice')
        else:
            try:
                found[fields[name]] = _reader(fields[name])(value)
            except ValueError as error:
                problems.append(f'the Flyway setting "{written}": {error}')
    if problems:
        raise SettingsError(problems)
    return Settings(**found)


def explicit(settings: Settings, raw: Mapping[str, Any]) -> dict[str, Any]:
    """The effective value of each setting that `raw` names, by Flyway's name."""
    fields = {_name(each): each for each in Settings.__dataclass_fields__}
    names = [_flyway_spelling(written) for written, _ in _flat(raw)]
    return {name: getattr(settings, fields[name]) for name in names}


def _flat(raw: Mapping[str, Any], prefix: str = "") -> list[tuple[str, Any]]:
    """Names and values; TOML reads a dotted key as a table in a table."""
    found: list[tuple[str, Any]] = []
    for name, value in raw.items():
        found += _flat(value, f"{prefix}{name}.") if isinstance(value, dict) else [(prefix + name, value)]
    return found


def _flyway_spelling(written: str) -> str:
    name = re.sub(r"^(spring\.)?flyway\.", "", written)
    return re.sub(r"-(\w)", lambda match: match[1].upper(), name)


def _name(field_name: str) -> str:
    if field_name == "postgresql_transactional_lock":
        return "postgresql.transactional.lock"
    return re.sub(r"_(\w)", lambda match: match[1].upper(), field_name)


def _reader(name: str) -> Callable[[object], Any]:
    special: dict[str, Callable[[object], Any]] = {
        "baseline_version": lambda value: Version.parse(_text(value)),
        "encoding": _encoding,
        "ignore_migration_patterns": _patterns,
        "lock_retry_count": _whole_number,
        "schemas": _texts,
        "sql_migration_suffixes": _texts,
        "target": _target,
    }
    default = Settings.__dataclass_fields__[name].default
    return special.get(name) or (_flag if isinstance(default, bool) else _text)


def _flag(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("write true or false")  # noqa: TRY004 (one kind of error for all)
    return value


def _text(value: object) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise ValueError("write a text")
    return value


def _texts(value: object) -> tuple[str, ...]:
    listed = value.split(",") if isinstance(value, str) else value
    if not isinstance(listed, list) or not listed or not all(isinstance(each, str) and each for each in listed):
        raise ValueError("write a list of texts")
    return tuple(each.strip() for each in listed)


def _whole_number(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int):
        raise ValueError("write a whole number")  # noqa: TRY004 (one kind of error for all)
    return value


def _encoding(value: object) -> str:
    if _text(value).upper().replace("-", "") != "UTF8":
        raise ValueError("files are read as UTF-8 here; convert them")
    return "UTF-8"


def _target(value: object) -> Version | str | None:
    text = _text(value)
    if text in ("current", "next"):
        return text
    return None if text == "latest" else Version.parse(text)


def _patterns(value: object) -> tuple[str, ...]:
    patterns = _texts(value)
    for pattern in patterns:
        kind, colon, state = pattern.partition(":")
        if not colon or kind not in PATTERN_TYPES or state not in PATTERN_STATES:
            raise ValueError(
                f'"{pattern}" is no pattern: write type:state with one of {", ".join(PATTERN_TYPES)} and one of '
                f"{', '.join(PATTERN_STATES)}"
            )
    return patterns
