"""The migrations of a folder: their names, order, checksums, and their text with placeholders filled in.

As Flyway's ResourceNameParser, SqlMigrationResolver, CompositeMigrationResolver, PlaceholderReplacingReader and
ChecksumCalculator: what does not have a migration's name is passed over in silence, which is why `Folder` names it.
"""

from __future__ import annotations

import re
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from pytest_cutover.errors import CutoverError
from pytest_cutover.flyway.settings import Settings
from pytest_cutover.flyway.version import Version

_LINE_ENDS = re.compile(r"\r\n|\r|\n")
_BEFORE_AND_AFTER = (
    "EachMigrate", "EachMigrateStatement", "EachUndo", "EachUndoStatement", "Baseline", "Clean", "Connect",
    "CreateSchema", "Info", "Migrate", "Repair", "Repeatables", "Undo", "Validate",
)  # fmt: skip
_CALLBACKS = re.compile(
    rf"(before|after)({'|'.join(_BEFORE_AND_AFTER)})(Error|Applied)?|afterVersioned|createSchema|deployLocation.*"
)
"""Event of Flyway's callback scripts (its enumeration Event)."""
_LIKE_A_MIGRATION = re.compile(r"(V[\d._]+_|R__)")
_UNDO = re.compile(r"U\d[\d._]*__")
_OF_THE_RUN = re.compile(r"flyway:(timestamp|user|database|workingDirectory|environment)", re.IGNORECASE)
_CODE_SUFFIXES = (".java", ".class", ".kt", ".groovy")


class FlywayError(CutoverError):
    """What Flyway would stop at, in its words where they are known."""


@dataclass(frozen=True)
class Migration:
    """One migration of the folder. `version` is None for a repeatable one; `script` is its path inside the folder.

    `text` has its placeholders filled in. `checksum` is what Flyway writes into the history. For a repeatable one,
    `raw_checksum` is that of the file as it lies there, which Flyway takes for the same.
    """

    version: Version | None
    description: str
    script: str
    text: str
    checksum: int
    raw_checksum: int
    in_transaction: bool | None = None

    @property
    def label(self) -> str:
        """What to call it in a sentence."""
        return f"version {self.version}" if self.version is not None else self.script

    def matches(self, checksum: int | None) -> bool:
        """True where the history's checksum is this migration's."""
        return checksum == self.checksum or (self.version is None and checksum == self.raw_checksum)


@dataclass(frozen=True)
class Folder:
    """The migrations in the order in which they run, and the files that Flyway passes over, each with the reason."""

    migrations: tuple[Migration, ...]
    unrecognised: tuple[tuple[str, str], ...] = ()


def checksum(text: str) -> int:
    """Flyway's checksum: CRC-32 over the UTF-8 bytes of the lines without line ends or byte order mark, signed 32 bits."""
    value = 0
    for line in _LINE_ENDS.split(text.removeprefix("\ufeff")):
        value = zlib.crc32(line.encode(), value)
    return value - (1 << 32) if value >> 31 else value


def refused_files(folder: Path, settings: Settings) -> list[str]:
    """What is wrong with a folder before anything runs, one sentence each: what this runner would leave out."""
    problems = []
    for path in _files(folder):
        name = path.name
        stem = _without_suffix(name, settings)
        shown = path.relative_to(folder).as_posix()
        if stem is not None and _CALLBACKS.fullmatch(stem.split(settings.sql_migration_separator)[0]):
            problems.append(f'"{shown}" is a Flyway callback, which is not run here; run it as a step of its own')
        elif name.endswith(_CODE_SUFFIXES) and re.match(r"[VRUB]\w*__", name):
            problems.append(f'"{shown}" is a migration in code, which is not run here; run Flyway as a `command` step')
        elif stem is not None and re.match(r"B\d[\d._]*__", stem) and settings.sql_migration_prefix != "B":
            problems.append(f'"{shown}" is a baseline migration, which is not run here; run Flyway as a `command` step')
    return problems


def resolve(
    folder: Path, settings: Settings, placeholders: Mapping[str, str], session: Mapping[str, str] | None = None
) -> Folder:
    """The migrations of the folder and the folders in it.

    `session` are Flyway's own placeholders that depend on the connection (`user`, `database`, `timestamp`).

    Raises:
        FlywayError: two have the same version or description, a placeholder has no value, or a file is not UTF-8.
    """
    found: list[Migration] = []
    unrecognised: list[tuple[str, str]] = []
    for path in _files(folder):
        stem = _without_suffix(path.name, settings)
        script = path.relative_to(folder).as_posix()
        if stem is None:
            if _LIKE_A_MIGRATION.match(path.name) and path.suffix != ".conf":
                unrecognised.append(
                    (script, f"its name does not end with {' or '.join(settings.sql_migration_suffixes)}")
                )
            continue
        if _UNDO.match(stem) and "U" not in (settings.sql_migration_prefix, settings.repeatable_sql_migration_prefix):
            # Only `flyway undo` runs it.
            continue
        try:
            version, description = _parse(stem, settings)
        except ValueError as error:
            unrecognised.append((script, str(error)))
            continue
        found.append(_read(path, script, version, description, settings, placeholders, session))
    found.sort(key=lambda each: (each.version is None, each.version or Version("0", (0,)), each.description))
    for one, other in pairwise(found):
        if one.version is not None and one.version == other.version:
            raise FlywayError(f"Found more than one migration with version {one.version}: {one.script}, {other.script}")
        if one.version is None and other.version is None and one.description == other.description:
            raise FlywayError(
                f"Found more than one repeatable migration with description {one.description}: "
                f"{one.script}, {other.script}"
            )
    if unrecognised and settings.validate_migration_naming:
        raise FlywayError("Invalid SQL filenames found: " + "; ".join(f"{name} ({why})" for name, why in unrecognised))
    return Folder(tuple(found), tuple(unrecognised))


