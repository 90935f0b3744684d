"""What a trace tells: transactions, what they ran, and which locks they held for how long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from pytest_cutover.plan.values import format_duration
from pytest_cutover.trace.triggers import STRONG

MODES = ("SHARE UPDATE EXCLUSIVE", "SHARE", "SHARE ROW EXCLUSIVE", "EXCLUSIVE", "ACCESS EXCLUSIVE")
"""The lock modes that are traced as PostgreSQL's documentation spells them, weakest first."""

_SPELLED = dict(zip(STRONG, MODES, strict=True))


def spelled(mode: str) -> str:
    """The mode of pg_locks as the documentation spells it."""
    return _SPELLED[mode]


def at_least(mode: str, wanted: str) -> bool:
    """True where the mode is the wanted one or a stronger one."""
    return MODES.index(mode) >= MODES.index(wanted)


@dataclass(frozen=True)
class Relation:
    """A table, a materialized view or an index that was there before; `rows` as ANALYZE estimated, -1 where unknown.

    `bytes` are on disk, without indexes. An index has its `table`'s oid.
    """

    oid: int
    name: str
    kind: str
    bytes: int
    rows: int
    table: int | None = None


@dataclass
class Command:
    """One DDL command as its event triggers saw it, also inside of a function. Times are seconds since 1970.

    `locks` are those that its transaction held when it ended, by table, `took` those of them that are its own; `called` is what
    these tables were called then. `names` are the objects that it made or altered, `cascaded` those that it dropped without being
    told their names, `keys` the foreign keys of what an ALTER TABLE locked: name, table, table referred to. `messages` are
    what the server said of the work done. One that `failed` was undone, its locks are not known.
    """

    tag: str
    began: float
    ended: float = 0.0
    lock_timeout: str = "0"
    statement_timeout: str = "0"
    concurrently: bool = False
    names: tuple[str, ...] = ()
    oids: tuple[int, ...] = ()
    cascaded: list[str] = field(default_factory=list)
    rewritten: list[int] = field(default_factory=list)
    messages: list[str] = field(default_factory=list)
    locks: dict[int, list[str]] = field(default_factory=dict)
    took: dict[int, list[str]] = field(default_factory=dict)
    called: dict[int, str] = field(default_factory=dict)
    keys: list[tuple[str, int, int]] = field(default_factory=list)
    failed: bool = False

    def __str__(self) -> str:
        return f"{self.tag} {', '.join(self.names[:3])}".strip()


@dataclass(frozen=True)
class Statement:
    """One statement that a session sent; `seconds` is what running it took, `user` who had logged in.

    `cascaded` are the tables that a TRUNCATE … CASCADE took along.
    """

    text: str
    ended: float
    seconds: float
    user: str
    cascaded: tuple[str, ...] = ()

    @property
    def began(self) -> float:
        """When it began."""
        return self.ended - self.seconds


@dataclass(frozen=True)
class Held:
    """A lock on a table that was there before, from when it was taken until it was given back, in seconds since 1970.

    `by` is what took it. `at_most`: that it was taken is known, but not when; it lasted no longer than what nobody could see.
    """

    table: str
    mode: str
    since: float
    until: float
    by: str
    at_most: bool = False

    @property
    def seconds(self) -> float:
        """How long it was held, or may have been at most."""
        return max(self.until - self.since, 0.0)

    @property
    def length(self) -> str:
        """How long it was held, for people."""
        return f"{'at most ' if self.at_most else ''}{format_duration(self.seconds)}"


@dataclass(frozen=True)
class Executed:
    """What the server counted of one statement as one role: how often it ran, how many rows, how long in all.

    `text` is its shape without a value, to be shown; `query` is as the server has it, which of what is no query keeps
    constants, and of a query has them as $1. `toplevel` is false for what ran inside of another one: of a function, a DO
    block, a trigger or the server's own work for a foreign key; its time is part of the other's. `role` is the one
    whose rights it had, also behind SET ROLE and inside of a SECURITY DEFINER function.
    """

    text: str
    query: str = field(repr=False)
    toplevel: bool
    role: str
    calls: int
    rows: int
    seconds: float


@dataclass
class Wait:
    """A lock that a statement without event triggers would wait for, SHARE or stronger.

    `lock_timeout` is what the session's DDL just ahead or behind of it saw, None where nothing tells.
    """

    table: str
    mode: str
    by: str
    lock_timeout: str | None


@dataclass
class Transaction:
    """One transaction, or a command that makes its own as CREATE INDEX CONCURRENTLY does."""

    pid: int
    virtual: str
    began: float
    ended: float = 0.0
    commands: list[Command] = field(default_factory=list)
    statements: list[Statement] = field(default_factory=list)
    held: list[Held] = field(default_factory=list)
    waits: list[Wait] = field(default_factory=list)


@dataclass(frozen=True)
class Trace:
    """What one run of a migration did to the tables that were there before.

    `executed` is what ran, the longest first; `not_counted` says why that is not known, or not all of it, and is empty
    where it is. `unseen` are locks that only these tell of. `tells_schemas` is false where the server counts what it does to
    tables of one name in several schemas as one statement, in the words of the first.
    `replaced` are the tables and indexes that have another file than before, `copied` the tables among them whose old rows are in it.
    """

    transactions: tuple[Transaction, ...]
    before: Mapping[int, Relation]
    executed: tuple[Executed, ...] = ()
    not_counted: str = "the statements were not counted"
    unseen: tuple[Held, ...] = ()
    tells_schemas: bool = True
    replaced: frozenset[int] = frozenset()
    copied: frozenset[int] = frozenset()

    @property
    def held(self) -> list[Held]:
        """Every lock of all transactions, the longest first."""
        seen = (each for one in self.transactions for each in one.held)
        return sorted((*seen, *self.unseen), key=lambda held: -held.seconds)

    @property
    def commands(self) -> Iterator[Command]:
        """The commands of all transactions, in order."""
        return (command for transaction in self.transactions for command in transaction.commands)

    def table(self, oid: int) -> Relation | None:
        """The table that was there before, also by the oid of one of its indexes."""
        found = self.before.get(oid)
        return self.before.get(found.table) if found is not None and found.table is not None else found

    def named(self, name: str) -> Relation | None:
        """The table of that name which was there before."""
        return next((each for each in self.before.values() if each.name == name and each.table is None), None)
