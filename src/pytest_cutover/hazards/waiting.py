"""Locks that are waited for too long, or kept too long."""

from __future__ import annotations

from collections.abc import Iterator
from typing import ClassVar

from pytest_cutover.hazards.base import Hazard, Scene
from pytest_cutover.plan.values import format_duration
from pytest_cutover.trace import Held, Transaction
from pytest_cutover.trace.model import at_least, spelled
from pytest_cutover.trace.sampler import FROM_OUTSIDE
from pytest_cutover.trace.triggers import STRONG

WORK_S = 0.5
"""How long ACCESS EXCLUSIVE may be kept behind the statement that took it, in a rehearsal."""

_LATE_S = 0.25

_FLIGHTS = """\
CREATE TABLE flights (id int PRIMARY KEY, callsign text);
INSERT INTO flights SELECT g, 'F' || g FROM generate_series(1, 1000) AS g;"""


class NoLockTimeout(Hazard):
    """It waits for a lock without a limit, and whoever comes later waits behind it."""

    ID: ClassVar[str] = "no-lock-timeout"
    HURTS: ClassVar[str] = (
        "One long report or a forgotten transaction makes the DDL wait, and every new query on the table waits behind the DDL: the table "
        "is down for as long as the report runs."
    )
    SAFER: ClassVar[str] = (
        "SET lock_timeout = '2s' ahead of the DDL, and try again where it is cancelled. A limit that production gives the role with "
        "ALTER ROLE … SET is not in a backup: give it to the role in the plan's prelude."
    )
    BEFORE: ClassVar[str] = _FLIGHTS
    BAD: ClassVar[str] = "ALTER TABLE flights ADD COLUMN cid int;"
    GOOD: ClassVar[str] = "SET lock_timeout = '2s';\nALTER TABLE flights ADD COLUMN cid int;"

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        for command in scene.trace.commands:
            if command.lock_timeout != "0":
                continue
            for oid, modes in command.took.items():
                table = scene.trace.before.get(oid)
                mode = spelled(max(modes, key=STRONG.index))
                if table is not None and table.table is None and at_least(mode, "SHARE"):
                    yield table.name, f"{command} waits for {mode} on {table.name} without a lock_timeout", table.name
        for transaction in scene.trace.transactions:
            for wait in transaction.waits:
                if wait.lock_timeout == "0":
                    message = f"{wait.by} waits for {wait.mode} on {wait.table} without a lock_timeout"
                    yield wait.table, message, wait.table


class WorkAfterExclusive(Hazard):
    """It works on in the transaction that has locked everybody out of a table."""

    ID: ClassVar[str] = "work-after-exclusive"
    HURTS: ClassVar[str] = (
        "A lock lasts until the transaction ends: an ALTER TABLE of a millisecond, followed by a backfill of a minute, is a minute "
        f"without the table. Told from {format_duration(WORK_S)} on, measured in the rehearsal."
    )
    SAFER: ClassVar[str] = (
        "Commit behind the ALTER TABLE and fill in batches in transactions of their own; or do the long work first, and the ALTER TABLE last."
    )
    BEFORE: ClassVar[str] = _FLIGHTS
    BAD: ClassVar[str] = (
        "BEGIN;\nALTER TABLE flights ADD COLUMN cid int;\nUPDATE flights SET cid = id;\nSELECT pg_sleep(0.6); -- as a large table takes\n"
        "COMMIT;"
    )
    GOOD: ClassVar[str] = (
        "ALTER TABLE flights ADD COLUMN cid int;\nUPDATE flights SET cid = id;\nSELECT pg_sleep(0.6); -- as a large table takes"
    )

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        for transaction in scene.trace.transactions:
            for held in transaction.held:
                table = scene.trace.named(held.table)
                done = _done(transaction, held)
                if held.mode != "ACCESS EXCLUSIVE" or table is None or not table.bytes or done is None:
                    continue
                after = held.until - done
                if after >= WORK_S:
                    whole = format_duration(held.seconds)
                    by = "the statement that locked it" if held.by == FROM_OUTSIDE else held.by
                    message = (
                        f"nobody may read {held.table} for {whole}, {format_duration(after)} of it after {by} was done"
                    )
                    yield held.table, message, held.table


class ConcurrentIndexTimeout(Hazard):
    """It builds an index concurrently under a timeout that can leave half of it behind."""

    ID: ClassVar[str] = "concurrent-index-timeout"
    HURTS: ClassVar[str] = (
        "CREATE INDEX CONCURRENTLY waits for every older transaction. A statement_timeout or lock_timeout that ends it leaves an INVALID index, "
        "which costs writes, serves nobody, and is taken for the real one by IF NOT EXISTS."
    )
    SAFER: ClassVar[str] = (
        "SET statement_timeout = 0 and SET lock_timeout = 0 for this statement: it locks out nobody while it waits. Drop an invalid one "
        "with DROP INDEX CONCURRENTLY before trying again."
    )
    BEFORE: ClassVar[str] = _FLIGHTS
    BAD: ClassVar[str] = "SET statement_timeout = '1min';\nCREATE INDEX CONCURRENTLY by_callsign ON flights (callsign);"
    GOOD: ClassVar[str] = (
        "SET statement_timeout = 0;\nSET lock_timeout = 0;\nCREATE INDEX CONCURRENTLY by_callsign ON flights (callsign);"
    )

    @classmethod
    def find(cls, scene: Scene) -> Iterator[tuple[str, str, str]]:
        for command in scene.trace.commands:
            limits = [
                f"{name} = {value}"
                for name, value in (
                    ("statement_timeout", command.statement_timeout),
                    ("lock_timeout", command.lock_timeout),
                )
                if value != "0"
            ]
            for oid in command.oids if command.concurrently and limits else ():
                if (table := scene.filled(oid)) is not None:
                    yield table.name, f"{command} runs CONCURRENTLY with {' and '.join(limits)}", table.name


def _done(transaction: Transaction, held: Held) -> float | None:
    """When the statement that took the lock was done, None where that is not known."""
    ends = [each.ended for each in transaction.commands if each.began == held.since and str(each) == held.by]
    ends += [each.ended for each in transaction.statements if each.began == held.since]
    if not ends:
        # A look from outside does not tell what took it, and comes later on a busy machine.
        known = [each.ended for each in transaction.commands] + [each.ended for each in transaction.statements]
        ends = [max(end, held.since) for end in known if end >= held.since - _LATE_S]
    return min(ends, default=None)
