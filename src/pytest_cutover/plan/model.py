"""What a `plan.toml` may hold. The keys and their meanings are the product's contract."""

from __future__ import annotations

import re
from datetime import date, datetime
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field, StringConstraints, field_validator, model_validator
from typing_extensions import Self

from pytest_cutover.plan.values import Bytes, ColumnName, Count, Duration, ObjectName, Range, Size, TableName

PLAN_FILE = "plan.toml"

Phase = Literal["rehearsal", "before", "after", "monitor"]

Text = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]
Identifier = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]*$")]


class Section(BaseModel):
    """A table of the plan file: unknown keys are errors, values are never changed after reading."""

    model_config = ConfigDict(extra="forbid", frozen=True, arbitrary_types_allowed=True)


class Expect(Section):
    """Is this the database the plan was written for?"""

    tables: Count | None = Field(None, description="how many tables the restored database has")
    rows: dict[TableName, Count] = Field({}, description="how many rows each named table has")


class Backup(Section):
    """The file a rehearsal starts from."""

    path: Text | None = Field(None, description="the backup file: plain SQL, .gz or a pg_dump archive")
    command: list[Text] | None = Field(None, description="or: a program whose standard output is the backup")
    timeout: Duration = Field(600.0, description="how long `command` may take")
    max_bytes: int | None = Field(None, gt=0, description="how much `command` may print, in bytes")
    sha256: Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{64}$")] | None = Field(
        None, description="the file's SHA-256 in hexadecimal; checked when given"
    )
    taken: datetime | None = Field(None, description="when the backup was taken; else read from the archive's header")
    max_age: Duration | None = Field(None, description="an older backup, or one of unknown age, fails `backup_age`")
    prelude: list[Text] = Field(
        [],
        description="what the dump expects to exist, made before the restore: SQL files, or the ready-made `supabase`",
    )
    expect: Expect = Field(Expect(), description="is this the database the plan was written for?")

    @field_validator("taken")
    @classmethod
    def _with_zone(cls, taken: datetime | None) -> datetime | None:
        if taken is not None and taken.tzinfo is None:
            raise ValueError("give the zone, as in 2026-01-15T03:00:00Z")
        return taken

    @model_validator(mode="after")
    def _one_source(self) -> Self:
        if (self.path is None) == (self.command is None):
            raise ValueError("give either `path` or `command`")
        return self


class Sandbox(Section):
    """The disposable server."""

    image: Text | None = Field(None, description="container image; its major version is what production runs")
    extensions: list[Text] = Field([], description="extensions that must be available")

    @property
    def major(self) -> int | None:
        """The major version in the image's tag (`postgres:16.3-alpine` → 16), None where it has none."""
        match = re.search(r":(?:pg)?(\d+)", self.image.split("@")[0]) if self.image else None
        return int(match[1]) if match else None


_COMMAND_PLACES = {"python", "backup"}
_ENV_PLACES = {"url", "host", "port", "database", "user", "password", "path"}


def _places(text: str) -> set[str]:
    """The names of the placeholders in the text."""
    return set(re.findall(r"\{([a-z]+)\}", text))


def _listed(names: set[str]) -> str:
    return " ".join(f"{{{name}}}" for name in sorted(names))


class Step(Section):
    """One step: exactly one of `sql`, `command`, `flyway`."""

    sql: Text | None = Field(None, description="an SQL file, run statement by statement")
    command: list[Text] | None = Field(
        None, min_length=1, description="a program and its arguments; `{python}` is this Python, `{backup}` the backup"
    )
    flyway: Text | None = Field(None, description="a folder of Flyway migrations: V…__….sql and R__….sql")
    env: dict[str, str] = Field(
        {}, description="the command's environment; may hold {url} {host} {port} {database} {user} {password} {path}"
    )
    placeholders: dict[str, str] = Field({}, description="Flyway placeholders")
    settings: dict[str, Any] = Field({}, description="Flyway settings")
    budget: Duration | None = Field(None, description="how long the step may take")

    @model_validator(mode="after")
    def _one_runner(self) -> Self:
        given = [name for name in ("sql", "command", "flyway") if getattr(self, name) is not None]
        if len(given) != 1:
            raise ValueError("give exactly one of `sql`, `command`, `flyway`")
        if self.env and not self.command:
            raise ValueError("`env` belongs to a `command` step")
        for word in self.command or []:
            for name in _places(word) - _COMMAND_PLACES:
                # Every account of the machine can read a command line.
                hint = "; what leads to the database belongs in `env`" if name in _ENV_PLACES else ""
                raise ValueError(f"`command` may hold {_listed(_COMMAND_PLACES)}, not {{{name}}}{hint}")
        for key, value in self.env.items():
            for name in _places(value) - _COMMAND_PLACES - _ENV_PLACES:
                raise ValueError(f"env.{key} may hold {_listed(_COMMAND_PLACES | _ENV_PLACES)}, not {{{name}}}")
        if (self.placeholders or self.settings) and not self.flyway:
            raise ValueError("`placeholders` and `settings` belong to a `flyway` step")
        return self

    @property
    def name(self) -> str:
        """What the step is called in output: its file, folder or program."""
        if self.command is not None:
            return " ".join(self.command)
        return self.sql or self.flyway or ""