def _files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.rglob("*") if path.is_file())


def _without_suffix(name: str, settings: Settings) -> str | None:
    return next((name[: -len(each)] for each in settings.sql_migration_suffixes if name.endswith(each)), None)


def _parse(stem: str, settings: Settings) -> tuple[Version | None, str]:
    versioned, repeatable = settings.sql_migration_prefix, settings.repeatable_sql_migration_prefix
    # The longer prefix is tried first.
    prefix = next((each for each in sorted((versioned, repeatable), key=len)[::-1] if stem.startswith(each)), None)
    if prefix is None:
        raise ValueError(f"it begins with neither {versioned} nor {repeatable}")
    before, _, after = stem[len(prefix) :].partition(settings.sql_migration_separator)
    description = after.replace("_", " ")
    if prefix == repeatable:
        if before:
            raise ValueError(f"a repeatable migration has no version: {prefix}{settings.sql_migration_separator}…")
        return None, description
    if not before:
        raise ValueError("it has no version")
    try:
        return Version.parse(before), description
    except ValueError as error:
        raise ValueError(f"{error}, then {settings.sql_migration_separator}") from None


def _read(
    path: Path, script: str, version: Version | None, description: str, settings: Settings,
    placeholders: Mapping[str, str], session: Mapping[str, str] | None,
) -> Migration:  # fmt: skip
    try:
        raw = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise FlywayError(f"{script} is not UTF-8 (byte {error.start})") from error
    if version is None and (found := _OF_THE_RUN.search(raw)) and settings.placeholder_replacement:
        raise FlywayError(
            f"{script}: a repeatable migration is hashed as it runs, so with {found[0]} it would run again and again, and "
            "differently in each database; leave it out"
        )
    own = {"flyway:filename": path.name, "flyway:table": settings.table}
    if settings.schema is not None:
        own["flyway:defaultSchema"] = settings.schema
    if session is not None:
        own |= {f"flyway:{name}": value for name, value in session.items()}
    text = raw
    if settings.placeholder_replacement:
        text = fill(raw, {**placeholders, **own}, settings, script, lenient=session is None)
    raw_checksum = checksum(raw)
    return Migration(
        version, description, script, text, raw_checksum if version is not None else checksum(text), raw_checksum,
        _script_configuration(path, script),
    )  # fmt: skip


def fill(
    text: str, values: Mapping[str, str], settings: Settings, script: str, *, lenient: bool = False
) -> str:  # fmt: skip
    """The text with each placeholder replaced, comments included; names do not depend on case.

    With `lenient`, Flyway's own placeholders that only a connection knows are left as they are.

    Raises:
        FlywayError: one has no value or no end.
    """
    by_name = {name.lower(): value for name, value in values.items()}
    prefix, suffix = settings.placeholder_prefix, settings.placeholder_suffix
    parts: list[str] = []
    position = 0
    while (begin := text.find(prefix, position)) >= 0:
        parts.append(text[position:begin])
        line = text.count("\n", 0, begin) + 1
        end = text.find(suffix, begin + len(prefix))
        if end < 0:
            raise FlywayError(f"{script}:{line}: a placeholder begins with {prefix} and has no {suffix}")
        name = text[begin + len(prefix) : end]
        position = end + len(suffix)
        if name.lower() in by_name:
            parts.append(by_name[name.lower()])
        elif lenient and name.lower().startswith("flyway:"):
            parts.append(text[begin:position])
        else:
            raise FlywayError(
                f"{script}:{line}: No value provided for placeholder: {prefix}{name}{suffix}. Give it under the step's "
                "`placeholders`, or, where the text is none (also in a comment), set another placeholderPrefix"
            )
    return "".join([*parts, text[position:]])


def _script_configuration(path: Path, script: str) -> bool | None:
    """What the file `NAME.sql.conf` beside a script says of `executeInTransaction`; None without one."""
    beside = path.with_name(path.name + ".conf")
    if not beside.is_file():
        return None
    found: bool | None = None
    for line in beside.read_text(encoding="utf-8").splitlines():
        name, _, value = (part.strip() for part in line.partition("="))
        if not name or name.startswith("#"):
            continue
        if name != "executeInTransaction" or value not in ("true", "false"):
            raise FlywayError(f"{script}.conf: only executeInTransaction = true or false is known here, found {line!r}")
        found = value == "true"
    return found
