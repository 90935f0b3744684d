"""From the lines of a log to transactions with their locks. Pure: nothing here asks a server."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from pytest_cutover.trace.explicit import explicit_locks, waited_locks
from pytest_cutover.trace.log import Line
from pytest_cutover.trace.model import Command, Held, Relation, Statement, Transaction, Wait, spelled

_ENDS = re.compile(r"\s*(COMMIT|END|ROLLBACK|ABORT|PREPARE\s+TRANSACTION)\b(?!.*\bTO\b)", re.IGNORECASE | re.DOTALL)
_SAVES = re.compile(
    r"\s*(SAVEPOINT|ROLLBACK(?:\s+WORK|\s+TRANSACTION)?\s+TO(?:\s+SAVEPOINT)?)\s+(\"[^\"]+\"|\w+)\s*;?\s*$",
    re.IGNORECASE,
)
_SETTINGS = re.compile(
    r"\b(lock_timeout|set_config|RESET|DISCARD|COMMIT|END|ROLLBACK|ABORT|PREPARE|DO|CALL)\b", re.IGNORECASE
)
"""What may change lock_timeout, or give it back."""
_CASCADED = re.compile(r'truncate cascades to table "(.+)"')
_WORK = (
    "rewriting table",
    "verifying table",
    "building index",
    "validating foreign key constraint",
    "updated partition constraint for default partition",
)
_SLACK_S = 0.002
"""The log's own times are cut to milliseconds."""


@dataclass
class _Open:
    """A transaction that has not ended, as far as the lines read by now tell."""

    transaction: Transaction
    seen: float
    """When the locks were read last, or the transaction began."""
    last: float
    """When it was last heard of."""
    was_read: bool = False
    since: dict[tuple[int, str], float] = field(default_factory=dict)
    by: dict[tuple[int, str], str] = field(default_factory=dict)
    saved: dict[str, set[tuple[int, str]]] = field(default_factory=dict)
    """What was held when each savepoint was made."""
    unknown: set[tuple[int, str]] = field(default_factory=set)
    """Locks that the statement which is still running took before they were first seen."""