class Migrate(Section):
    """The migration itself."""

    role: Text | None = Field(
        None,
        description="run as this role, not as superuser; without one, what takes a superuser is a [hazard](hazards.md#superuser-only)",
    )
    rerun: Literal["converges", "refuses"] = Field(
        "converges", description="a second run gives the same state, or fails cleanly and changes nothing"
    )
    budget: Duration | None = Field(None, description="how long all steps may take: the `duration` criterion")
    hazards: Literal["warn", "fail"] = Field(
        "warn",
        description="what hurts a busy database while the migration runs: told beside the verdict, or each a criterion",
    )
    busy: list[TableName] | None = Field(
        None,
        description="tables whose readers and writers are watched for how long they wait; left out: the largest three that "
        "`[changes]` touches; besides them, each table of a `locks` criterion with `within`",
    )
    steps: list[Step] = Field(min_length=1, description="in order; the first error stops")


class Rollback(Section):
    """One way back, rehearsed on its own copy of the migrated database."""

    name: Identifier = Field(description="what it is called; its criterion is `restores_baseline:NAME`")
    steps: list[Step] = Field([], description="the steps back")
    restore: bool = Field(False, description="instead: a fresh database from the backup")
    budget: Duration | None = Field(None, description="how long it may take")
    residue: list[ObjectName] = Field([], description="differences from the baseline that are accepted, by name")

    @model_validator(mode="after")
    def _one_way(self) -> Self:
        if self.restore == bool(self.steps):
            raise ValueError("give either `steps` or `restore = true`")
        return self


class RowChanges(Section):
    """How one table's rows may change."""

    changed: list[ColumnName] = Field([], description="the columns whose values may change")
    added: Count = Field(Range.parse(0), description="how many rows may appear")
    deleted: Count = Field(
        Range.parse(0), description="how many rows may go; of a dropped table any, unless this is said"
    )


class Changes(Section):
    """What may change; everything else stays as it was, to the byte."""

    added: list[ObjectName] = Field([], description="objects that appear")
    dropped: list[ObjectName] = Field([], description="objects that go")
    altered: list[ObjectName] = Field([], description="objects whose definition changes")
    rows: dict[TableName, RowChanges] = Field({}, description="tables whose rows change")


class Live(Section):
    """Limits for live runs."""

    budget: Duration | None = Field(None, description="how long the whole run may take")
    max_scan: Bytes = Field(
        Size.parse("1GB"),
        description="how much one statement may read; a larger table is read by ranges of its key where the kind allows",
    )
    transaction: Duration = Field(
        60.0, description="before: a transaction that is open for longer fails `preflight:transactions`"
    )
    lock: Duration = Field(
        1.0,
        description="before: how long a transaction may hold a lock on a table of the migration, or be prepared; "
        "monitor: how long a session may wait for a lock",
    )
    connections_left: int = Field(5, ge=0, strict=True, description="before: so many connections must be free")
    standbys: int = Field(0, ge=0, strict=True, description="before: so many standbys must be connected")
    replication_lag: Duration = Field(10.0, description="before: how late a standby may be")
    replication_bytes: Bytes = Field(Size.parse("64MB"), description="before: how much WAL a standby may be behind")
    slow_statement: Duration | None = Field(
        None, description="monitor: a statement that takes longer on average fails `health:statements`"
    )
    unused_index: Duration | None = Field(
        None, description="monitor: an added index that is not used for so long fails `health:unused`"
    )


class Report(Section):
    """What the report may show."""

    evidence: Literal["none", "keys", "rows"] = Field("keys", description="how much of the rows behind a finding")
    mask: list[Text] = Field([], description="columns never shown, as *.email")


class Criterion(Section):
    """One success criterion: what every kind has in common. The kinds of `criteria/` add their own keys."""

    KIND: ClassVar[str] = ""

    id: Identifier = Field(description="unique in the plan; part of the test id; never reused for another meaning")
    kind: str = Field(description="one of the kinds")
    why: Text | None = Field(None, description="printed in the report")
    source: Text | None = Field(None, description="the line of the written plan that this proves")
    phases: list[Phase] = Field(
        ["rehearsal", "before", "after", "monitor"], min_length=1, description="when it applies"
    )
    budget: Duration | None = Field(None, description="how long checking it may take on a live database")


class OwnCriterion(Criterion):
    """A criterion of a kind that a team's own marked test checks."""

    params: dict[str, Any] = Field({}, description="the settings of the team's own kind")


class Waiver(Section):
    """A known failure, accepted by a named owner until a date."""

    criterion: Text = Field(description="the criterion's id")
    accepts: Text = Field(description="the actual value that is accepted; another one fails all the same")
    owner: Text = Field(description="a team or role")
    until: date = Field(description="the last day")
    reason: Text = Field(description="why")


class PlanFile(Section):
    """The whole file."""

    title: Text = Field(description="one line that says what the migration does")
    engine: Literal["postgresql", "sqlite"] = Field(description="the database engine")
    owner: Text | None = Field(None, description="a team or role")
    backup: Backup
    sandbox: Sandbox = Sandbox()
    migrate: Migrate
    rollback: list[Rollback] = []
    changes: Changes = Changes()
    targets: dict[str, Text] = Field({}, description="what --db-url=NAME means for this plan")
    live: Live = Live()
    report: Report = Report()
    criteria: list[Any] = Field(min_length=1, description="the success criteria")
    waivers: list[Waiver] = []


class Plan(BaseModel):
    """A plan that was read and found valid: the file's content, and where it lies."""

    model_config = ConfigDict(frozen=True, arbitrary_types_allowed=True)

    name: str
    folder: Path
    root: Path
    file: PlanFile
    criteria: tuple[Criterion, ...]
    plan_sha256: str
    migration_sha256: str

    def path(self, relative: str) -> Path:
        """The file that a path in the plan means."""
        return (self.folder / relative).resolve()
