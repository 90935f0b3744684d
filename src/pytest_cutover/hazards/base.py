"""What every hazard is: an id that never changes, a DBA's words, and two migrations that do the same job."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import ClassVar

from pytest_cutover.database import Database
from pytest_cutover.errors import NotChecked
from pytest_cutover.names import quote_relation
from pytest_cutover.ordinary.model import Ordinary
from pytest_cutover.trace import Held, Recording, Relation, Trace

_SIZE = """
SELECT CASE c.relkind WHEN 'p' THEN (
           SELECT coalesce(sum(pg_catalog.pg_table_size(part.relid)), 0)::bigint FROM pg_catalog.pg_partition_tree(c.oid) AS part
       ) ELSE pg_catalog.pg_table_size(c.oid) END, c.reltuples::bigint
FROM pg_catalog.pg_class AS c WHERE c.oid = pg_catalog.to_regclass(%s)
"""


@dataclass(frozen=True)
class Found:
    """A hazard that a migration has: on which object, in one sentence.

    `table` is the table that it is about, with its `bytes` on disk without indexes and its `rows` as ANALYZE estimated them
    before the migration; None where it was not there.
    """

    id: str
    object: str
    message: str
    table: str
    bytes: int | None = None
    rows: int | None = None

    @property
    def size(self) -> str:
        """The table's size for people."""
        return "" if self.bytes is None else f"{self.bytes / 1e6:,.1f} MB, {max(self.rows or 0, 0):,} rows"


@dataclass(frozen=True)
class Hazards:
    """All that were found; `unknown` has the reason by id for each that could not be looked for.

    `proved` says by id how it is known of one that it is not there, where more than a search tells.
    """

    found: tuple[Found, ...] = ()
    unknown: Mapping[str, str] = field(default_factory=dict)
    proved: Mapping[str, str] = field(default_factory=dict)

    def of(self, hazard: str) -> list[Found]:
        """Those of one id."""
        return [each for each in self.found if each.id == hazard]

    def named(self, hazard: str) -> str:
        """The objects of one id, so that a waiver accepts these and no others."""
        return ", ".join(sorted(each.object for each in self.of(hazard)))


def _nobody() -> Ordinary:
    raise NotChecked("the migration was not run as an ordinary owner of the database")


@dataclass
class Scene:
    """What a hazard is looked for in: the databases before and after, the trace between them, and who migrated.

    `ordinary` gives what an ordinary owner of the database gets of the migration, and raises NotChecked where that is not known.
    """

    before: Database
    after: Database
    recording: Recording
    role: str | None = None
    ordinary: Callable[[], Ordinary] = _nobody

    @cached_property
    def trace(self) -> Trace:
        """The trace. Raises NotChecked where there is none."""
        return self.recording.had()

    def locked(self, table: str, mode: str = "ACCESS EXCLUSIVE") -> Held | None:
        """The longest lock of that mode on the table."""
        return next((held for held in self.trace.held if held.table == table and held.mode == mode), None)

    def size(self, table: str) -> tuple[int | None, int | None]:
        """The table's bytes and rows before the migration, None where it was not there."""
        if table not in self.before.catalog.tables and table not in self.before.catalog.views:
            return None, None
        rows = self.before.query(_SIZE, (quote_relation(table),)).rows
        return (rows[0][0], rows[0][1]) if rows else (None, None)

    def filled(self, oid: int) -> Relation | None:
        """The table of that oid, or of its index, where it held something before the migration."""
        relation = self.trace.table(oid)
        return relation if relation is not None and relation.bytes else None


class Hazard(ABC):
    """Base of the hazards. A subclass says what it finds, and finds it; what it cannot tell, it does not find.

    The docstring's first line says what the migration does. `BEFORE` makes a database; `BAD` has the hazard, `GOOD` does the same
    job without it; both are run as tests. `ROLE` is who runs them, the superuser where it is empty.
    """

    ID: ClassVar[str]
    HURTS: ClassVar[str]
    """Why it hurts, in one or two sentences."""
    SAFER: ClassVar[str]
    """What to do instead."""
    BEFORE: ClassVar[str]
    BAD: ClassVar[str]
    GOOD: ClassVar[str]
    ROLE: ClassVar[str | None] = None
    TRACED: ClassVar[bool] = True
    """False where it can be told without."""
    AS_OWNER: ClassVar[bool] = False
    """True where it takes a run as an ordinary owner of the database."""

    @classmethod
    @abstractmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        """The object, the message, and the table of each that there is, several times for one object where that is so."""

    @classmethod
    def proof(cls, scene: Scene) -> str:
        """How it is known that there is none, empty where it was only not found."""
        return ""


def find(hazard: type[Hazard], scene: Scene) -> list[Found]:
    """The hazard wherever the migration has it, once for each object.

    Raises:
        NotChecked: it takes a trace, and there is none.
    """
    if hazard.TRACED:
        _ = scene.trace
    found: dict[str, Found] = {}
    for name, message, table in hazard.find(scene):
        if name not in found:
            found[name] = Found(hazard.ID, name, message, table, *scene.size(table))
    return list(found.values())