class Sessions:
    """Follows every session of a log."""

    def __init__(self, relations: Mapping[int, Relation]) -> None:
        self.transactions: list[Transaction] = []
        self._relations = relations
        self._open: dict[int, _Open] = {}
        self._running: dict[int, list[Command]] = {}
        self._truncated: dict[int, list[str]] = {}
        self._limits: dict[int, str] = {}
        self._waits: dict[int, list[Wait]] = {}

    def follow(self, lines: Iterable[Line]) -> list[Transaction]:
        """The transactions in the order in which they ended."""
        for line in lines:
            if line.event is not None:
                self._event(line, line.event)
            elif line.seconds is not None:
                self._statement(line, line.seconds)
            else:
                self._message(line)
        for pid, opened in list(self._open.items()):
            for command in self._running.pop(pid, ()):
                self._fail(opened, command)
            self._close(pid, opened.last)
        return self.transactions

    def _message(self, line: Line) -> None:
        running = self._running.get(line.pid)
        if running and line.text.startswith(_WORK):
            running[-1].messages.append(line.text)
        elif match := _CASCADED.match(line.text):
            self._truncated.setdefault(line.pid, []).append(match[1])

    def _event(self, line: Line, event: dict[str, Any]) -> None:
        opened = self._of(line, line.at)
        running = self._running.setdefault(line.pid, [])
        name, detail = event["event"], event["detail"] or []
        limit = self._limits[line.pid] = str(event["lock_timeout"])
        for wait in self._waits.pop(line.pid, ()):
            wait.lock_timeout = limit if wait.lock_timeout in (None, limit) else None
        if name == "ddl_command_start":
            command = Command(
                str(event["tag"]), line.at, 0.0, str(event["lock_timeout"]), str(event["statement_timeout"]),
                bool(event["concurrently"]),
            )  # fmt: skip
            running.append(command)
            self._read(opened, event, line.at, None)
            return
        if not running:
            return
        command = running[-1]
        if name == "table_rewrite":
            command.rewritten.append(int(event["detail"]))
            self._read(opened, event, line.at, command)
        elif name == "sql_drop":
            command.cascaded += [f"{each['type']} {each['name']}" for each in detail]
        else:
            # A command that failed inside a function which goes on has no end.
            while len(running) > 1 and running[-1].tag != event["tag"]:
                self._fail(opened, running.pop())
            command = running.pop()
            command.ended = line.at
            # GRANT names no object.
            named = [each for each in detail if each["oid"] is not None]
            command.names = tuple(str(each["name"]) for each in named)
            command.oids = tuple(int(each["table"] or each["oid"]) for each in named)
            command.keys = [(str(name), int(table), int(other)) for name, table, other in event["keys"] or ()]
            opened.transaction.commands.append(command)
            self._read(opened, event, line.at, command)
            if any("ShareLock" in command.locks.get(oid, ()) for oid in command.oids):
                # The word that tells it was in a comment, or in another statement of the same message.
                command.concurrently = False

    def _fail(self, opened: _Open, command: Command) -> None:
        """What began and never ended was ended by an error."""
        command.failed, command.ended = True, opened.last
        opened.transaction.commands.append(command)

    def _read(self, opened: _Open, event: dict[str, Any], at: float, command: Command | None) -> None:
        """Notes which locks are new, and which a ROLLBACK TO SAVEPOINT gave back."""
        held: set[tuple[int, str]] = {(int(oid), mode) for oid, mode, _ in event["locks"] or ()}
        for key in opened.since.keys() - held:
            self._give_back(opened, key, at)
        if command is not None:
            command.called = {int(oid): str(name) for oid, _, name in event["locks"] or ()}
            command.locks = {}
        for key in held:
            if command is not None:
                command.locks.setdefault(key[0], []).append(key[1])
            if key in opened.since:
                continue
            if command is not None:
                command.took.setdefault(key[0], []).append(key[1])
                opened.since[key], opened.by[key] = command.began, str(command)
            else:
                # An earlier statement took it: the first one since the locks were last read, at the earliest.
                earlier = [each for each in opened.transaction.statements if each.ended >= opened.seen - _SLACK_S]
                opened.since[key] = min((each.began for each in earlier), default=opened.seen)
                opened.by[key] = _verb(earlier[0].text) if len(earlier) == 1 else "an earlier statement"
                if not earlier and not opened.was_read:
                    opened.unknown.add(key)
        opened.seen, opened.was_read = at, True

    def _statement(self, line: Line, seconds: float) -> None:
        began = line.at - seconds
        opened = self._open.get(line.pid)
        over = line.transaction == 0
        belongs = opened is not None and (
            not over or _ENDS.match(line.text) is not None or began <= opened.last + _SLACK_S
        )
        if opened is not None and not belongs:
            # What the protocol's own message ended, nothing in the log ends.
            self._close(line.pid, opened.last)
        opened = self._open[line.pid] if belongs and over else self._of(line, began)
        if not opened.transaction.statements and not opened.transaction.commands:
            opened.transaction.began = min(opened.transaction.began, began)
        cascaded = tuple(self._truncated.pop(line.pid, ()))
        opened.transaction.statements.append(Statement(line.text, line.at, seconds, line.user, cascaded))
        opened.last = max(opened.last, line.at)
        for key in opened.unknown:
            opened.since[key] = min(opened.since[key], began)
        opened.unknown.clear()
        for command in self._running.pop(line.pid, ()):
            self._fail(opened, command)
        self._save(opened, line)
        self._wait(opened, line)
        for oid, mode in explicit_locks(line.text, cascaded, self._relations):
            if (oid, mode) not in opened.since:
                opened.since[oid, mode] = began
                opened.by[oid, mode] = _verb(line.text)
        if over:
            self._close(line.pid, line.at)

    def _wait(self, opened: _Open, line: Line) -> None:
        """Notes what the statement waits for, and that a later one may wait otherwise."""
        if _SETTINGS.search(line.text) is not None:
            self._limits.pop(line.pid, None)
            self._waits.pop(line.pid, None)
        held = {oid for oid, _ in opened.since}
        for oid, mode in waited_locks(line.text, self._relations):
            if oid not in held:
                wait = Wait(self._relations[oid].name, spelled(mode), _verb(line.text), self._limits.get(line.pid))
                opened.transaction.waits.append(wait)
                self._waits.setdefault(line.pid, []).append(wait)

    def _save(self, opened: _Open, line: Line) -> None:
        """A ROLLBACK TO SAVEPOINT gives back what was taken since, also where no event follows that could tell."""
        if (match := _SAVES.match(line.text)) is None:
            return
        name = match[2].strip('"').lower()
        if match[1].upper() == "SAVEPOINT":
            opened.saved[name] = set(opened.since)
        elif name in opened.saved:
            for key in opened.since.keys() - opened.saved[name]:
                self._give_back(opened, key, line.at)

    def _of(self, line: Line, began: float) -> _Open:
        opened = self._open.get(line.pid)
        if opened is not None and opened.transaction.virtual != line.virtual:
            concurrent = [each for each in self._running.get(line.pid, ()) if each.concurrently]
            if concurrent and line.transaction:
                # CREATE INDEX CONCURRENTLY is several transactions and one command.
                opened.transaction.virtual = line.virtual
            else:
                self._close(line.pid, opened.last)
                opened = None
        if opened is None:
            opened = _Open(Transaction(line.pid, line.virtual, began), began, began)
            self._open[line.pid] = opened
        opened.last = max(opened.last, line.at)
        return opened

    def _close(self, pid: int, at: float) -> None:
        opened = self._open.pop(pid)
        opened.transaction.ended = max(at, opened.last)
        for key in list(opened.since):
            self._give_back(opened, key, opened.transaction.ended)
        for command in opened.transaction.commands:
            self._of_concurrent_build(opened.transaction, command)
        self.transactions.append(opened.transaction)

    def _give_back(self, opened: _Open, key: tuple[int, str], at: float) -> None:
        since, by = opened.since.pop(key), opened.by.pop(key)
        relation = self._relations.get(key[0])
        if relation is not None and relation.table is None:
            opened.transaction.held.append(Held(relation.name, spelled(key[1]), since, at, by))

    def _of_concurrent_build(self, transaction: Transaction, command: Command) -> None:
        """It gives back what it held before its trigger can look."""
        for oid in command.oids if command.concurrently else ():
            relation = self._relations.get(oid)
            if relation is not None:
                transaction.held.append(
                    Held(relation.name, "SHARE UPDATE EXCLUSIVE", command.began, command.ended, str(command))
                )


def _verb(text: str) -> str:
    """The statement's first word: what follows may hold values."""
    words = [word for line in text.splitlines() if not line.lstrip().startswith("--") for word in line.split()]
    return words[0].upper().rstrip(";") if words else "an empty statement"
